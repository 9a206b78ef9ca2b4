//! Caches of documents and persisted queries, bounded in entries and in bytes.

use std::sync::Arc;

use quick_cache::sync::{Cache, DefaultLifecycle};
use quick_cache::{DefaultHashBuilder, OptionsBuilder, Weighter};

use super::allow_list::DocumentHash;
use super::store::Document;

/// The text of a document, and the name of the operation in it.
pub(super) type DocumentKey = (Arc<str>, Option<String>);
pub(super) type DocumentCache = Cache<DocumentKey, Arc<Document>, Weight>;
pub(super) type PersistedCache = Cache<DocumentHash, Arc<str>, Weight>;

const MAX_DOCUMENTS: usize = 2_000;
const MAX_DOCUMENT_BYTES: u64 = 32 << 20;
const MAX_PERSISTED: usize = 2_000;
const MAX_PERSISTED_BYTES: u64 = 8 << 20;
/// The estimated size of a document's syntax tree, over twice its text.
const TREE_BYTES: usize = 4 * 1024;
/// A shard has an equal part of the bytes, and must have room for the longest text that a request
/// may send.
const SHARDS: usize = 8;

/// Weighs an entry by its bytes, but not below the bytes of an average entry of a full cache, so
/// that the bound in bytes is a bound in entries as well.
#[derive(Clone)]
pub(super) struct Weight {
    least: u64,
}

impl Weight {
    fn of(&self, bytes: usize) -> u64 {
        (bytes as u64).max(self.least)
    }
}

impl Weighter<DocumentKey, Arc<Document>> for Weight {
    fn weight(&self, (text, _): &DocumentKey, _: &Arc<Document>) -> u64 {
        self.of(2 * text.len() + TREE_BYTES)
    }
}

impl Weighter<DocumentHash, Arc<str>> for Weight {
    fn weight(&self, _: &DocumentHash, text: &Arc<str>) -> u64 {
        self.of(text.len())
    }
}

pub(super) fn documents() -> DocumentCache {
    bounded(MAX_DOCUMENTS, MAX_DOCUMENT_BYTES)
}

pub(super) fn persisted() -> PersistedCache {
    bounded(MAX_PERSISTED, MAX_PERSISTED_BYTES)
}

fn bounded<K, V>(entries: usize, bytes: u64) -> Cache<K, V, Weight>
where
    K: Eq + std::hash::Hash,
    V: Clone,
    Weight: Weighter<K, V>,
{
    let least = bytes.div_ceil(entries as u64);
    let options = OptionsBuilder::new()
        .estimated_items_capacity(entries)
        .weight_capacity(bytes)
        .shards(SHARDS)
        .build()
        .expect("both capacities are set");
    Cache::with_options(
        options,
        Weight { least },
        DefaultHashBuilder::default(),
        DefaultLifecycle::default(),
    )
}

#[cfg(test)]
mod tests {
    use super::super::allow_list::sha256;
    use super::*;

    fn key(number: usize) -> DocumentHash {
        sha256(&number.to_string())
    }

    fn text(bytes: usize) -> Arc<str> {
        "x".repeat(bytes).into()
    }

    #[test]
    fn keeps_what_is_used_and_forgets_the_rest() {
        let cache: PersistedCache = bounded(10, 1_000);
        cache.insert(key(0), text(7));
        for number in 1..50 {
            cache.insert(key(number), text(1));
            assert_eq!(cache.get(&key(0)), Some(text(7)), "after {number}");
            assert!(cache.len() <= 10, "{number}");
        }
        assert_eq!(cache.get(&key(49)), Some(text(1)));
    }

    #[test]
    fn is_bounded_by_bytes() {
        let cache: PersistedCache = bounded(40, 1_000);
        for number in 0..50 {
            cache.insert(key(number), text(200));
            assert!(cache.len() <= 5, "{number}");
        }
        assert_eq!(cache.get(&key(49)), Some(text(200)));
        cache.insert(key(99), text(1_001));
        assert_eq!(cache.get(&key(99)), None, "larger than the cache");
    }

    #[test]
    fn replaces_a_value_without_counting_it_twice() {
        let cache: PersistedCache = bounded(100, 1_000);
        (0..100).for_each(|_| cache.insert(key(1), text(30)));
        cache.insert(key(1), text(40));
        assert_eq!(cache.get(&key(1)), Some(text(40)));
        assert_eq!(cache.weight(), 40);
    }

    #[test]
    fn has_room_for_the_longest_request() {
        let longest = text(crate::TransportLimits::default().message_bytes);
        let cache = persisted();
        cache.insert(key(1), Arc::clone(&longest));
        assert_eq!(cache.get(&key(1)), Some(longest));
        assert!(cache.capacity() <= MAX_PERSISTED_BYTES);
        let cache = documents();
        assert!(cache.capacity() <= MAX_DOCUMENT_BYTES);
    }
}
