//! How much of a quota is left. Arithmetic only: "now" is an argument.

use std::time::Duration;

use tokio::time::Instant;

use super::headers::Quota;
use super::policy::Pace;

/// What a bucket is filled by in seconds.
const MINUTE: f64 = 60.0;
/// A sum of fractions that is one but for rounding.
const WHOLE: f64 = 1.0 - 1e-6;
/// Resets are told in whole seconds, and not everybody rounds up.
const ROUNDING: Duration = Duration::from_secs(1);

/// A bucket that fills evenly and holds little, and beneath it what the provider last said is left.
#[derive(Debug)]
pub(super) struct Level {
    share: f64,
    burst: f64,
    per_minute: u32,
    tokens: f64,
    /// Until when `tokens` is reckoned; later than now while the credential rests.
    reckoned: Instant,
    used: Instant,
    in_flight: u32,
    window: Option<Window>,
}

/// The provider's own count.
#[derive(Debug, Clone, Copy)]
struct Window {
    left: u32,
    ends: Instant,
}

impl Level {
    pub(super) fn new(per_minute: u32, pace: &Pace, now: Instant) -> Self {
        // A share of nothing would never be filled.
        let (share, burst) = (pace.share.clamp(0.01, 1.0), pace.burst);
        let mut level = Self {
            share,
            burst,
            per_minute,
            tokens: 0.0,
            reckoned: now,
            used: now,
            in_flight: 0,
            window: None,
        };
        level.tokens = level.capacity();
        level
    }

    /// Uses one, if it is there.
    pub(super) fn take(&mut self, now: Instant) -> bool {
        if self.ready(now, 0) > now {
            return false;
        }
        self.tokens -= 1.0;
        self.used = now;
        self.in_flight += 1;
        if let Some(window) = &mut self.window {
            window.left = window.left.saturating_sub(1);
        }
        true
    }

    /// One that was taken is answered, or given up.
    pub(super) fn done(&mut self) {
        self.in_flight = self.in_flight.saturating_sub(1);
    }

    /// When the next may be taken after `ahead` others, as far as can be said now.
    pub(super) fn ready(&mut self, now: Instant, ahead: usize) -> Instant {
        self.fill(now);
        let wanted = usize_to_f64(ahead) + 1.0 - self.tokens;
        let filled = if wanted <= 1.0 - WHOLE {
            now.max(self.reckoned)
        } else {
            now.max(self.reckoned) + Duration::from_secs_f64(wanted / self.per_second())
        };
        match self.window {
            Some(window) if usize_to_f64(ahead) >= f64::from(window.left) => {
                filled.max(window.ends)
            }
            _ => filled,
        }
    }

    /// They turned one away, or said that nothing is left: nothing goes out before `until`.
    pub(super) fn rest(&mut self, now: Instant, until: Instant) {
        self.fill(now);
        // Filling starts again only then, so that not everything that waited goes out at once.
        self.tokens = self.tokens.min(0.0);
        self.reckoned = self.reckoned.max(until);
    }

    /// What an answer said about the quota.
    pub(super) fn heard(&mut self, now: Instant, quota: &Quota) {
        self.fill(now);
        let within_a_minute = quota
            .reset
            .is_none_or(|reset| reset.as_secs_f64() <= MINUTE);
        if let Some(limit) = quota.limit.filter(|limit| *limit > 0 && within_a_minute) {
            self.per_minute = limit;
            self.tokens = self.tokens.min(self.capacity());
        }
        let (Some(remaining), Some(reset)) = (quota.remaining, quota.reset) else {
            return;
        };
        let heard = Window {
            // Those under way besides this one may have been counted or not. Too few is safer than
            // too many.
            left: remaining.saturating_sub(self.in_flight.saturating_sub(1)),
            ends: now + reset + ROUNDING,
        };
        self.window = Some(match self.window {
            // Answers overtake each other, so within one window the count only goes down.
            Some(known) if heard.ends <= known.ends + ROUNDING * 2 => Window {
                left: known.left.min(heard.left),
                ends: known.ends.max(heard.ends),
            },
            _ => heard,
        });
    }

    /// Would a new one be no different?
    pub(super) fn is_idle(&mut self, now: Instant) -> bool {
        self.fill(now);
        self.in_flight == 0
            && self.window.is_none()
            && self.reckoned <= now
            && self.tokens >= self.capacity() * WHOLE
    }

    pub(super) fn used(&self) -> Instant {
        self.used
    }

    fn fill(&mut self, now: Instant) {
        if now > self.reckoned {
            let gained = (now - self.reckoned).as_secs_f64() * self.per_second();
            self.tokens = (self.tokens + gained).min(self.capacity());
            self.reckoned = now;
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
