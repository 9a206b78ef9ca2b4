//! Caches free time of remote schedulers, by week, with its age.
//!
//! A scheduler answers after a tenth of a second or not at all, and has a quota. A recent answer is
//! returned as it is; an older one is returned while a new one is fetched; only an uncached week
//! makes a caller wait, up to the caller's limit. Concurrent callers share one fetch per week.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use entity::Uuid;
use entity::coach::Scheduler;
use tokio::sync::watch;

use super::messages::FreeTime;

/// Length of a cached window; windows begin at UTC midnight.
pub(super) const WINDOW: TimeDelta = TimeDelta::days(7);
/// Up to this age an answer needs no refresh.
pub(super) const FRESH: TimeDelta = TimeDelta::seconds(30);
/// Beyond this age an answer is not used at all.
const USELESS: TimeDelta = TimeDelta::hours(24);
/// After a failed fetch there is no other for this long.
const PAUSE: TimeDelta = TimeDelta::seconds(2);
/// Most cached weeks; the least recently used are evicted.
const MOST: usize = 20_000;

/// A cache key.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Key {
    pub(super) scheduler: Scheduler,
    /// The scheduler's id of the event type.
    pub(super) event_type: String,
    /// Only if the event type has several lengths.
    pub(super) length: Option<i64>,
    /// The booking whose own time counts as free.
    pub(super) moving: Option<String>,
    /// Weeks since 1970-01-01.
    pub(super) week: i64,
}

/// An answer, and when it was requested.
#[derive(Clone, Debug)]
pub(super) struct CachedWeek {
    pub(super) free: FreeTime,
    pub(super) read_at: DateTime<Utc>,
}

struct Entry {
    coach_id: Uuid,
    known: Option<CachedWeek>,
    /// Number of invalidations.
    invalidations: u64,
    /// Value of `invalidations` when the cached answer was requested: if it has grown since, the
    /// answer may be shown, but not relied on.
    answered: u64,
    /// Value of `invalidations` when the running fetch began.
    asked: u64,
    fetching: Option<watch::Receiver<()>>,
    not_before: Option<DateTime<Utc>>,
    used_at: DateTime<Utc>,
}

impl Entry {
    fn is_fresh(&self, now: DateTime<Utc>) -> bool {
        self.invalidations == self.answered
            && self
                .known
                .as_ref()
                .is_some_and(|known| now - known.read_at <= FRESH)
    }
}

/// Cached weeks of free time.
///
/// A plain map under a lock, as cache crates share only the first fetch of an absent key: here a
/// stale answer stays while one caller fetches its successor, an entry is not evicted meanwhile,
/// and a coach's entries are put in doubt without being removed.
#[derive(Default)]
pub struct SlotCache {
    weeks: Mutex<HashMap<Key, Entry>>,
}

/// The result of a cache lookup.
pub(super) struct Lookup {
    pub(super) known: Option<CachedWeek>,
    /// Whether it may be relied on.
    pub(super) is_fresh: bool,
    /// Another caller is fetching it.
    pub(super) fetching: Option<watch::Receiver<()>>,
    /// The caller must fetch it, and finish with [`SlotCache::store`] or [`SlotCache::fail`].
    pub(super) to_fetch: Option<watch::Sender<()>>,
}

impl SlotCache {
    fn with<T>(&self, use_it: impl FnOnce(&mut HashMap<Key, Entry>) -> T) -> T {
        use_it(&mut self.weeks.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Looks up a week. At most one of several concurrent callers is told to fetch it.
    pub(super) fn look_up(&self, key: &Key, coach_id: Uuid, now: DateTime<Utc>) -> Lookup {
        self.with(|weeks| {
            if weeks.len() >= MOST && !weeks.contains_key(key) {
                make_room(weeks);
            }
            let entry = weeks.entry(key.clone()).or_insert_with(|| Entry {
                coach_id,
                known: None,
                invalidations: 0,
                answered: 0,
                asked: 0,
                fetching: None,
                not_before: None,
                used_at: now,
            });
            entry.used_at = now;
            entry.known.take_if(|known| now - known.read_at > USELESS);
            let is_fresh = entry.is_fresh(now);
            // The task that was fetching may have ended without a result.
            let fetching = entry
                .fetching
                .clone()
                .filter(|fetching| fetching.has_changed().is_ok());
            let may_fetch =
                !is_fresh && fetching.is_none() && entry.not_before.is_none_or(|then| then <= now);
            let (to_fetch, fetching) = if may_fetch {
                let (sender, receiver) = watch::channel(());
                entry.fetching = Some(receiver.clone());
                entry.asked = entry.invalidations;
                (Some(sender), Some(receiver))
            } else {
                (None, fetching)
            };
            Lookup {
                known: entry.known.clone(),
                is_fresh,
                fetching,
                to_fetch,
            }
        })
    }

    /// Stores a fetched week. `read_at` is when it was requested: later changes are not in it.
    pub(super) fn store(&self, key: &Key, known: CachedWeek) {
        self.with(|weeks| {
            if let Some(entry) = weeks.get_mut(key) {
                entry.known = Some(known);
                entry.answered = entry.asked;
                entry.fetching = None;
                entry.not_before = None;
            }
        });
    }

    /// Records a failed fetch; a cached answer stays.
    pub(super) fn fail(&self, key: &Key, now: DateTime<Utc>) {
        self.with(|weeks| {
            if let Some(entry) = weeks.get_mut(key) {
                entry.invalidations += 1;
                entry.fetching = None;
                entry.not_before = Some(now + PAUSE);
            }
        });
    }

    /// Invalidates a coach's weeks after a change in the calendar: they are fetched again before a
    /// caller may rely on them.
    pub fn invalidate(&self, coach_id: Uuid) {
        self.with(|weeks| {
            for entry in weeks
                .values_mut()
                .filter(|entry| entry.coach_id == coach_id)
            {
                entry.invalidations += 1;
            }
        });
    }
}

fn make_room(weeks: &mut HashMap<Key, Entry>) {
    let mut used: Vec<DateTime<Utc>> = weeks.values().map(|entry| entry.used_at).collect();
    let tenth = used.len() / 10;
    let (_, oldest, _) = used.select_nth_unstable(tenth);
    let oldest = *oldest;
    weeks.retain(|_, entry| entry.used_at > oldest || entry.fetching.is_some());
}

/// Waits for a fetch to end, with a time limit.
pub(super) async fn wait(mut fetching: watch::Receiver<()>, patience: Duration) {
    // The sender is dropped at the end of a fetch, also after a failure.
    let _ = tokio::time::timeout(patience, fetching.changed()).await;
}

#[cfg(test)]
mod tests {
    use super::*;

    const COACH: Uuid = Uuid::from_u128(7);

    fn key() -> Key {
        Key {
            scheduler: Scheduler::CalCom,
            event_type: "1".to_owned(),
            length: None,
            moving: None,
            week: 2_900,
        }
    }

    fn at(second: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_800_000_000 + second, 0).expect("a known instant")
    }

    fn answer(second: i64) -> CachedWeek {
        CachedWeek {
            free: FreeTime::Starts(vec![at(3_600)]),
            read_at: at(second),
        }
    }

    #[test]
    fn one_of_those_who_ask_together_fetches() {
        let cache = SlotCache::default();
        let first = cache.look_up(&key(), COACH, at(0));
        let second = cache.look_up(&key(), COACH, at(0));
        assert!(first.to_fetch.is_some() && second.to_fetch.is_none() && second.fetching.is_some());
        cache.store(&key(), answer(0));
        assert!(cache.look_up(&key(), COACH, at(30)).is_fresh);
        let old = cache.look_up(&key(), COACH, at(31));
        assert!(!old.is_fresh && old.known.is_some() && old.to_fetch.is_some());
    }

    #[test]
    fn what_changed_while_it_was_fetched_is_fetched_again() {
        let cache = SlotCache::default();
        let _first = cache.look_up(&key(), COACH, at(0));
        cache.invalidate(COACH);
        cache.store(&key(), answer(0));
        let look = cache.look_up(&key(), COACH, at(1));
        assert!(!look.is_fresh && look.to_fetch.is_some());
        cache.store(&key(), answer(1));
        assert!(cache.look_up(&key(), COACH, at(2)).is_fresh);
    }

    #[test]
    fn an_answer_in_doubt_is_not_relied_on_while_the_next_one_is_fetched() {
        let cache = SlotCache::default();
        let _first = cache.look_up(&key(), COACH, at(0));
        cache.store(&key(), answer(0));
        cache.invalidate(COACH);
        let fetches = cache.look_up(&key(), COACH, at(1));
        assert!(fetches.to_fetch.is_some());
        let other = cache.look_up(&key(), COACH, at(2));
        assert!(
            !other.is_fresh && other.known.is_some() && other.to_fetch.is_none(),
            "somebody fetches it, and it is not there yet"
        );
        // Nor after a failed fetch; then there is no other for a while.
        cache.fail(&key(), at(2));
        let again = cache.look_up(&key(), COACH, at(3));
        assert!(!again.is_fresh && again.to_fetch.is_none());
        assert!(cache.look_up(&key(), COACH, at(4)).to_fetch.is_some());
    }
}
