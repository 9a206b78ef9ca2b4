//! A bounded count of waiting callers.

use std::sync::atomic::{AtomicUsize, Ordering};

/// Counts the waiting callers, up to a limit. The order is kept by what they wait for.
#[derive(Debug)]
pub(super) struct Queue {
    waiting: AtomicUsize,
    limit: usize,
}

/// A place in the queue. Dropping it frees the place, so a canceled caller leaves the queue.
#[derive(Debug)]
pub(super) struct Place<'a> {
    queue: &'a Queue,
    /// The number of callers that joined earlier and still wait.
    pub(super) ahead: usize,
}

impl Queue {
    pub(super) const fn new(limit: usize) -> Self {
        Self {
            waiting: AtomicUsize::new(0),
            limit,
        }
    }

    /// `None` when it is full.
    pub(super) fn join(&self) -> Option<Place<'_>> {
        let step = |waiting| (waiting < self.limit).then_some(waiting + 1);
        let ahead = self
            .waiting
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, step)
            .ok()?;
        Some(Place { queue: self, ahead })
    }

    pub(super) fn len(&self) -> usize {
        self.waiting.load(Ordering::Acquire)
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.queue.waiting.fetch_sub(1, Ordering::AcqRel);
    }
}
