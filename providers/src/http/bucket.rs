//! The quota of one credential: how much of it is left, and who is next.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep_until, timeout_at};

use super::level::Level;
use super::policy::Pace;
use super::queue::Queue;

/// The credential's quota is used up for longer than the caller has, or too many wait for it
/// already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Spent {
    /// Until it would have been their turn.
    pub(super) retry_after: Duration,
}

#[derive(Debug)]
pub(super) struct Bucket {
    level: Mutex<Level>,
    /// Whoever holds it is next. Those who wait for it get it in the order in which they came.
    turn: tokio::sync::Mutex<()>,
    queue: Queue,
}

/// Leave for one request. Held until its answer is in, so that what an answer says is left can be
/// read rightly.
#[derive(Debug)]
pub(super) struct Token(Arc<Bucket>);

impl Bucket {
    pub(super) fn new(per_minute: u32, pace: &Pace) -> Self {
        Self {
            level: Mutex::new(Level::new(per_minute, pace, Instant::now())),
            turn: tokio::sync::Mutex::new(()),
            queue: Queue::new(pace.queue),
        }
    }

    /// First come, first served. Refuses at once when the wait would outlast `deadline`.
    pub(super) async fn take(self: Arc<Self>, deadline: Instant) -> Result<Token, Spent> {
        // Only succeeds when nobody waits, so nobody is overtaken.
        if let Ok(_turn) = self.turn.try_lock()
            && self.level().take(Instant::now())
        {
            return Ok(Token(Arc::clone(&self)));
        }
        let Some(place) = self.queue.join() else {
            return Err(self.spent(self.queue.len()));
        };
        let ahead = place.ahead;
        let spent = self.spent(ahead);
        if Instant::now() + spent.retry_after > deadline {
            return Err(spent);
        }
        match timeout_at(deadline, self.wait()).await {
            Ok(()) => Ok(Token(Arc::clone(&self))),
            Err(_) => Err(self.spent(ahead)),
        }
    }

    /// Dropped half-way, the turn goes to the next and nothing was taken.
    async fn wait(&self) {
        let _turn = self.turn.lock().await;
        loop {
            let now = Instant::now();
            let ready = {
                let mut level = self.level();
                if level.take(now) {
                    return;
                }
                level.ready(now, 0)
            };
            // An answer may move it in the meantime, so it is looked at again.
            sleep_until(ready).await;
        }
    }

    fn spent(&self, ahead: usize) -> Spent {
        let now = Instant::now();
        Spent {
            retry_after: self.level().ready(now, ahead) - now,
        }
    }

    /// Every change is whole before the lock is released, so a panic elsewhere does not spoil it.
    pub(super) fn level(&self) -> MutexGuard<'_, Level> {
        self.level.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Token {
    fn drop(&mut self) {
        self.0.level().done();
    }
}

#[cfg(test)]
mod tests;
