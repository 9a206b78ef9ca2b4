//! Label sets. Everything in them is either known when compiling or comes out of [`Names`], so a
//! caller cannot make series without end.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use prometheus_client::encoding::EncodeLabelSet;

/// Labels of HTTP requests: the route's pattern, never the path.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct Request {
    pub(super) route: Arc<str>,
    pub(super) method: &'static str,
    pub(super) status: &'static str,
}

/// One label that says what was measured.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct Name {
    pub(super) name: Arc<str>,
}

/// What was measured, and how it ended.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct Outcome {
    pub(super) name: Arc<str>,
    pub(super) outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct Delivery {
    pub(super) provider: &'static str,
    pub(super) trigger: Arc<str>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct Refusal {
    pub(super) provider: &'static str,
    pub(super) reason: &'static str,
}

/// A call to somebody else's service: the template of its route, never the path.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct Call {
    pub(super) provider: &'static str,
    pub(super) route: Arc<str>,
    pub(super) outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct Provider {
    pub(super) provider: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct State {
    pub(super) state: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct Build {
    pub(super) version: &'static str,
}

/// A bounded set of label values: names beyond the bound, and texts that are no names, all become
/// `other`.
pub(super) struct Names {
    known: RwLock<HashMap<Arc<str>, Arc<str>>>,
    room: usize,
    other: Arc<str>,
}

impl Names {
    const LENGTH_MAX: usize = 96;

    pub(super) fn new(room: usize) -> Self {
        Self {
            known: RwLock::default(),
            room,
            other: "other".into(),
        }
    }

    /// The shared copy of a name; allocates only the first time it is seen.
    pub(super) fn get(&self, name: &str) -> Arc<str> {
        if let Some(known) = self
            .known
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get(name)
        {
            return Arc::clone(known);
        }
        if name.is_empty()
            || name.len() > Self::LENGTH_MAX
            || !name.bytes().all(|byte| byte.is_ascii_graphic())
        {
            return Arc::clone(&self.other);
        }
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= self.room && !known.contains_key(name) {
            return Arc::clone(&self.other);
        }
        Arc::clone(known.entry(name.into()).or_insert_with_key(Arc::clone))
    }
}
