//! Parses stored deliveries, by provider.

use std::collections::HashMap;

use chrono::{DateTime, Utc};

use crate::domain::scheduling::observation::Observation;

/// A parsed delivery.
pub enum Delivered {
    /// Observations about bookings.
    Reported(Vec<Observation>),
    /// A trigger that has no effect here; may have a booking uid.
    Ignored { uid: Option<String> },
    /// A trigger that this version does not know.
    Unknown,
}

/// Parses a body; the instant is when it was sent, if known. The error says why it can never be
/// parsed.
pub type Parse = fn(&[u8], Option<DateTime<Utc>>) -> Result<Delivered, String>;

/// The parsers of all providers.
#[derive(Clone, Debug, Default)]
pub struct Parsers(HashMap<&'static str, Parse>);

impl Parsers {
    /// Registers a provider's parser.
    #[must_use]
    pub fn with(mut self, provider: &'static str, parse: Parse) -> Self {
        self.0.insert(provider, parse);
        self
    }

    /// A provider's parser and static name.
    pub(super) fn find(&self, provider: &str) -> Option<(&'static str, Parse)> {
        self.0
            .get_key_value(provider)
            .map(|(name, parse)| (*name, *parse))
    }
}
