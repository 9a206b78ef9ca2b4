//! Calls that a stand-in has no endpoint for.

use std::sync::{Arc, Mutex, PoisonError};

/// `METHOD path` of every such call. Clones share the list, which outlives its stand-in.
#[derive(Clone, Debug, Default)]
pub struct UnknownCalls(Arc<Mutex<Vec<String>>>);

impl UnknownCalls {
    pub(crate) fn add(&self, method: &str, path: &str) {
        let mut list = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        list.push(format!("{method} {path}"));
    }

    /// The calls so far, oldest first.
    #[must_use]
    pub fn list(&self) -> Vec<String> {
        let list = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        list.clone()
    }
}
