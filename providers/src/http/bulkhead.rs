//! The bulkhead: limits the number of concurrent exchanges with one provider.

use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::{Instant, timeout_at};

use super::policy;
use super::queue::Queue;

/// A semaphore with a bounded FIFO queue.
#[derive(Debug)]
pub(super) struct Bulkhead {
    permits: Semaphore,
    queue: Queue,
}

/// The queue is full, or the deadline passed before a permit was free.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct BulkheadFull;

impl Bulkhead {
    pub(super) fn new(policy: policy::Bulkhead) -> Self {
        Self {
            permits: Semaphore::new(policy.in_flight.max(1)),
            queue: Queue::new(policy.queue),
        }
    }

    /// Acquires the permit for one exchange; dropping it releases it.
    pub(super) async fn acquire(
        &self,
        deadline: Instant,
    ) -> Result<SemaphorePermit<'_>, BulkheadFull> {
        // The semaphore is fair: a released permit goes to the first waiter, so none is overtaken.
        if let Ok(permit) = self.permits.try_acquire() {
            return Ok(permit);
        }
        let _place = self.queue.join().ok_or(BulkheadFull)?;
        match timeout_at(deadline, self.permits.acquire()).await {
            Ok(Ok(permit)) => Ok(permit),
            Ok(Err(_)) | Err(_) => Err(BulkheadFull),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn bulkhead(in_flight: usize) -> Bulkhead {
        Bulkhead::new(policy::Bulkhead {
            in_flight,
            queue: 1,
        })
    }

    fn later() -> Instant {
        Instant::now() + Duration::from_secs(60)
    }

    #[tokio::test(start_paused = true)]
    async fn concurrency_and_queue_are_bounded() {
        let bulkhead = bulkhead(2);
        let first = bulkhead.acquire(later()).await.expect("a permit is free");
        let _second = bulkhead.acquire(later()).await.expect("a permit is free");
        let (third, fourth) = tokio::join!(bulkhead.acquire(later()), async {
            let fourth = bulkhead.acquire(later()).await.map(|_| ());
            drop(first);
            fourth
        });
        assert!(third.is_ok(), "it waited and got the first one's permit");
        assert_eq!(fourth, Err(BulkheadFull), "the queue is full");
    }

    #[tokio::test(start_paused = true)]
    async fn waiting_ends_at_the_deadline() {
        let bulkhead = bulkhead(1);
        let _held = bulkhead.acquire(later()).await.expect("a permit is free");
        let start = Instant::now();
        let second = bulkhead.acquire(start + Duration::from_secs(2)).await;
        assert_eq!(second.map(|_| ()), Err(BulkheadFull));
        assert_eq!(start.elapsed().as_secs(), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn a_canceled_waiter_leaves_the_queue() {
        let bulkhead = bulkhead(1);
        let held = bulkhead.acquire(later()).await.expect("a permit is free");
        for _ in 0..3 {
            let waiter = bulkhead.acquire(later());
            let canceled = tokio::time::timeout(Duration::from_secs(1), waiter).await;
            assert!(
                canceled.is_err(),
                "it waits and is not refused: the one before it left the queue"
            );
        }
        drop(held);
        assert!(bulkhead.acquire(later()).await.is_ok());
    }
}
