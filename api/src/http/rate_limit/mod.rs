//! Token buckets by user or address. The state of a bucket is one number, the time at which it will
//! be full again. A full bucket need not be stored, so only recent callers are, and their number is
//! bounded.
//!
//! The `governor` crate implements the same algorithm (GCRA), but its keyed stores are unbounded, it
//! does not report the time until a bucket is full, and a clock that is set back blocks its callers.

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

/// Identifies a caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Key {
    User(Uuid),
    /// See [`Key::address`].
    Address(IpAddr),
    /// An address as in [`Key::address`], at one endpoint.
    Endpoint(IpAddr, Uuid),
}

impl Key {
    /// An IPv6 caller owns a whole /64, so addresses are counted by their network.
    pub fn address(address: IpAddr) -> Self {
        Self::Address(network(address))
    }

    /// Counts an address at one endpoint only.
    pub fn endpoint(address: IpAddr, endpoint: Uuid) -> Self {
        Self::Endpoint(network(address), endpoint)
    }
}

fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => {
            let network = u128::from(v6) & !u128::from(u64::MAX);
            IpAddr::V6(network.into())
        }
        v4 => v4,
    }
}

/// The result for one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decision {
    pub allowed: bool,
    /// Requests per window.
    pub limit: u32,
    pub remaining: u32,
    /// Until the bucket is full.
    pub reset: Duration,
    /// Until one request would be allowed; zero when this one was.
    pub retry_after: Duration,
    pub window: Duration,
}

impl Decision {
    /// `RateLimit-Limit`, `-Remaining`, `-Reset` (seconds) and `-Policy` as in
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

    /// Whole seconds until a retry makes sense, at least 1.
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
/// Buckets examined when one is added, so that full ones are removed faster than new ones come.
const EVICTION_SAMPLE: usize = 8;

/// Nanoseconds on the caller's clock at which a bucket is full again.
type FullAt = u64;

#[derive(Default)]
struct Shard {
    buckets: IndexMap<Key, FullAt, RandomState>,
    /// Where the next search for full buckets starts.
    cursor: usize,
}

/// Whether a request is taken from its bucket.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Use {
    Take,
    Look,
}

/// A limit of requests per window for each key, with a burst of one window's requests. It is shared
/// between threads.
pub struct RateLimiter {
    limit: NonZeroU32,
    window: Duration,
    /// Nanoseconds one request takes from the bucket.
    cost: u64,
    shard_capacity: usize,
    hasher: RandomState,
    shards: Box<[Mutex<Shard>]>,
}

impl RateLimiter {
    /// Maximum number of stored keys, about 60 bytes each.
    pub const KEYS: usize = 100_000;

    pub fn per_minute(limit: NonZeroU32) -> Self {
        Self::new(limit, Duration::from_secs(60), Self::KEYS)
    }

    pub fn new(limit: NonZeroU32, window: Duration, keys: usize) -> Self {
        let cost = (nanoseconds(window) / u64::from(limit.get())).max(1);
        let shards = (0..SHARDS).map(|_| Mutex::default()).collect();
        Self {
            limit,
            window,
            cost,
            shard_capacity: (keys / SHARDS).max(1),
            hasher: RandomState::new(),
            shards,
        }
    }

    /// Takes one request from the key's bucket, if there is one. `now` is the time since any fixed
    /// point on a monotonic clock; should it go back, nobody is refused for longer than one window.
    pub fn check(&self, key: Key, now: Duration) -> Decision {
        self.decide(key, now, Use::Take)
    }

    /// As [`check`](Self::check), and leaves the request in the bucket.
    pub fn look(&self, key: Key, now: Duration) -> Decision {
        self.decide(key, now, Use::Look)
    }

    fn decide(&self, key: Key, now: Duration, used: Use) -> Decision {
        let takes = used == Use::Take;
        let now = nanoseconds(now);
        // The remainder is below SHARDS.
        let index = (self.hasher.hash_one(key) % SHARDS as u64) as usize;
        // There are no invariants between the numbers, so a poisoned lock is still valid.
        let mut shard = self.shards[index]
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let burst = self.cost * u64::from(self.limit.get());
        let known = shard.buckets.get(&key).copied();
        let full_at = known.unwrap_or(now).clamp(now, now.saturating_add(burst));
        let spent = full_at - now;
        let allowed = spent + self.cost <= burst;
        let spent = if allowed && takes {
            spent + self.cost
        } else {
            spent
        };
        if known.is_none() && takes {
            shard.evict(self.shard_capacity, now);
        }
        if takes {
            shard.buckets.insert(key, now + spent);
        }
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

    /// The number of stored keys.
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
    /// Removes the full buckets of a small sample, and at capacity also the one nearest to full: a
    /// flood of addresses evicts its own buckets, not those of callers that are being refused.
    fn evict(&mut self, capacity: usize, now: u64) {
        let mut nearest: Option<(Key, FullAt)> = None;
        for _ in 0..EVICTION_SAMPLE.min(self.buckets.len()) {
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
            && self.buckets.len() >= capacity
        {
            self.buckets.swap_remove(&key);
        }
    }
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX / 4)
}

#[cfg(test)]
mod tests;
