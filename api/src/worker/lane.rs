//! One lane of work: what is due is taken under a lease, held while it is being done, and followed
//! by what is due next.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use entity::job::Model;
use tokio::task::{Id, JoinSet};
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::perform::{perform, together};
use crate::app::App;
use crate::domain::Result;
use crate::outbox::job::{self, Lane};

/// Jobs of a lane that one process has in hand.
const AT_ONCE: usize = 8;
/// How long due work may go unnoticed when nobody tells us.
const POLL: Duration = Duration::from_millis(500);
/// Longer than any job takes that gets on: a year of a coach's bookings is read in less. After that
/// nobody holds it any longer.
const LONGEST: Duration = Duration::from_secs(600);
/// How often a lease is renewed: often enough that one renewal may fail.
const RENEWAL: Duration = Duration::from_secs(job::LEASE.num_seconds().unsigned_abs() / 3);

/// Works in a lane until told to stop; what it has begun by then, it finishes.
pub(super) async fn work(app: &Arc<App>, lane: Lane, stop: &CancellationToken) {
    let mut hands = Hands::default();
    let mut renewal = interval(RENEWAL);
    renewal.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while !stop.is_cancelled() || !hands.are_empty() {
        let told = app.db.wake().on(lane.topic()).notified();
        let room = if stop.is_cancelled() {
            0
        } else {
            hands.room(lane)
        };
        if room > 0 {
            // A database that does not answer must not keep us from holding what is in hand.
            match timeout(RENEWAL, hands.take(app, lane, room)).await {
                Ok(Ok(_)) => {}
                Ok(Err(error)) => tracing::warn!(%error, "could not look for work; trying again"),
                Err(_) => tracing::warn!("looking for work takes too long; trying again"),
            }
        }
        let may_take = !stop.is_cancelled() && hands.room(lane) > 0;
        tokio::select! {
            () = told, if may_take => {}
            () = sleep(POLL), if may_take => {}
            () = hands.end_some(), if !hands.are_empty() => {}
            _ = renewal.tick() => hands.hold(app).await,
            () = stop.cancelled(), if !stop.is_cancelled() => {}
        }
    }
}

/// Runs what is due in a lane now, once; gives how many jobs it ran.
pub(super) async fn run_due(app: &Arc<App>, lane: Lane) -> Result<usize> {
    let mut hands = Hands::default();
    let count = hands.take(app, lane, AT_ONCE).await?;
    while !hands.are_empty() {
        hands.end_some().await;
    }
    Ok(count)
}

/// The jobs that are being done.
#[derive(Default)]
struct Hands {
    running: JoinSet<()>,
    held: HashMap<Id, Arc<[Model]>>,
}

impl Hands {
    fn are_empty(&self) -> bool {
        self.running.is_empty()
    }

    /// How many more jobs may be taken. What asks a provider is taken whenever a hand is free. What
    /// needs only the database is taken by the handful when all hands are: it is soon done, and
    /// what was taken together can share a commit.
    fn room(&self, lane: Lane) -> usize {
        match lane {
            Lane::Ours if !self.are_empty() => 0,
            _ => AT_ONCE.saturating_sub(self.held.values().map(|jobs| jobs.len()).sum()),
        }
    }

    /// Takes up to `room` due jobs and begins them.
    async fn take(&mut self, app: &Arc<App>, lane: Lane, room: usize) -> Result<usize> {
        let due = job::claim(app.db.write_one(), app.clock.now(), lane, room as u64).await?;
        let count = due.len();
        for jobs in together(due) {
            let jobs: Arc<[Model]> = jobs.into();
            let performing = perform(Arc::clone(app), Arc::clone(&jobs), lane);
            let task = self.running.spawn(async move {
                if timeout(LONGEST, performing).await.is_err() {
                    tracing::error!("a job got nowhere; it is left to whoever takes it up next");
                }
            });
            self.held.insert(task.id(), jobs);
        }
        Ok(count)
    }

    /// Waits until one has come to an end, and sees what else has.
    async fn end_some(&mut self) {
        let mut ended = self.running.join_next_with_id().await;
        while let Some(end) = ended {
            let id = match end {
                Ok((id, ())) => id,
                Err(error) => {
                    tracing::error!(%error, "a job ended without an outcome");
                    error.id()
                }
            };
            // Where it was not put away nobody holds it any longer: it is tried again until its
            // attempts are used up.
            self.held.remove(&id);
            ended = self.running.try_join_next_with_id();
        }
    }

    /// Says that they are still being done.
    async fn hold(&self, app: &App) {
        if self.are_empty() {
            return;
        }
        let jobs = self.held.values().flat_map(|jobs| jobs.iter());
        match timeout(
            RENEWAL,
            job::renew(app.db.write_one(), jobs, app.clock.now()),
        )
        .await
        {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(%error, "could not hold on to jobs; trying again"),
            Err(_) => tracing::warn!("holding on to jobs takes too long; trying again"),
        }
    }
}
