//! Token buckets per user or address. A bucket is one number, the time at which it is full again;
//! full buckets are not stored, so only recent callers take memory. Memory is bounded whatever the
//! number of callers.

use std::hash::{BuildHasher as _, RandomState};
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use axum::response::Response;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use indexmap::IndexMap;
use uuid::Uuid;

use super::refusal::refusal;

/// Subject of a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Key {
    User(Uuid),
    /// See [`Key::address`].
    Address(IpAddr),
}

impl Key {
    /// Keys IPv6 callers by their /64, as each owns a whole one.
    pub fn address(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V6(v6) => {
                let network = u128::from(v6) & !u128::from(u64::MAX);
                Self::Address(IpAddr::V6(network.into()))
            }
            v4 => Self::Address(v4),
        }
    }
}

/// Result of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decision {
    pub allowed: bool,
    /// Requests per window.
    pub limit: u32,
    pub remaining: u32,
    /// Until the bucket is full.
    pub reset: Duration,
    /// Until the next request passes; zero when this one passed.
    pub retry_after: Duration,
    pub window: Duration,
}

impl Decision {
    /// Writes `RateLimit-Limit`, `-Remaining`, `-Reset` (seconds) and `-Policy` as in
    /// draft-ietf-httpapi-ratelimit-headers-06, and `Retry-After` when refused.
    pub fn write(&self, headers: &mut HeaderMap) {
        let policy = format!("{};w={}", self.limit, self.window.as_secs());
        let policy =
            HeaderValue::from_str(&policy).expect("digits and punctuation are a header value");
        headers.insert(
            HeaderName::from_static("ratelimit-limit"),
            self.limit.into(),
        );
        headers.insert(
            HeaderName::from_static("ratelimit-remaining"),
            self.remaining.into(),
        );
        headers.insert(
            HeaderName::from_static("ratelimit-reset"),
            seconds(self.reset).into(),
        );
        headers.insert(HeaderName::from_static("ratelimit-policy"), policy);
        if !self.allowed {
            headers.insert(http::header::RETRY_AFTER, self.retry_after_seconds().into());
        }
    }

    /// Whole seconds until a retry can pass, at least 1.
    pub fn retry_after_seconds(&self) -> u64 {
        seconds(self.retry_after).max(1)
    }

    /// The response to a refused request: 429 with all headers.
    pub fn refusal(&self) -> Response {
        let message = format!(
            "Too many requests. Try again in {} s.",
            self.retry_after_seconds()
        );
        let mut response = refusal(StatusCode::TOO_MANY_REQUESTS, "RATE_LIMITED", &message);
        self.write(response.headers_mut());
        response
    }
}

fn seconds(duration: Duration) -> u64 {
    duration.as_secs() + u64::from(duration.subsec_nanos() > 0)
}

const SHARDS: usize = 64;
/// Buckets inspected per insertion: evicts full buckets faster than new ones arrive.
const SCANNED_PER_INSERT: usize = 8;

/// Nanoseconds on the caller's clock at which a bucket is full again.
type FullAt = u64;

#[derive(Default)]
struct Shard {
    buckets: IndexMap<Key, FullAt, RandomState>,
    /// Where the next scan for full buckets starts.
    cursor: usize,
}

/// Limits requests per window and key; an idle key accumulates at most one window's worth. Shared
/// between threads.
pub struct RateLimiter {
    limit: NonZeroU32,
    window: Duration,
    /// Nanoseconds that one request takes from the bucket.
    cost: u64,
    room: usize,
    hasher: RandomState,
    shards: Box<[Mutex<Shard>]>,
}

impl RateLimiter {
    /// Maximum number of stored keys, about 60 bytes each.
    pub const MAX_KEYS: usize = 100_000;

    pub fn per_minute(limit: NonZeroU32) -> Self {
        Self::new(limit, Duration::from_secs(60), Self::MAX_KEYS)
    }

    pub fn new(limit: NonZeroU32, window: Duration, keys: usize) -> Self {
        let cost = (nanoseconds(window) / u64::from(limit.get())).max(1);
        let shards = (0..SHARDS).map(|_| Mutex::default()).collect();
        Self {
            limit,
            window,
            cost,
            room: (keys / SHARDS).max(1),
            hasher: RandomState::new(),
            shards,
        }
    }

    /// Takes one request from the key's bucket if possible. `now` is the time since any fixed point
    /// on a monotonic clock; should it go back, no caller is refused for longer than one window.
    pub fn check(&self, key: Key, now: Duration) -> Decision {
        let now = nanoseconds(now);
        // The remainder is below SHARDS.
        let index = (self.hasher.hash_one(key) % SHARDS as u64) as usize;
        // A panic under the lock leaves numbers behind, no broken invariants.
        let mut shard = self.shards[index]
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let burst = self.cost * u64::from(self.limit.get());
        let stored = shard.buckets.get(&key).copied();
        let full_at = stored.unwrap_or(now).clamp(now, now.saturating_add(burst));
        let spent = full_at - now;
        let allowed = spent + self.cost <= burst;
        let spent = if allowed { spent + self.cost } else { spent };
        if stored.is_none() {
            shard.make_room(self.room, now);
        }
        shard.buckets.insert(key, now + spent);
        let retry = if allowed {
            0
        } else {
            (spent + self.cost) - burst
        };
        Decision {
            allowed,
            limit: self.limit.get(),
            remaining: u32::try_from((burst - spent) / self.cost).unwrap_or(u32::MAX),
            reset: Duration::from_nanos(spent),
            retry_after: Duration::from_nanos(retry),
            window: self.window,
        }
    }

    /// Number of stored keys.
    pub fn keys(&self) -> usize {
        self.shards
            .iter()
            .map(|shard| {
                shard
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .buckets
                    .len()
            })
            .sum()
    }
}

impl Shard {
    /// Evicts a few full buckets; without room, also the inspected bucket nearest to full. A caller
    /// who floods with addresses evicts their own buckets, not those of callers who are being
    /// refused.
    fn make_room(&mut self, room: usize, now: u64) {
        let mut nearest: Option<(Key, FullAt)> = None;
        for _ in 0..SCANNED_PER_INSERT.min(self.buckets.len()) {
            if self.cursor >= self.buckets.len() {
                self.cursor = 0;
            }
            let Some((&key, &full_at)) = self.buckets.get_index(self.cursor) else {
                break;
            };
            if full_at <= now {
                self.buckets.swap_remove_index(self.cursor);
                continue;
            }
            if nearest.is_none_or(|(_, least)| full_at < least) {
                nearest = Some((key, full_at));
            }
            self.cursor += 1;
        }
        if let Some((key, _)) = nearest
            && self.buckets.len() >= room
        {
            self.buckets.swap_remove(&key);
        }
    }
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX / 4)
}

#[cfg(test)]
#[path = "rate_limit_tests.rs"]
mod tests;
