//! Cache of verified tokens. A page sends several requests at once with the same token: the
//! signature and the account are checked for the first of them, and the others reuse the result.
//!
//! Revoked rights take effect at once in the process that revokes them, and within [`LIFETIME`] in
//! others.

use std::sync::{PoisonError, RwLock};
use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};
use quick_cache::sync::Cache;

use crate::domain::Person;

/// Lifetime of an entry.
const LIFETIME: Duration = Duration::from_secs(1);
/// Maximum number of entries: more than a second brings, in a few megabytes.
const MAX_ENTRIES: usize = 10_000;

/// Entries by token.
pub struct Recent {
    by_token: Cache<Box<str>, Entry>,
    /// Results of checks that began before this are not used.
    cleared_at: RwLock<Option<Instant>>,
}

#[derive(Clone)]
struct Entry {
    found_at: Instant,
    /// By the clock that tokens are verified against.
    judged_at: DateTime<Utc>,
    person: Person,
}

impl Entry {
    fn is_valid(&self, now: DateTime<Utc>) -> bool {
        let lifetime = TimeDelta::from_std(LIFETIME).unwrap_or_default();
        let is_recent = self.found_at.elapsed() < LIFETIME
            && (self.judged_at..self.judged_at + lifetime).contains(&now);
        is_recent && self.person.expires_at > now
    }
}

impl Default for Recent {
    fn default() -> Self {
        Self {
            by_token: Cache::new(MAX_ENTRIES),
            cleared_at: RwLock::default(),
        }
    }
}

impl std::fmt::Debug for Recent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Recent")
    }
}

impl Recent {
    /// The cached person of a token, unless the entry or the token has expired since.
    #[must_use]
    pub fn find(&self, token: &str, now: DateTime<Utc>) -> Option<Person> {
        let entry = self.by_token.get(token)?;
        let cleared_at = *self
            .cleared_at
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        let is_current = cleared_at.is_none_or(|cleared_at| entry.found_at > cleared_at);
        (is_current && entry.is_valid(now)).then_some(entry.person)
    }

    /// Caches the person of a token. Both times are from before the account was read.
    pub fn insert(
        &self,
        token: &str,
        found_at: Instant,
        judged_at: DateTime<Utc>,
        person: &Person,
    ) {
        let entry = Entry {
            found_at,
            judged_at,
            person: person.clone(),
        };
        self.by_token.insert(token.into(), entry);
    }

    /// Makes all entries invalid: some account's rights have changed.
    pub fn clear(&self) {
        let now = Some(Instant::now());
        *self
            .cleared_at
            .write()
            .unwrap_or_else(PoisonError::into_inner) = now;
    }
}

#[cfg(test)]
mod tests {
    use entity::Uuid;
    use entity::user::Role;

    use super::*;
    use crate::domain::AddressClaim;

    #[test]
    fn an_entry_expires_after_a_second_or_with_its_token() {
        let now: DateTime<Utc> = "2026-12-01T00:00:00Z".parse().expect("a literal instant");
        let expires_at = now + TimeDelta::seconds(10);
        let person = Person {
            user_id: Uuid::nil(),
            role: Role::Client,
            coach_id: None,
            suspended: false,
            address: AddressClaim::Verified,
            impersonator: None,
            expires_at,
        };
        let recent = Recent::default();
        assert!(recent.find("a", now).is_none());
        recent.insert("a", Instant::now(), now, &person);
        assert_eq!(
            recent.find("a", now).map(|person| person.user_id),
            Some(Uuid::nil())
        );
        assert!(recent.find("b", now).is_none());
        for another in [
            expires_at,
            now + TimeDelta::seconds(1),
            now - TimeDelta::milliseconds(1),
        ] {
            assert!(recent.find("a", another).is_none(), "{another}");
        }
        let before = Instant::now();
        recent.clear();
        recent.insert("a", before, now, &person);
        assert!(recent.find("a", now).is_none(), "it was found out before");

        let old = Instant::now()
            .checked_sub(LIFETIME)
            .expect("the machine runs for longer than a second");
        recent.insert("a", old, now, &person);
        assert!(recent.find("a", now).is_none());
    }

    #[test]
    fn entries_are_bounded() {
        let expires_at: DateTime<Utc> = "2026-12-01T00:00:00Z".parse().expect("a literal instant");
        let person = Person {
            user_id: Uuid::nil(),
            role: Role::Client,
            coach_id: None,
            suspended: false,
            address: AddressClaim::Verified,
            impersonator: None,
            expires_at,
        };
        let recent = Recent::default();
        for number in 0..3 * MAX_ENTRIES {
            recent.insert(&number.to_string(), Instant::now(), expires_at, &person);
        }
        // Each shard rounds its part up.
        assert!(recent.by_token.len() <= MAX_ENTRIES + MAX_ENTRIES / 10);
    }
}
