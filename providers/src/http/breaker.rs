//! The breaker: not asking a provider that is not well.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::observer::{BreakerState, Observer};
use super::policy;
use crate::error::Provider;

/// How a provider looked in one exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It answered, be it with a refusal: a client error is the client's.
    Well,
    /// It answered 500, which some APIs also do to a request that is wrong.
    Faltering,
    /// No answer, or one that says that it cannot at the moment.
    Failing,
}

/// It is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Shut;

#[derive(Debug)]
pub(super) struct Breaker {
    provider: Provider,
    policy: policy::Breaker,
    observer: Arc<dyn Observer>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    phase: Phase,
    /// Counts the changes of phase. What began in another one says nothing about this one.
    era: u64,
    in_a_row: u32,
    /// The half of the window that is under way, and the one before it.
    halves: [Tally; 2],
    half_began: Instant,
}

#[derive(Debug, Clone, Copy)]
enum Phase {
    Closed,
    Open { until: Instant },
    HalfOpen { probing: bool },
}

#[derive(Debug, Clone, Copy, Default)]
struct Tally {
    calls: u32,
    failures: u32,
}

/// One exchange that was let through. It ends with [`Pass::report`]; dropped without, it was given
/// up.
#[derive(Debug)]
pub(super) struct Pass<'a> {
    breaker: &'a Breaker,
    era: u64,
    began: Instant,
    reported: bool,
}

impl Breaker {
    pub(super) fn new(
        provider: Provider,
        policy: policy::Breaker,
        observer: Arc<dyn Observer>,
    ) -> Self {
        let state = State {
            phase: Phase::Closed,
            era: 0,
            in_a_row: 0,
            halves: [Tally::default(); 2],
            half_began: Instant::now(),
        };
        Self {
            provider,
            policy,
            observer,
            state: Mutex::new(state),
        }
    }

    /// Is it worth queueing?
    pub(super) fn check(&self) -> Result<(), Shut> {
        match self.lock().phase {
            Phase::Open { until } if Instant::now() < until => Err(Shut),
            Phase::HalfOpen { probing: true } => Err(Shut),
            _ => Ok(()),
        }
    }

    /// Lets one exchange through: any while it is closed, a single one once it was open for long
    /// enough.
    pub(super) fn enter(&self) -> Result<Pass<'_>, Shut> {
        let now = Instant::now();
        let mut state = self.lock();
        let mut change = None;
        match state.phase {
            Phase::Closed => {}
            Phase::Open { until } if now < until => return Err(Shut),
            Phase::HalfOpen { probing: true } => return Err(Shut),
            Phase::HalfOpen { probing: false } => state.phase = Phase::HalfOpen { probing: true },
            Phase::Open { .. } => change = Some(state.turn(Phase::HalfOpen { probing: true }, now)),
        }
        let pass = Pass {
            breaker: self,
            era: state.era,
            began: now,
            reported: false,
        };
        drop(state);
        self.tell(change);
        Ok(pass)
    }

    fn record(&self, era: u64, verdict: Verdict) {
        let now = Instant::now();
        let mut state = self.lock();
        if state.era != era {
            return;
        }
        let ill = match state.phase {
            Phase::HalfOpen { .. } => verdict != Verdict::Well,
            Phase::Closed => state.count(verdict, now, &self.policy),
            Phase::Open { .. } => false,
        };
        let change = match state.phase {
            _ if ill => Some(state.turn(
                Phase::Open {
                    until: now + self.policy.pause,
                },
                now,
            )),
            Phase::HalfOpen { .. } => Some(state.turn(Phase::Closed, now)),
            _ => None,
        };
        drop(state);
        self.tell(change);
    }

    /// The probe was given up before it said anything: the next call may try.
    fn release(&self, era: u64) {
        let mut state = self.lock();
        if state.era == era
            && let Phase::HalfOpen { probing } = &mut state.phase
        {
            *probing = false;
        }
    }

    /// Without the lock: the observer is not ours.
    fn tell(&self, change: Option<BreakerState>) {
        let Some(to) = change else { return };
        let provider = self.provider;
        match to {
            BreakerState::Open => {
                tracing::warn!(%provider, "the provider does not answer; it is left alone for now")
            }
            BreakerState::HalfOpen => {
                tracing::info!(%provider, "one call tries whether the provider answers again")
            }
            BreakerState::Closed => tracing::info!(%provider, "the provider answers again"),
        }
        self.observer.breaker(provider, to);
    }

    /// Every change is whole before the lock is released, so a panic elsewhere does not spoil it.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn turn(&mut self, phase: Phase, now: Instant) -> BreakerState {
        *self = Self {
            phase,
            era: self.era + 1,
            in_a_row: 0,
            halves: [Tally::default(); 2],
            half_began: now,
        };
        match phase {
            Phase::Closed => BreakerState::Closed,
            Phase::Open { .. } => BreakerState::Open,
            Phase::HalfOpen { .. } => BreakerState::HalfOpen,
        }
    }

    /// Is it enough?
    fn count(&mut self, verdict: Verdict, now: Instant, policy: &policy::Breaker) -> bool {
        let half = (policy.window / 2).max(Duration::from_millis(1));
        let age = now - self.half_began;
        if age >= half {
            let before = if age < half * 2 {
                self.halves[0]
            } else {
                Tally::default()
            };
            self.halves = [Tally::default(), before];
            self.half_began = now;
        }
        self.halves[0].calls += 1;
        match verdict {
            Verdict::Well => self.in_a_row = 0,
            Verdict::Faltering => self.halves[0].failures += 1,
            Verdict::Failing => {
                self.in_a_row += 1;
                self.halves[0].failures += 1;
            }
        }
        let [this, before] = self.halves;
        let (calls, failures) = (this.calls + before.calls, this.failures + before.failures);
        let too_many =
            calls >= policy.calls && f64::from(failures) >= policy.share * f64::from(calls);
        verdict != Verdict::Well && (too_many || self.in_a_row >= policy.consecutive)
    }
}

impl Pass<'_> {
    /// Says how it went.
    pub(super) fn report(mut self, verdict: Verdict) {
        self.reported = true;
        self.breaker.record(self.era, verdict);
    }

    /// Nobody answered for as long as we cared to wait.
    pub(super) fn report_silence(self) {
        // What a silence means is decided in one place, for those who gave up and for those whose
        // time was up.
        drop(self);
    }
}

impl Drop for Pass<'_> {
    fn drop(&mut self) {
        if self.reported {
            return;
        }
        if self.began.elapsed() >= self.breaker.policy.patience {
            self.breaker.record(self.era, Verdict::Failing);
        } else {
            self.breaker.release(self.era);
        }
    }
}

#[cfg(test)]
mod tests;
