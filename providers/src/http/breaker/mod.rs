//! The circuit breaker: stops calling a provider that fails.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::observer::{BreakerState, Observer};
use super::policy;
use crate::provider::Provider;

/// What one exchange says about the provider's health.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    /// It responded. A 4xx is the client's fault.
    Success,
    /// A 500, which some APIs also return for an invalid request.
    ServerError,
    /// No response, or one that reports unavailability.
    Failure,
}

/// The breaker is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct CircuitOpen;

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
    /// Incremented by every change of phase. Outcomes of an earlier generation are ignored.
    generation: u64,
    consecutive_failures: u32,
    /// The window in two halves: the current one, and the one before it.
    halves: [Counts; 2],
    half_start: Instant,
}

#[derive(Debug, Clone, Copy)]
enum Phase {
    Closed,
    Open { until: Instant },
    HalfOpen { probing: bool },
}

#[derive(Debug, Clone, Copy, Default)]
struct Counts {
    calls: u32,
    failures: u32,
}

/// One exchange that was let through. [`Probe::report`] ends it; a drop without a report is a
/// cancellation.
#[derive(Debug)]
pub(super) struct Probe<'a> {
    breaker: &'a Breaker,
    generation: u64,
    start: Instant,
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
            generation: 0,
            consecutive_failures: 0,
            halves: [Counts::default(); 2],
            half_start: Instant::now(),
        };
        Self {
            provider,
            policy,
            observer,
            state: Mutex::new(state),
        }
    }

    /// Whether [`Self::enter`] would succeed, so that a call need not queue in vain.
    pub(super) fn check(&self) -> Result<(), CircuitOpen> {
        match self.lock().phase {
            Phase::Open { until } if Instant::now() < until => Err(CircuitOpen),
            Phase::HalfOpen { probing: true } => Err(CircuitOpen),
            _ => Ok(()),
        }
    }

    /// Lets an exchange through: any while closed, one at a time after the pause of an open
    /// breaker.
    pub(super) fn enter(&self) -> Result<Probe<'_>, CircuitOpen> {
        let now = Instant::now();
        let probing = Phase::HalfOpen { probing: true };
        let mut state = self.lock();
        let mut change = None;
        match state.phase {
            Phase::Closed => {}
            Phase::Open { until } if now < until => return Err(CircuitOpen),
            Phase::HalfOpen { probing: true } => return Err(CircuitOpen),
            Phase::HalfOpen { probing: false } => state.phase = probing,
            Phase::Open { .. } => change = Some(state.change_to(probing, now)),
        }
        let probe = Probe {
            breaker: self,
            generation: state.generation,
            start: now,
            reported: false,
        };
        drop(state);
        self.notify(change);
        Ok(probe)
    }

    fn record(&self, generation: u64, outcome: Outcome) {
        let now = Instant::now();
        let mut state = self.lock();
        if state.generation != generation {
            return;
        }
        let opens = match state.phase {
            Phase::HalfOpen { .. } => outcome != Outcome::Success,
            Phase::Closed => state.count(outcome, now, &self.policy),
            Phase::Open { .. } => false,
        };
        let until = now + self.policy.pause;
        let change = match state.phase {
            _ if opens => Some(state.change_to(Phase::Open { until }, now)),
            Phase::HalfOpen { .. } => Some(state.change_to(Phase::Closed, now)),
            _ => None,
        };
        drop(state);
        self.notify(change);
    }

    /// The probe was canceled before it had a result: the next call becomes the probe.
    fn release(&self, generation: u64) {
        let mut state = self.lock();
        if state.generation == generation
            && let Phase::HalfOpen { probing } = &mut state.phase
        {
            *probing = false;
        }
    }

    /// Called without the lock, since the observer is foreign code.
    fn notify(&self, change: Option<BreakerState>) {
        let Some(state) = change else { return };
        let provider = self.provider;
        match state {
            BreakerState::Open => {
                tracing::warn!(%provider, "circuit breaker opened: the provider does not respond")
            }
            BreakerState::HalfOpen => {
                tracing::info!(%provider, "circuit breaker half open: one call probes the provider")
            }
            BreakerState::Closed => {
                tracing::info!(%provider, "circuit breaker closed: the provider responds again")
            }
        }
        self.observer.breaker(provider, state);
    }

    /// Every change is complete before the lock is released, so a poisoned lock is still valid.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn change_to(&mut self, phase: Phase, now: Instant) -> BreakerState {
        *self = Self {
            phase,
            generation: self.generation + 1,
            consecutive_failures: 0,
            halves: [Counts::default(); 2],
            half_start: now,
        };
        match phase {
            Phase::Closed => BreakerState::Closed,
            Phase::Open { .. } => BreakerState::Open,
            Phase::HalfOpen { .. } => BreakerState::HalfOpen,
        }
    }

    /// Counts an outcome; returns whether the breaker must open.
    fn count(&mut self, outcome: Outcome, now: Instant, policy: &policy::Breaker) -> bool {
        let half = (policy.window / 2).max(Duration::from_millis(1));
        let age = now - self.half_start;
        if age >= half {
            let previous = if age < half * 2 {
                self.halves[0]
            } else {
                Counts::default()
            };
            self.halves = [Counts::default(), previous];
            self.half_start = now;
        }
        self.halves[0].calls += 1;
        match outcome {
            Outcome::Success => self.consecutive_failures = 0,
            Outcome::ServerError => self.halves[0].failures += 1,
            Outcome::Failure => {
                self.consecutive_failures += 1;
                self.halves[0].failures += 1;
            }
        }
        let [current, previous] = self.halves;
        let calls = current.calls + previous.calls;
        let failures = current.failures + previous.failures;
        let too_many =
            calls >= policy.calls && f64::from(failures) >= policy.share * f64::from(calls);
        outcome != Outcome::Success && (too_many || self.consecutive_failures >= policy.consecutive)
    }
}

impl Probe<'_> {
    /// Ends the exchange with its outcome.
    pub(super) fn report(mut self, outcome: Outcome) {
        self.reported = true;
        self.breaker.record(self.generation, outcome);
    }

    /// Ends the exchange without a response. It has the same effect as a cancellation: `drop`
    /// decides by the time that was waited.
    pub(super) fn timed_out(self) {
        drop(self);
    }
}

impl Drop for Probe<'_> {
    fn drop(&mut self) {
        if self.reported {
            return;
        }
        if self.start.elapsed() >= self.breaker.policy.min_wait {
            self.breaker.record(self.generation, Outcome::Failure);
        } else {
            self.breaker.release(self.generation);
        }
    }
}

#[cfg(test)]
mod tests;
