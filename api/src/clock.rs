//! The only source of the current time.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use chrono::{DateTime, SubsecRound, TimeDelta, Utc};

/// Source of instants: the system clock, or a stopped clock for tests.
#[derive(Clone, Debug, Default)]
pub enum Clock {
    /// The system clock.
    #[default]
    System,
    /// A stopped clock.
    Stopped(StoppedClock),
}

impl Clock {
    /// The current instant, with millisecond precision: what is stored equals what was compared.
    #[must_use]
    pub fn now(&self) -> DateTime<Utc> {
        match self {
            #[expect(
                clippy::disallowed_methods,
                reason = "this is the one place that asks the machine for the time"
            )]
            Self::System => Utc::now().trunc_subsecs(3),
            Self::Stopped(clock) => clock.now(),
        }
    }
}

/// A clock that moves only by [`Self::advance`]. Clones share the time.
#[derive(Clone, Debug)]
pub struct StoppedClock(Arc<AtomicI64>);

impl StoppedClock {
    #[must_use]
    pub fn at(instant: DateTime<Utc>) -> Self {
        Self(Arc::new(AtomicI64::new(instant.timestamp_millis())))
    }

    #[must_use]
    pub fn now(&self) -> DateTime<Utc> {
        DateTime::from_timestamp_millis(self.0.load(Ordering::SeqCst))
            .expect("set from a valid instant")
    }

    pub fn advance(&self, by: TimeDelta) {
        self.0.fetch_add(by.num_milliseconds(), Ordering::SeqCst);
    }
}
