//! What may be repeated, when, and how often over all.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::call::Safety;
use super::headers::retry_after;
use super::policy::Retries;
use super::wire::{Failure, How, Reply};

/// In which reserve comes back by itself.
const MINUTE: f64 = 60.0;
/// A sum of fifths that is one but for rounding.
const WHOLE: f64 = 1.0 - 1e-6;

/// A repetition that does no harm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Again {
    /// After a pause of ours, and not before what they asked for.
    Later { told: Option<Duration> },
    /// As soon as the credential may: they turned it away unread, and its bucket knows until when.
    WhenAllowed,
}

/// May this be tried again? `attempt` is 1 for the first.
pub(super) fn again(safety: Safety, tried: &Result<Reply, Failure>, attempt: u32) -> Option<Again> {
    let harmless = safety != Safety::Once;
    match tried {
        Ok(reply) => match reply.status.as_u16() {
            429 => Some(Again::WhenAllowed),
            408 | 502 | 503 | 504 if harmless => Some(Again::Later {
                told: retry_after(&reply.headers),
            }),
            // Some 500s pass, but most are the same each time.
            500 if harmless && attempt == 1 => Some(Again::Later {
                told: retry_after(&reply.headers),
            }),
            _ => None,
        },
        Err(Failure {
            how: How::TooLong, ..
        }) => None,
        Err(Failure { left, .. }) => (harmless || !left).then_some(Again::Later { told: None }),
    }
}

/// After a write: may it have happened, although this is not a success?
pub(super) fn in_doubt(safety: Safety, tried: &Result<Reply, Failure>) -> bool {
    safety != Safety::Read
        && match tried {
            Ok(reply) => reply.status.is_server_error() || reply.status.as_u16() == 408,
            Err(failure) => failure.left,
        }
}

/// Full jitter: evenly between zero and a ceiling that doubles. `roll` is in 0..1, `attempt` the
/// one that failed.
pub(super) fn pause(policy: &Retries, attempt: u32, roll: f64) -> Duration {
    let doubled = policy
        .first_pause
        .saturating_mul(2_u32.saturating_pow(attempt.saturating_sub(1)));
    doubled
        .min(policy.longest_pause)
        .mul_f64(roll.clamp(0.0, 1.0))
}

/// The repetitions we can afford, so that a provider in trouble is not asked three times as much as
/// usual.
#[derive(Debug)]
pub(super) struct Allowance {
    share: f64,
    reserve: f64,
    state: Mutex<(f64, Instant)>,
}

impl Allowance {
    pub(super) fn new(policy: &Retries) -> Self {
        let Retries { share, reserve, .. } = *policy;
        Self {
            share,
            reserve,
            state: Mutex::new((reserve, Instant::now())),
        }
    }

    /// A call was made.
    pub(super) fn earn(&self) {
        self.change(|left| *left = (*left + self.share).min(self.reserve));
    }

    /// Takes one repetition, if there is one.
    pub(super) fn spend(&self) -> bool {
        self.change(|left| {
            let affordable = *left >= WHOLE;
            if affordable {
                *left -= 1.0;
            }
            affordable
        })
    }

    fn change<T>(&self, change: impl FnOnce(&mut f64) -> T) -> T {
        let now = Instant::now();
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let (left, at) = &mut *state;
        *left = (*left + (now - *at).as_secs_f64() / MINUTE * self.reserve).min(self.reserve);
        *at = now;
        change(left)
    }
}

#[cfg(test)]
mod tests;
