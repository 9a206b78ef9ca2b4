//! The rate limiters of all credentials.
//!
//! A credential has one limiter, and one more for each route that the provider limits separately
//! (adding guests to a booking may be allowed a few times a minute, and must not delay all other
//! calls). The names in the `X-RateLimit-*` headers tell the two apart.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ::http::{HeaderMap, StatusCode};
use tokio::time::Instant;

use super::call::Quota;
use super::headers::{ReportedQuota, reported_quotas, retry_after};
use super::limiter::{Limiter, QuotaExceeded, Token};
use super::policy::RateLimit;

/// Caps what a provider can ask for: no window is longer than a day, and a faulty header must not
/// block us for longer.
const LONGEST_PAUSE: Duration = Duration::from_secs(24 * 60 * 60);

#[derive(Debug)]
pub(super) struct Limiters {
    policy: RateLimit,
    map: Mutex<HashMap<Key, Arc<Limiter>>>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Key {
    credential: Box<str>,
    /// `None` for the quota of the whole credential.
    route: Option<&'static str>,
}

/// Permission for one request, from every limiter that applies to it.
#[derive(Debug)]
pub(super) struct Permit {
    _route: Option<Token>,
    _credential: Token,
}

impl Limiters {
    pub(super) fn new(policy: RateLimit) -> Self {
        Self {
            policy,
            map: Mutex::default(),
        }
    }

    /// Waits until the request is within every quota that applies to it.
    pub(super) async fn acquire(
        &self,
        quota: Quota<'_>,
        route: &'static str,
        deadline: Instant,
    ) -> Result<Permit, QuotaExceeded> {
        let of_route = self.lock().get(&key(quota, Some(route))).map(Arc::clone);
        let route = match of_route {
            Some(limiter) => Some(limiter.acquire(deadline).await?),
            None => None,
        };
        let credential = self.limiter(quota, None).acquire(deadline).await?;
        Ok(Permit {
            _route: route,
            _credential: credential,
        })
    }

    /// Applies what a response reports about the quotas of the credential and of `route`.
    pub(super) fn observe(
        &self,
        quota: Quota<'_>,
        route: &'static str,
        status: StatusCode,
        headers: &HeaderMap,
    ) {
        let now = Instant::now();
        let capped = |pause: Duration| pause.min(LONGEST_PAUSE);
        let rate_limited = status == StatusCode::TOO_MANY_REQUESTS;
        let mut exhausted = false;
        for mut reported in reported_quotas(headers) {
            reported.reset = reported.reset.map(capped);
            let limiter = self.limiter_of(quota, route, &reported);
            let mut bucket = limiter.bucket();
            bucket.observe(now, &reported);
            if rate_limited && reported.remaining == Some(0) {
                let pause = retry_after(headers)
                    .or(reported.reset)
                    .unwrap_or(self.policy.pause);
                bucket.pause(now, now + capped(pause));
                exhausted = true;
            }
        }
        if rate_limited && !exhausted {
            let pause = retry_after(headers).unwrap_or(self.policy.pause);
            let limiter = self.limiter(quota, None);
            limiter.bucket().pause(now, now + capped(pause));
        }
    }

    fn limiter_of(
        &self,
        quota: Quota<'_>,
        route: &'static str,
        reported: &ReportedQuota,
    ) -> Arc<Limiter> {
        if reported.is_of_credential(self.policy.credential_quota) {
            return self.limiter(quota, None);
        }
        let per_minute = reported.limit.unwrap_or(quota.per_minute);
        let quota = Quota {
            per_minute,
            ..quota
        };
        self.limiter(quota, Some(route))
    }

    fn limiter(&self, quota: Quota<'_>, route: Option<&'static str>) -> Arc<Limiter> {
        let mut map = self.lock();
        let key = key(quota, route);
        if let Some(limiter) = map.get(&key) {
            return Arc::clone(limiter);
        }
        if map.len() >= self.policy.credentials.max(1) {
            evict(&mut map, Instant::now());
        }
        let limiter = Arc::new(Limiter::new(quota.per_minute, &self.policy));
        map.insert(key, Arc::clone(&limiter));
        limiter
    }

    /// Every change is complete before the lock is released, so a poisoned lock is still valid.
    fn lock(&self) -> MutexGuard<'_, HashMap<Key, Arc<Limiter>>> {
        self.map.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn key(quota: Quota<'_>, route: Option<&'static str>) -> Key {
    Key {
        credential: quota.key.into(),
        route,
    }
}

/// Removes the limiters whose state equals that of a new one, or else the least recently used one
/// that has no waiters.
fn evict(map: &mut HashMap<Key, Arc<Limiter>>, now: Instant) {
    let before = map.len();
    map.retain(|_, limiter| Arc::strong_count(limiter) > 1 || !limiter.bucket().is_idle(now));
    if map.len() < before {
        return;
    }
    let unused = map
        .iter()
        .filter(|(_, limiter)| Arc::strong_count(limiter) == 1);
    let oldest = unused
        .min_by_key(|(_, limiter)| limiter.bucket().last_used())
        .map(|(key, _)| key.clone());
    if let Some(key) = oldest {
        map.remove(&key);
    }
}

#[cfg(test)]
mod tests;
