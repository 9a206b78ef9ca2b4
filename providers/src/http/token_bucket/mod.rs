//! The state of one quota. Pure arithmetic: "now" is an argument.

use std::time::Duration;

use tokio::time::Instant;

use super::headers::ReportedQuota;
use super::policy::RateLimit;

/// Quotas are per minute.
const MINUTE: f64 = 60.0;
/// One token, with a tolerance for rounding errors of sums of fractions.
const WHOLE: f64 = 1.0 - 1e-6;
/// Resets are reported in whole seconds, which some providers round down.
const ROUNDING: Duration = Duration::from_secs(1);

/// A token bucket with a small capacity, capped by the remaining count that the provider last
/// reported.
#[derive(Debug)]
pub(super) struct TokenBucket {
    share: f64,
    burst: f64,
    per_minute: u32,
    tokens: f64,
    /// The time up to which `tokens` is computed; in the future while the bucket is paused.
    refilled_at: Instant,
    last_used: Instant,
    in_flight: u32,
    window: Option<Window>,
}

/// The provider's own fixed window.
#[derive(Debug, Clone, Copy)]
struct Window {
    remaining: u32,
    ends: Instant,
}

impl TokenBucket {
    pub(super) fn new(per_minute: u32, policy: &RateLimit, now: Instant) -> Self {
        // With a share of zero it would never refill.
        let (share, burst) = (policy.share.clamp(0.01, 1.0), policy.burst);
        let mut bucket = Self {
            share,
            burst,
            per_minute,
            tokens: 0.0,
            refilled_at: now,
            last_used: now,
            in_flight: 0,
            window: None,
        };
        bucket.tokens = bucket.capacity();
        bucket
    }

    /// Takes one token, if there is one.
    pub(super) fn take(&mut self, now: Instant) -> bool {
        if self.next_at(now, 0) > now {
            return false;
        }
        self.tokens -= 1.0;
        self.last_used = now;
        self.in_flight += 1;
        if let Some(window) = &mut self.window {
            window.remaining = window.remaining.saturating_sub(1);
        }
        true
    }

    /// The request of a token has ended, with or without a response.
    pub(super) fn complete(&mut self) {
        self.in_flight = self.in_flight.saturating_sub(1);
    }

    /// When a token will be available after `ahead` others, as far as is known now.
    pub(super) fn next_at(&mut self, now: Instant, ahead: usize) -> Instant {
        self.refill(now);
        let missing = usize_to_f64(ahead) + 1.0 - self.tokens;
        let refilled = if missing <= 1.0 - WHOLE {
            now.max(self.refilled_at)
        } else {
            now.max(self.refilled_at) + Duration::from_secs_f64(missing / self.per_second())
        };
        match self.window {
            Some(window) if usize_to_f64(ahead) >= f64::from(window.remaining) => {
                refilled.max(window.ends)
            }
            _ => refilled,
        }
    }

    /// Blocks all tokens until `until`: the provider rejected a request or reported nothing left.
    pub(super) fn pause(&mut self, now: Instant, until: Instant) {
        self.refill(now);
        // It refills from zero after the pause, so that the waiters do not all go out at once.
        self.tokens = self.tokens.min(0.0);
        self.refilled_at = self.refilled_at.max(until);
    }

    /// Applies the quota that a response reported.
    pub(super) fn observe(&mut self, now: Instant, reported: &ReportedQuota) {
        self.refill(now);
        let within_a_minute = reported
            .reset
            .is_none_or(|reset| reset.as_secs_f64() <= MINUTE);
        if let Some(limit) = reported.limit.filter(|limit| *limit > 0 && within_a_minute) {
            self.per_minute = limit;
            self.tokens = self.tokens.min(self.capacity());
        }
        let (Some(remaining), Some(reset)) = (reported.remaining, reported.reset) else {
            return;
        };
        let window = Window {
            // The provider may or may not have counted the other requests in flight. An estimate
            // that is too low is the safe one.
            remaining: remaining.saturating_sub(self.in_flight.saturating_sub(1)),
            ends: now + reset + ROUNDING,
        };
        self.window = Some(match self.window {
            // Responses arrive out of order, so within one window the count only decreases.
            Some(known) if window.ends <= known.ends + ROUNDING * 2 => Window {
                remaining: known.remaining.min(window.remaining),
                ends: known.ends.max(window.ends),
            },
            _ => window,
        });
    }

    /// Whether its state equals that of a new bucket.
    pub(super) fn is_idle(&mut self, now: Instant) -> bool {
        self.refill(now);
        self.in_flight == 0
            && self.window.is_none()
            && self.refilled_at <= now
            && self.tokens >= self.capacity() * WHOLE
    }

    pub(super) fn last_used(&self) -> Instant {
        self.last_used
    }

    fn refill(&mut self, now: Instant) {
        if now > self.refilled_at {
            let gained = (now - self.refilled_at).as_secs_f64() * self.per_second();
            self.tokens = (self.tokens + gained).min(self.capacity());
            self.refilled_at = now;
        }
        self.window = self.window.filter(|window| now < window.ends);
    }

    fn per_second(&self) -> f64 {
        f64::from(self.per_minute.max(1)) * self.share / MINUTE
    }

    fn capacity(&self) -> f64 {
        (f64::from(self.per_minute) * self.burst).max(1.0)
    }
}

/// Exact up to 2^32, and queues are shorter.
fn usize_to_f64(number: usize) -> f64 {
    f64::from(u32::try_from(number).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests;
