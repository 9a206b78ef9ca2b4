//! A cache of verified tokens.
//!
//! A browser sends the same token with every request for a minute. Verifying an RSA signature costs
//! tens of microseconds, a lookup less than one.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use sha2::{Digest, Sha256};

use super::claims::Claims;
use super::jwks::Key;

/// The hash of a whole token, signature included, so a forged signature is another entry.
pub(super) type Fingerprint = [u8; 32];

pub(super) fn fingerprint(token: &str) -> Fingerprint {
    Sha256::digest(token.as_bytes()).into()
}

#[derive(Clone)]
pub(super) struct Entry {
    pub(super) claims: Arc<Claims>,
    pub(super) kid: Arc<str>,
    pub(super) key: Arc<Key>,
}

/// A bounded cache in two generations: when the young one is full, the old one is dropped.
///
/// Only verified tokens are inserted, so strangers cannot fill it.
pub(super) struct TokenCache {
    half: usize,
    generations: Mutex<Generations>,
}

#[derive(Default)]
struct Generations {
    young: HashMap<Fingerprint, Entry>,
    old: HashMap<Fingerprint, Entry>,
}

impl TokenCache {
    pub(super) fn new(capacity: usize) -> Self {
        Self {
            half: capacity.div_ceil(2),
            generations: Mutex::default(),
        }
    }

    pub(super) fn find(&self, token: &Fingerprint) -> Option<Entry> {
        let mut generations = self.lock();
        if let Some(entry) = generations.young.get(token) {
            return Some(entry.clone());
        }
        let entry = generations.old.remove(token)?;
        self.put(&mut generations, *token, entry.clone());
        Some(entry)
    }

    pub(super) fn insert(&self, token: Fingerprint, entry: Entry) {
        self.put(&mut self.lock(), token, entry);
    }

    pub(super) fn remove(&self, token: &Fingerprint) {
        let mut generations = self.lock();
        generations.young.remove(token);
        generations.old.remove(token);
    }

    fn put(&self, generations: &mut Generations, token: Fingerprint, entry: Entry) {
        if self.half == 0 {
            return;
        }
        if generations.young.len() >= self.half {
            generations.old = std::mem::take(&mut generations.young);
        }
        generations.young.insert(token, entry);
    }

    /// The maps are valid between any two statements, so a poisoned lock is still valid.
    fn lock(&self) -> std::sync::MutexGuard<'_, Generations> {
        self.generations
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        let generations = self.lock();
        generations.young.len() + generations.old.len()
    }
}
