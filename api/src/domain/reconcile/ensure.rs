//! Enqueues the polls of every connected calendar.

use chrono::TimeDelta;
use entity::coach::Scheduler;
use sea_orm::Condition;

use crate::app::App;
use crate::domain::{Result, booking, connection, recurring_jobs};
use crate::outbox::job::{Job, Kind};

/// Interval between two polls for changes.
const EVERY: TimeDelta = TimeDelta::minutes(2);
/// Interval between two full polls.
const EVERYTHING: TimeDelta = TimeDelta::hours(24);

/// Enqueues the next polls of each calendar that has none enqueued. Idempotent, in any process.
pub async fn ensure(app: &App) -> Result<()> {
    let now = app.clock.now();
    let mut planned = Vec::new();
    for scheduler in Scheduler::REMOTE {
        let working = connection::list_working(app, scheduler, Condition::all()).await?;
        planned.extend(working.into_iter().flat_map(|id| {
            [
                (Kind::ReconcileRecent, now + EVERY),
                (Kind::ReconcileAll, now + EVERYTHING),
            ]
            .map(|(kind, at)| Job::new(kind, id, scheduler).at(at, "reconcile"))
        }));
    }
    // Open requests get a job again if theirs is dead, so that none is lost.
    let open = booking::list_open_requests(app).await?;
    planned.extend(open.into_iter().map(|job| job.at(now + EVERY, "reconcile")));
    recurring_jobs::ensure(&app.db, planned).await
}
