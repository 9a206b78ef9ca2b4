//! Seeing to it that every connected calendar is read in time.

use chrono::TimeDelta;
use entity::coach::Scheduler;
use sea_orm::Condition;

use crate::app::App;
use crate::domain::{Result, booking, connection, recurring_jobs};
use crate::outbox::job::{Job, Kind};

/// Between two readings of what has changed.
const EVERY: TimeDelta = TimeDelta::minutes(2);
/// Between two readings of everything.
const EVERYTHING: TimeDelta = TimeDelta::hours(24);

/// Puts down the next readings of each calendar that has none waiting. Safe to run anywhere, any
/// number of times.
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
    // Nothing that was asked of a scheduler is forgotten, also when the work that sees to it was
    // given up.
    let open = booking::list_open_requests(app).await?;
    planned.extend(open.into_iter().map(|job| job.at(now + EVERY, "reconcile")));
    recurring_jobs::ensure(&app.db, planned).await
}
