//! The bulkhead: how much of us one provider can hold up.

use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::{Instant, timeout_at};

use super::policy::Bulkhead;
use super::queue::Queue;

/// Lets so many exchanges happen at once, first come, first served.
#[derive(Debug)]
pub(super) struct Gate {
    slots: Semaphore,
    queue: Queue,
}

/// Too many wait already, or the caller's time was up before there was room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Busy;

impl Gate {
    pub(super) fn new(policy: Bulkhead) -> Self {
        Self {
            slots: Semaphore::new(policy.in_flight.max(1)),
            queue: Queue::new(policy.queue),
        }
    }

    /// Room for one exchange, until the permit is dropped.
    pub(super) async fn enter(&self, deadline: Instant) -> Result<SemaphorePermit<'_>, Busy> {
        // Nobody overtakes: a permit that is given back goes to whoever waits.
        if let Ok(slot) = self.slots.try_acquire() {
            return Ok(slot);
        }
        let _place = self.queue.join().ok_or(Busy)?;
        match timeout_at(deadline, self.slots.acquire()).await {
            Ok(Ok(slot)) => Ok(slot),
            Ok(Err(_)) | Err(_) => Err(Busy),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn later() -> Instant {
        Instant::now() + Duration::from_secs(60)
    }

    #[tokio::test(start_paused = true)]
    async fn so_many_at_once_and_so_many_waiting() {
        let gate = Gate::new(Bulkhead {
            in_flight: 2,
            queue: 1,
        });
        let first = gate.enter(later()).await.expect("there is room");
        let _second = gate.enter(later()).await.expect("there is room");
        let (third, fourth) = tokio::join!(gate.enter(later()), async {
            let fourth = gate.enter(later()).await.map(|_| ());
            drop(first);
            fourth
        });
        assert!(third.is_ok(), "it waited and got the place of the first");
        assert_eq!(fourth, Err(Busy), "one waits already");
    }

    #[tokio::test(start_paused = true)]
    async fn waiting_ends_with_the_callers_time() {
        let gate = Gate::new(Bulkhead {
            in_flight: 1,
            queue: 1,
        });
        let _held = gate.enter(later()).await.expect("there is room");
        let began = Instant::now();
        let second = gate.enter(began + Duration::from_secs(2)).await.map(|_| ());
        assert_eq!((second, began.elapsed().as_secs()), (Err(Busy), 2));
    }

    #[tokio::test(start_paused = true)]
    async fn who_gives_up_makes_room() {
        let gate = Gate::new(Bulkhead {
            in_flight: 1,
            queue: 1,
        });
        let held = gate.enter(later()).await.expect("there is room");
        for _ in 0..3 {
            let impatient = tokio::time::timeout(Duration::from_secs(1), gate.enter(later())).await;
            assert!(
                impatient.is_err(),
                "it waits, and is not refused, since the one before it left"
            );
        }
        drop(held);
        assert!(gate.enter(later()).await.is_ok());
    }
}
