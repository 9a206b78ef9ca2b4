//! Label sets. Every value is known at compile time or comes from [`Names`], so a caller cannot
//! create unbounded series.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use prometheus_client::encoding::EncodeLabelSet;

/// Labels of HTTP requests: the route pattern, never the path.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct Request {
    pub(super) route: Arc<str>,
    pub(super) method: &'static str,
    pub(super) status: &'static str,
}

/// A single label: what was measured.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct Name {
    pub(super) name: Arc<str>,
}

/// What was measured, and its outcome.
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

/// A call to a provider: the route template, never the path.
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

/// A bounded set of label values: names beyond the bound and texts that are no valid names become
/// `other`.
pub(super) struct Names {
    names: RwLock<HashMap<Arc<str>, Arc<str>>>,
    room: usize,
    other: Arc<str>,
}

impl Names {
    const LENGTH_MAX: usize = 96;

    pub(super) fn new(room: usize) -> Self {
        Self {
            names: RwLock::default(),
            room,
            other: "other".into(),
        }
    }

    /// Returns the shared copy of a name; allocates only at its first use.
    pub(super) fn get(&self, name: &str) -> Arc<str> {
        if let Some(names) = self
            .names
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get(name)
        {
            return Arc::clone(names);
        }
        if name.is_empty()
            || name.len() > Self::LENGTH_MAX
            || !name.bytes().all(|byte| byte.is_ascii_graphic())
        {
            return Arc::clone(&self.other);
        }
        let mut names = self.names.write().unwrap_or_else(PoisonError::into_inner);
        if names.len() >= self.room && !names.contains_key(name) {
            return Arc::clone(&self.other);
        }
        Arc::clone(names.entry(name.into()).or_insert_with_key(Arc::clone))
    }
}
