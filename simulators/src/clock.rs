//! The clock of a stand-in.

use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, SubsecRound, TimeDelta, Utc};

/// A clock that tests can stop, shared by its clones.
#[derive(Clone, Debug)]
pub struct Clock(Arc<Mutex<Option<DateTime<Utc>>>>);

impl Clock {
    /// Stands still until it is told to move.
    #[must_use]
    pub fn at(instant: DateTime<Utc>) -> Self {
        Self(Arc::new(Mutex::new(Some(instant))))
    }

    /// Runs with the machine's.
    #[must_use]
    pub fn system() -> Self {
        Self(Arc::new(Mutex::new(None)))
    }

    /// Now, in whole milliseconds, which is what the services keep.
    #[must_use]
    pub fn now(&self) -> DateTime<Utc> {
        let stopped = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        stopped.unwrap_or_else(machine_time).trunc_subsecs(3)
    }

    /// Stops the clock at an instant.
    pub fn set(&self, instant: DateTime<Utc>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(instant);
    }

    /// Moves the clock on, and stops it if it ran.
    pub fn advance(&self, by: TimeDelta) {
        let now = self.now();
        self.set(now + by);
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the one place of this crate where the machine's time comes in"
)]
fn machine_time() -> DateTime<Utc> {
    Utc::now()
}
