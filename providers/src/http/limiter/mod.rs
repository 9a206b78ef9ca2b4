//! The rate limiter of one quota: a token bucket with a bounded FIFO queue.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep_until, timeout_at};

use super::policy::RateLimit;
use super::queue::Queue;
use super::token_bucket::TokenBucket;

/// The quota is exhausted beyond the caller's deadline, or its queue is full.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct QuotaExceeded {
    /// How long the caller would have had to wait.
    pub(super) retry_after: Duration,
}

#[derive(Debug)]
pub(super) struct Limiter {
    bucket: Mutex<TokenBucket>,
    /// Locked by the first waiter while it waits for a token; tokio's mutex is FIFO.
    head_of_queue: tokio::sync::Mutex<()>,
    queue: Queue,
}

/// One token. It is held until the response arrives, so that the remaining count that a response
/// reports can be corrected by the number of requests in flight.
#[derive(Debug)]
pub(super) struct Token(Arc<Limiter>);

impl Limiter {
    pub(super) fn new(per_minute: u32, policy: &RateLimit) -> Self {
        Self {
            bucket: Mutex::new(TokenBucket::new(per_minute, policy, Instant::now())),
            head_of_queue: tokio::sync::Mutex::new(()),
            queue: Queue::new(policy.queue),
        }
    }

    /// Takes a token, first come, first served. Refuses at once when the wait would exceed
    /// `deadline`.
    pub(super) async fn acquire(
        self: Arc<Self>,
        deadline: Instant,
    ) -> Result<Token, QuotaExceeded> {
        // The lock is free only when nobody waits, so this cannot overtake.
        if let Ok(_head) = self.head_of_queue.try_lock()
            && self.bucket().take(Instant::now())
        {
            return Ok(Token(Arc::clone(&self)));
        }
        let Some(place) = self.queue.join() else {
            return Err(self.exceeded(self.queue.len()));
        };
        let ahead = place.ahead;
        let exceeded = self.exceeded(ahead);
        if Instant::now() + exceeded.retry_after > deadline {
            return Err(exceeded);
        }
        match timeout_at(deadline, self.wait()).await {
            Ok(()) => Ok(Token(Arc::clone(&self))),
            Err(_) => Err(self.exceeded(ahead)),
        }
    }

    /// Cancel-safe: when dropped, the next waiter proceeds and no token was taken.
    async fn wait(&self) {
        let _head = self.head_of_queue.lock().await;
        loop {
            let now = Instant::now();
            let next = {
                let mut bucket = self.bucket();
                if bucket.take(now) {
                    return;
                }
                bucket.next_at(now, 0)
            };
            // A response may change the bucket in the meantime, so it is checked again.
            sleep_until(next).await;
        }
    }

    fn exceeded(&self, ahead: usize) -> QuotaExceeded {
        let now = Instant::now();
        QuotaExceeded {
            retry_after: self.bucket().next_at(now, ahead) - now,
        }
    }

    /// Every change is complete before the lock is released, so a poisoned lock is still valid.
    pub(super) fn bucket(&self) -> MutexGuard<'_, TokenBucket> {
        self.bucket.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Token {
    fn drop(&mut self) {
        self.0.bucket().complete();
    }
}

#[cfg(test)]
mod tests;
