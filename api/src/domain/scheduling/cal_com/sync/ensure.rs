//! Seeing to it that every calendar that is kept in step is looked at.

use chrono::TimeDelta;
use entity::coach::{self, Scheduler};
use entity::connection;
use sea_orm::{ColumnTrait, Condition, EntityTrait, QueryFilter, QuerySelect, QueryTrait};

use crate::app::App;
use crate::domain::connection::{Working, list_working};
use crate::domain::{Result, recurring_jobs};
use crate::outbox::job::{Job, Kind};

/// Between two looks at what a coach has changed elsewhere.
const EVERY: TimeDelta = TimeDelta::hours(24);

/// Puts down the next look at each calendar that has none waiting. Safe to run anywhere, any number
/// of times.
///
/// # Errors
/// When the database fails.
pub async fn ensure(app: &App) -> Result<()> {
    let at = app.clock.now() + EVERY;
    let kept = coach::Entity::find()
        .filter(coach::Column::Scheduler.eq(Scheduler::CalCom))
        .select_only();
    let of_kept =
        connection::Column::CoachId.in_subquery(kept.column(coach::Column::Id).into_query());
    let working = list_working(app, Condition::all().add(of_kept)).await?;
    let pull = |Working { id, provider }| Job::new(Kind::PullSettings, id, provider).at(at, "sync");
    recurring_jobs::ensure(&app.db, working.into_iter().map(pull).collect()).await
}
