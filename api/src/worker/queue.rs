//! The workers of one queue: claim due jobs under leases, renew the leases while the jobs run, and
//! claim the next ones as slots become free.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use entity::job::Model;
use tokio::task::{Id, JoinSet};
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::perform::{group, perform};
use crate::app::App;
use crate::domain::Result;
use crate::outbox::job::{self, Queue};

/// Worker slots of a queue: how many of its jobs one process runs concurrently.
pub const SLOTS: usize = 8;
/// Poll interval for due jobs whose notification was lost.
const POLL: Duration = Duration::from_millis(500);
/// Timeout of a job, longer than any that makes progress: a year of a coach's bookings is read in
/// less. A job that takes longer is cancelled, and claimed again when its lease has expired.
const LONGEST: Duration = Duration::from_secs(600);
/// Interval of lease renewals: short enough that one renewal may fail.
const RENEWAL: Duration = Duration::from_secs(job::LEASE.num_seconds().unsigned_abs() / 3);

/// Runs the jobs of a queue until stopped, and finishes the running ones.
pub(super) async fn work(app: &Arc<App>, queue: Queue, stop: &CancellationToken) {
    let mut slots = Slots::of(queue);
    let mut renewal = interval(RENEWAL);
    renewal.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while !stop.is_cancelled() || !slots.are_empty() {
        let notified = app.db.wake().on(job::topic(queue)).notified();
        let free = if stop.is_cancelled() { 0 } else { slots.free() };
        if free > 0 {
            // A timeout, because a database that does not answer must not block the renewal of
            // leases.
            match timeout(RENEWAL, slots.fill(app, free)).await {
                Ok(Ok(_)) => {}
                Ok(Err(error)) => tracing::warn!(%error, "could not claim jobs, retrying"),
                Err(_) => tracing::warn!("claiming jobs timed out, retrying"),
            }
        }
        let may_claim = !stop.is_cancelled() && slots.free() > 0;
        tokio::select! {
            () = notified, if may_claim => {}
            () = sleep(POLL), if may_claim => {}
            () = slots.join_some(), if !slots.are_empty() => {}
            _ = renewal.tick() => slots.renew_leases(app).await,
            () = stop.cancelled(), if !stop.is_cancelled() => {}
        }
    }
}

/// Runs the due jobs of a queue once; returns how many it ran.
pub(super) async fn run_due(app: &Arc<App>, queue: Queue) -> Result<usize> {
    let mut slots = Slots::of(queue);
    let count = slots.fill(app, SLOTS).await?;
    while !slots.are_empty() {
        slots.join_some().await;
    }
    Ok(count)
}

/// The worker slots of a queue, and the jobs that run in them.
struct Slots {
    queue: Queue,
    running: JoinSet<()>,
    jobs: HashMap<Id, Arc<[Model]>>,
}

impl Slots {
    fn of(queue: Queue) -> Self {
        Self {
            queue,
            running: JoinSet::new(),
            jobs: HashMap::new(),
        }
    }

    fn are_empty(&self) -> bool {
        self.running.is_empty()
    }

    /// How many more jobs may be claimed. A job that calls a provider is claimed as soon as a slot
    /// is free. Jobs that need only the database are claimed by the batch when all slots are free:
    /// they are short, and those of one batch can share a commit.
    fn free(&self) -> usize {
        match self.queue {
            Queue::Database if !self.are_empty() => 0,
            _ => SLOTS.saturating_sub(self.jobs.values().map(|jobs| jobs.len()).sum()),
        }
    }

    /// Claims up to `limit` due jobs and starts them; returns how many.
    async fn fill(&mut self, app: &Arc<App>, limit: usize) -> Result<usize> {
        let queue = self.queue;
        let due = job::claim(app.db.write_one(), app.clock.now(), queue, limit as u64).await?;
        let count = due.len();
        for jobs in group(due) {
            let jobs: Arc<[Model]> = jobs.into();
            let performing = perform(Arc::clone(app), Arc::clone(&jobs), queue);
            let task = self.running.spawn(async move {
                if timeout(LONGEST, performing).await.is_err() {
                    tracing::error!("job timed out and was cancelled; its lease expires");
                }
            });
            self.jobs.insert(task.id(), jobs);
        }
        Ok(count)
    }

    /// Waits until a task has ended, and frees the slots of all that have.
    async fn join_some(&mut self) {
        let mut ended = self.running.join_next_with_id().await;
        while let Some(end) = ended {
            let id = match end {
                Ok((id, ())) => id,
                Err(error) => {
                    tracing::error!(%error, "job ended without an outcome");
                    error.id()
                }
            };
            // A job whose outcome was not stored is claimed again when its lease has expired, until
            // its attempts are used up.
            self.jobs.remove(&id);
            ended = self.running.try_join_next_with_id();
        }
    }

    /// Renews the leases of the running jobs.
    async fn renew_leases(&self, app: &App) {
        if self.are_empty() {
            return;
        }
        let jobs = self.jobs.values().flat_map(|jobs| jobs.iter());
        let renewing = job::renew_leases(app.db.write_one(), jobs, app.clock.now());
        match timeout(RENEWAL, renewing).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(%error, "could not renew leases, retrying"),
            Err(_) => tracing::warn!("renewing leases timed out, retrying"),
        }
    }
}
