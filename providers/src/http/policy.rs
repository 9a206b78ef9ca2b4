//! How a provider is treated: how long we wait, how often we ask and when we stop asking.

use std::time::Duration;

/// Everything about one provider that an operator may want to set. The defaults suit an API that
/// answers within a second and allows a hundred calls a minute or more.
#[derive(Debug, Clone, Copy)]
pub struct Policy {
    /// One exchange.
    pub limits: Limits,
    /// A whole call, queueing and repetitions included, for callers who do not say how long they
    /// have.
    pub budget: Duration,
    /// Repetitions.
    pub retries: Retries,
    /// Staying within a credential's quota.
    pub pace: Pace,
    /// How much of us a slow provider can hold up.
    pub bulkhead: Bulkhead,
    /// When to stop asking.
    pub breaker: Breaker,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            limits: Limits::default(),
            budget: Duration::from_secs(30),
            retries: Retries::default(),
            pace: Pace::default(),
            bulkhead: Bulkhead::default(),
            breaker: Breaker::default(),
        }
    }
}

/// How long one exchange may take and how much of the answer we read.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// For the connection, TLS included.
    pub connect: Duration,
    /// Between two reads of one answer.
    pub read: Duration,
    /// For the whole exchange, from the first byte out to the last byte in.
    pub total: Duration,
    /// A connection idle for longer is not used again. Keep it below the provider's own limit,
    /// which is 5 s at Cal.com: a request on a connection they are just closing fails without our
    /// knowing whether they saw it.
    pub idle: Duration,
    /// The longest body we read.
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

/// How often a call is repeated, where a repetition does no harm.
///
/// A pause is drawn evenly between zero and a ceiling that doubles each time ("full jitter"), so
/// that those who failed together do not come back together.
#[derive(Debug, Clone, Copy)]
pub struct Retries {
    /// Attempts of one call, the first included.
    pub attempts: u32,
    /// The ceiling of the first pause.
    pub first_pause: Duration,
    /// The ceiling of any pause, unless the provider asks for a longer one.
    pub longest_pause: Duration,
    /// Repetitions per call, over all calls: with 0.2, a provider that fails every call sees a
    /// fifth more, not three times as many.
    pub share: f64,
    /// Repetitions that may be saved up for bad moments. So many come back within a minute even
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

/// How we stay within a credential's quota per minute.
///
/// In no minute more than `share + burst` of the quota is used, so together they stay below 1.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    /// The part of the quota that is spread evenly over the minute.
    pub share: f64,
    /// The part of the quota that may be used at once after a pause; one call at least.
    pub burst: f64,
    /// How long a credential rests after a 429 that does not say for how long.
    pub rest: Duration,
    /// Calls that wait for one credential. Further ones are refused.
    pub queue: usize,
    /// Credentials we keep count of. Beyond it, the one that was used longest ago is forgotten.
    pub credentials: usize,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            share: 0.9,
            burst: 0.05,
            rest: Duration::from_secs(60),
            queue: 256,
            credentials: 10_000,
        }
    }
}

/// How much of us a slow provider can hold up.
#[derive(Debug, Clone, Copy)]
pub struct Bulkhead {
    /// Exchanges under way at once.
    pub in_flight: usize,
    /// Calls that wait for one of them to end. Further ones are refused.
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

/// When to stop asking a provider that is not well, and when to ask again.
///
/// Only what is the provider's fault counts: no connection, a reset, a timeout, a 5xx. A plain 500
/// counts for the share only, since some APIs answer so to a request that is wrong, and one
/// person's requests must not cut off all.
#[derive(Debug, Clone, Copy)]
pub struct Breaker {
    /// It opens after so many failures in a row.
    pub consecutive: u32,
    /// It opens when this part of the calls within `window` failed ...
    pub share: f64,
    /// ... and there were at least so many.
    pub calls: u32,
    /// How far back the share looks.
    pub window: Duration,
    /// How long it stays open before one call may try.
    pub pause: Duration,
    /// A silence counts only if it lasted as long as this, or else an impatient caller could open
    /// it.
    pub patience: Duration,
}

impl Default for Breaker {
    fn default() -> Self {
        Self {
            consecutive: 5,
            share: 0.5,
            calls: 20,
            window: Duration::from_secs(30),
            pause: Duration::from_secs(10),
            patience: Duration::from_secs(1),
        }
    }
}
