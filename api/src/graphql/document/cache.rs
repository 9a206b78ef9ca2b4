//! A map that forgets: bounded in entries and in weight, cheap to ask from many threads.

use std::borrow::Borrow;
use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Two generations: what was asked for since the young one began, and before. When the young one is
/// full the old one is dropped, so an entry that is used at least once a generation stays, and a
/// flood of new keys costs no bookkeeping.
pub(super) struct Cache<K, V> {
    generations: Mutex<Generations<K, V>>,
    entries: usize,
    weight: usize,
}

struct Generations<K, V> {
    young: HashMap<K, (V, usize)>,
    old: HashMap<K, (V, usize)>,
    weight: usize,
}

impl<K: Eq + Hash, V: Clone> Cache<K, V> {
    /// A cache of at most `entries` entries that weigh at most `weight` together.
    pub(super) fn new(entries: usize, weight: usize) -> Self {
        let generations = Generations {
            young: HashMap::new(),
            old: HashMap::new(),
            weight: 0,
        };
        Self {
            generations: Mutex::new(generations),
            entries: (entries / 2).max(1),
            weight: weight / 2,
        }
    }

    pub(super) fn get<Q: Eq + Hash + ?Sized>(&self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
    {
        let mut generations = self.lock();
        if let Some((value, _)) = generations.young.get(key) {
            return Some(value.clone());
        }
        let (key, (value, weight)) = generations.old.remove_entry(key)?;
        self.add(&mut generations, key, value.clone(), weight);
        Some(value)
    }

    /// Remembers a value, unless it alone is heavier than a generation may be.
    pub(super) fn put(&self, key: K, value: V, weight: usize) {
        if weight <= self.weight {
            let mut generations = self.lock();
            generations.old.remove(&key);
            self.add(&mut generations, key, value, weight);
        }
    }

    fn add(&self, generations: &mut Generations<K, V>, key: K, value: V, weight: usize) {
        if let Some((_, before)) = generations.young.remove(&key) {
            generations.weight -= before;
        }
        if generations.young.len() >= self.entries || generations.weight + weight > self.weight {
            generations.old = std::mem::take(&mut generations.young);
            generations.weight = 0;
        }
        generations.young.insert(key, (value, weight));
        generations.weight += weight;
    }

    /// A panic while the lock is held leaves at worst a forgotten entry.
    fn lock(&self) -> MutexGuard<'_, Generations<K, V>> {
        self.generations
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn held(cache: &Cache<u32, u32>) -> usize {
        let generations = cache.lock();
        generations.young.len() + generations.old.len()
    }

    #[test]
    fn keeps_what_is_used_and_forgets_the_rest() {
        let cache = Cache::new(10, 1_000);
        cache.put(0, 100, 1);
        for key in 1..50 {
            cache.put(key, key, 1);
            assert_eq!(cache.get(&0), Some(100), "after {key}");
            assert!(held(&cache) <= 10);
        }
        assert_eq!(cache.get(&1), None);
        assert_eq!(cache.get(&49), Some(49));
    }

    #[test]
    fn is_bounded_by_weight() {
        let cache = Cache::new(1_000, 100);
        for key in 0..50 {
            cache.put(key, key, 20);
            assert!(held(&cache) <= 5, "{key}");
        }
        cache.put(99, 99, 51);
        assert_eq!(cache.get(&99), None, "heavier than a generation");
    }

    #[test]
    fn replaces_a_value_without_counting_it_twice() {
        let cache = Cache::new(100, 100);
        (0..100).for_each(|round| cache.put(1, round, 30));
        assert_eq!(cache.get(&1), Some(99));
        assert_eq!(cache.lock().weight, 30);
    }
}
