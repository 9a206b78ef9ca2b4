//! The buckets of all credentials.
//!
//! A credential has one bucket, and one more for each route that the provider limits by itself.
//! Cal.com names its limits: what it calls `Default` is the credential's, anything else belongs to
//! the route that was asked (adding guests to a booking is allowed a few times a minute, and must
//! not hold up everything else).

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ::http::{HeaderMap, StatusCode};
use tokio::time::Instant;

use super::bucket::{Bucket, Spent, Token};
use super::call;
use super::headers::{Quota, quotas, retry_after};
use super::policy::Pace;

/// No provider counts over more than a day, and a mistake of theirs should not last longer.
const LONGEST_REST: Duration = Duration::from_secs(24 * 60 * 60);

#[derive(Debug)]
pub(super) struct Buckets {
    pace: Pace,
    map: Mutex<HashMap<Name, Arc<Bucket>>>,
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Name {
    key: Box<str>,
    route: Option<&'static str>,
}

/// Leave for one request, from every bucket it concerns.
#[derive(Debug)]
pub(super) struct Leave {
    _route: Option<Token>,
    _credential: Token,
}

impl Buckets {
    pub(super) fn new(pace: Pace) -> Self {
        Self {
            pace,
            map: Mutex::default(),
        }
    }

    /// Waits for its turn.
    pub(super) async fn take(
        &self,
        whose: call::Bucket<'_>,
        route: &'static str,
        deadline: Instant,
    ) -> Result<Leave, Spent> {
        let own = self
            .lock()
            .get(&Name {
                key: whose.key.into(),
                route: Some(route),
            })
            .map(Arc::clone);
        let route = match own {
            Some(bucket) => Some(bucket.take(deadline).await?),
            None => None,
        };
        let credential = self.bucket(whose, None).take(deadline).await?;
        Ok(Leave {
            _route: route,
            _credential: credential,
        })
    }

    /// What an answer says about the quota of `whose` and of `route`.
    pub(super) fn heard(
        &self,
        whose: call::Bucket<'_>,
        route: &'static str,
        status: StatusCode,
        headers: &HeaderMap,
    ) {
        let now = Instant::now();
        let bounded = |told: Duration| told.min(LONGEST_REST);
        let turned_away = status == StatusCode::TOO_MANY_REQUESTS;
        let mut blamed = false;
        for mut quota in quotas(headers) {
            quota.reset = quota.reset.map(bounded);
            let bucket = self.bucket_for(whose, route, &quota);
            let mut level = bucket.level();
            level.heard(now, &quota);
            if turned_away && quota.remaining == Some(0) {
                let told = retry_after(headers)
                    .or(quota.reset)
                    .unwrap_or(self.pace.rest);
                level.rest(now, now + bounded(told));
                blamed = true;
            }
        }
        if turned_away && !blamed {
            let told = retry_after(headers).unwrap_or(self.pace.rest);
            self.bucket(whose, None)
                .level()
                .rest(now, now + bounded(told));
        }
    }

    fn bucket_for(
        &self,
        whose: call::Bucket<'_>,
        route: &'static str,
        quota: &Quota,
    ) -> Arc<Bucket> {
        if quota.is_the_credentials() {
            return self.bucket(whose, None);
        }
        let per_minute = quota.limit.unwrap_or(whose.per_minute);
        self.bucket(
            call::Bucket {
                per_minute,
                ..whose
            },
            Some(route),
        )
    }

    fn bucket(&self, whose: call::Bucket<'_>, route: Option<&'static str>) -> Arc<Bucket> {
        let mut map = self.lock();
        let name = Name {
            key: whose.key.into(),
            route,
        };
        if let Some(bucket) = map.get(&name) {
            return Arc::clone(bucket);
        }
        if map.len() >= self.pace.credentials.max(1) {
            make_room(&mut map, Instant::now());
        }
        let bucket = Arc::new(Bucket::new(whose.per_minute, &self.pace));
        map.insert(name, Arc::clone(&bucket));
        bucket
    }

    /// Every change is whole before the lock is released, so a panic elsewhere does not spoil it.
    fn lock(&self) -> MutexGuard<'_, HashMap<Name, Arc<Bucket>>> {
        self.map.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Forgets those that are as good as new, or else the one that was used longest ago and that nobody
/// waits for.
fn make_room(map: &mut HashMap<Name, Arc<Bucket>>, now: Instant) {
    let before = map.len();
    map.retain(|_, bucket| Arc::strong_count(bucket) > 1 || !bucket.level().is_idle(now));
    if map.len() < before {
        return;
    }
    let free = map
        .iter()
        .filter(|(_, bucket)| Arc::strong_count(bucket) == 1);
    let oldest = free
        .min_by_key(|(_, bucket)| bucket.level().used())
        .map(|(name, _)| Name {
            key: name.key.clone(),
            route: name.route,
        });
    if let Some(name) = oldest {
        map.remove(&name);
    }
}

#[cfg(test)]
mod tests;
