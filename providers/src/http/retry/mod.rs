//! Which attempts may be retried, when, and how many over all calls.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::call::Safety;
use super::headers::retry_after;
use super::policy::Retries;
use super::transport::{Failure, FailureKind, Reply};

/// The time in which the reserve refills.
const MINUTE: f64 = 60.0;
/// One retry, with a tolerance for rounding errors of sums of fractions.
const WHOLE: f64 = 1.0 - 1e-6;

/// When a retry may be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Retry {
    /// After a backoff, and not before the provider's `Retry-After`.
    AfterBackoff { retry_after: Option<Duration> },
    /// As soon as the rate limiter permits it: the provider rejected the request unread, and the
    /// limiter knows for how long.
    WhenPermitted,
}

/// Whether and when an attempt is retried. `attempt` is 1 for the first.
pub(super) fn retry(
    safety: Safety,
    result: &Result<Reply, Failure>,
    attempt: u32,
) -> Option<Retry> {
    let repeatable = safety != Safety::Once;
    match result {
        Ok(reply) => match reply.status.as_u16() {
            429 => Some(Retry::WhenPermitted),
            408 | 502 | 503 | 504 if repeatable => Some(Retry::AfterBackoff {
                retry_after: retry_after(&reply.headers),
            }),
            // Some 500s are transient, but most recur, so there is one retry.
            500 if repeatable && attempt == 1 => Some(Retry::AfterBackoff {
                retry_after: retry_after(&reply.headers),
            }),
            _ => None,
        },
        Err(failure) if failure.kind == FailureKind::TooLong => None,
        Err(failure) => {
            (repeatable || !failure.sent).then_some(Retry::AfterBackoff { retry_after: None })
        }
    }
}

/// Whether a write may have been applied although the attempt did not succeed.
pub(super) fn outcome_unknown(safety: Safety, result: &Result<Reply, Failure>) -> bool {
    safety != Safety::Read
        && match result {
            Ok(reply) => reply.status.is_server_error() || reply.status.as_u16() == 408,
            Err(failure) => failure.sent,
        }
}

/// Exponential backoff with full jitter. `random` is in 0..1, `attempt` is the one that failed.
pub(super) fn backoff(policy: &Retries, attempt: u32, random: f64) -> Duration {
    let doubled = policy
        .first_pause
        .saturating_mul(2_u32.saturating_pow(attempt.saturating_sub(1)));
    doubled
        .min(policy.longest_pause)
        .mul_f64(random.clamp(0.0, 1.0))
}

/// Limits retries to a share of all calls, so that a failing provider does not receive three times
/// its usual load.
#[derive(Debug)]
pub(super) struct RetryBudget {
    share: f64,
    reserve: f64,
    balance: Mutex<(f64, Instant)>,
}

impl RetryBudget {
    pub(super) fn new(policy: &Retries) -> Self {
        let Retries { share, reserve, .. } = *policy;
        Self {
            share,
            reserve,
            balance: Mutex::new((reserve, Instant::now())),
        }
    }

    /// Adds a call's share of a retry.
    pub(super) fn deposit(&self) {
        self.change(|balance| *balance = (*balance + self.share).min(self.reserve));
    }

    /// Takes one retry, if there is one.
    pub(super) fn withdraw(&self) -> bool {
        self.change(|balance| {
            let affordable = *balance >= WHOLE;
            if affordable {
                *balance -= 1.0;
            }
            affordable
        })
    }

    fn change<T>(&self, change: impl FnOnce(&mut f64) -> T) -> T {
        let now = Instant::now();
        let mut state = self.balance.lock().unwrap_or_else(PoisonError::into_inner);
        let (balance, at) = &mut *state;
        let refilled = (now - *at).as_secs_f64() / MINUTE * self.reserve;
        *balance = (*balance + refilled).min(self.reserve);
        *at = now;
        change(balance)
    }
}

#[cfg(test)]
mod tests;
