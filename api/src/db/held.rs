//! The advisory locks that a transaction holds.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use sha2::{Digest, Sha256};

/// The names that a transaction has locked, so that locking one again costs no statement.
#[derive(Debug, Default)]
pub(super) struct Locks(Mutex<BTreeSet<i64>>);

impl Locks {
    /// Those of `names` that are not locked yet, in the common lock order.
    pub(super) fn missing<'n>(&self, names: impl IntoIterator<Item = &'n String>) -> BTreeSet<i64> {
        let held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut keys: BTreeSet<i64> = names.into_iter().map(|name| key(name)).collect();
        keys.retain(|key| !held.contains(key));
        keys
    }

    pub(super) fn add(&self, keys: BTreeSet<i64>) {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        held.extend(keys);
    }
}

fn key(name: &str) -> i64 {
    let digest = Sha256::digest(name);
    i64::from_be_bytes(digest[..8].try_into().expect("a digest has 32 bytes"))
}
