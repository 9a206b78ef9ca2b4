//! The parameters of calls to one provider: time limits, retries, rate limit, bulkhead, breaker.

use std::time::Duration;

/// All parameters of one provider. The defaults suit an API that responds within a second and
/// allows a hundred calls a minute or more; each provider's module adjusts them to its provider.
#[derive(Debug, Clone, Copy)]
pub struct Policy {
    /// Limits of one exchange.
    pub limits: Limits,
    /// The time limit of a whole call, queueing and retries included, when the caller sets none.
    pub budget: Duration,
    /// Retries.
    pub retries: Retries,
    /// Client-side rate limiting per credential.
    pub rate_limit: RateLimit,
    /// The concurrency limit.
    pub bulkhead: Bulkhead,
    /// The circuit breaker.
    pub breaker: Breaker,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            limits: Limits::default(),
            budget: Duration::from_secs(30),
            retries: Retries::default(),
            rate_limit: RateLimit::default(),
            bulkhead: Bulkhead::default(),
            breaker: Breaker::default(),
        }
    }
}

/// Timeouts of one exchange and the maximum size of a response.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// To connect, TLS included.
    pub connect: Duration,
    /// Between two reads of one response.
    pub read: Duration,
    /// For the whole exchange, from the first byte sent to the last byte received.
    pub total: Duration,
    /// A connection that was idle for longer is not reused. Keep it below the provider's own idle
    /// timeout: a request on a connection that the provider is just closing fails, and it is
    /// unknown whether it was read.
    pub idle: Duration,
    /// The maximum size of a response body.
    pub body_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(3),
            read: Duration::from_secs(5),
            total: Duration::from_secs(10),
            idle: Duration::from_secs(4),
            body_bytes: 1024 * 1024,
        }
    }
}

/// How often a call is retried, where a retry is safe.
///
/// The backoff is exponential with full jitter: drawn uniformly between zero and a ceiling that
/// doubles each time, so that calls that failed together are not retried together.
#[derive(Debug, Clone, Copy)]
pub struct Retries {
    /// Attempts of one call, the first included.
    pub attempts: u32,
    /// The ceiling of the first pause.
    pub first_pause: Duration,
    /// The ceiling of any pause, unless the provider's `Retry-After` is longer.
    pub longest_pause: Duration,
    /// Retries per call, over all calls: with 0.2, a provider that fails every call receives a
    /// fifth more requests, not three times as many.
    pub share: f64,
    /// The maximum number of unused retries that accumulate. It refills within a minute even
    /// without calls.
    pub reserve: f64,
}

impl Default for Retries {
    fn default() -> Self {
        Self {
            attempts: 3,
            first_pause: Duration::from_millis(200),
            longest_pause: Duration::from_secs(5),
            share: 0.2,
            reserve: 10.0,
        }
    }
}

/// How to stay within a credential's quota per minute: a token bucket, corrected by what the
/// provider's `X-RateLimit-*` headers report.
///
/// At most `share + burst` of the quota is used in any minute, so keep the sum below 1.
#[derive(Debug, Clone, Copy)]
pub struct RateLimit {
    /// The part of the quota that refills the bucket evenly over the minute.
    pub share: f64,
    /// The bucket's capacity as a part of the quota; one call at least.
    pub burst: f64,
    /// How long a credential pauses after a 429 that does not say for how long.
    pub pause: Duration,
    /// Maximum number of calls that wait for one credential. Further ones are refused.
    pub queue: usize,
    /// Maximum number of credentials with a bucket. Beyond it, the least recently used is evicted.
    pub credentials: usize,
    /// How the headers name the quota of the whole credential, in lower case: `default` for
    /// `X-RateLimit-Limit-Default`. One without a name is always that. Any other name is a separate
    /// quota of the route that was called. The provider's client sets it.
    pub credential_quota: &'static str,
}

impl Default for RateLimit {
    fn default() -> Self {
        Self {
            share: 0.9,
            burst: 0.05,
            pause: Duration::from_secs(60),
            queue: 256,
            credentials: 10_000,
            credential_quota: "",
        }
    }
}

/// The concurrency limit, which bounds what a slow provider can occupy.
#[derive(Debug, Clone, Copy)]
pub struct Bulkhead {
    /// Maximum number of concurrent exchanges.
    pub in_flight: usize,
    /// Maximum number of calls that wait for one of them to end. Further ones are refused.
    pub queue: usize,
}

impl Default for Bulkhead {
    fn default() -> Self {
        Self {
            in_flight: 32,
            queue: 256,
        }
    }
}

/// When the circuit breaker opens and when it probes again.
///
/// Only the provider's faults count: no connection, a reset, a timeout, a 5xx. A plain 500 counts
/// for the share only, since some APIs return it for an invalid request, and one person's requests
/// must not block all others.
#[derive(Debug, Clone, Copy)]
pub struct Breaker {
    /// Opens after this number of consecutive failures.
    pub consecutive: u32,
    /// Opens when this part of the calls within `window` failed ...
    pub share: f64,
    /// ... and there were at least this many calls.
    pub calls: u32,
    /// The time span over which the share is measured.
    pub window: Duration,
    /// How long it stays open before it lets a probe through.
    pub pause: Duration,
    /// A call without a response counts as a failure only if it waited at least this long, so that
    /// callers with short deadlines cannot open the breaker.
    pub min_wait: Duration,
}

impl Default for Breaker {
    fn default() -> Self {
        Self {
            consecutive: 5,
            share: 0.5,
            calls: 20,
            window: Duration::from_secs(30),
            pause: Duration::from_secs(10),
            min_wait: Duration::from_secs(1),
        }
    }
}
