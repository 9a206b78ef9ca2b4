//! What stored deliveries say, by provider.

use std::collections::HashMap;

use chrono::{DateTime, Utc};

use crate::domain::scheduling::observation::Reported;

/// What a delivery says.
pub enum Delivered {
    /// Something about bookings.
    Reported(Reported),
    /// Nothing that is acted upon, perhaps about a booking.
    Ignored { uid: Option<String> },
    /// A trigger that this program does not know.
    Unknown,
}

/// Parses a body, which was sent at an instant where that is known. An error says why it can never
/// be understood.
pub type Parse = fn(&[u8], Option<DateTime<Utc>>) -> Result<Delivered, String>;

/// The parsers of all providers.
#[derive(Clone, Debug, Default)]
pub struct Parsers(HashMap<&'static str, Parse>);

impl Parsers {
    /// Adds a provider's.
    #[must_use]
    pub fn with(mut self, provider: &'static str, parse: Parse) -> Self {
        self.0.insert(provider, parse);
        self
    }

    /// A provider's, with its name.
    pub(super) fn find(&self, provider: &str) -> Option<(&'static str, Parse)> {
        self.0
            .get_key_value(provider)
            .map(|(name, parse)| (*name, *parse))
    }
}
