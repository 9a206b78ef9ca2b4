//! Seeing to it that every calendar that is kept in step is looked at.

use std::sync::Arc;

use chrono::TimeDelta;
use entity::coach::Scheduler;
use entity::{Uuid, coach, connection, job};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QuerySelect};

use crate::app::App;
use crate::domain::Result;
use crate::domain::connection::PROVIDER;
use crate::outbox::Job;
use crate::outbox::job::enqueue_all;

/// Between two looks at what a coach has changed elsewhere.
const EVERY: TimeDelta = TimeDelta::hours(24);

/// Puts down the next look at each calendar that has none waiting. Safe to run anywhere, any number of times.
///
/// # Errors
/// When the database fails.
pub async fn ensure(app: &App) -> Result<()> {
    let db = app.db.read();
    let kept = coach::Entity::find().filter(coach::Column::Scheduler.eq(Scheduler::CalCom)).select_only();
    let kept = sea_orm::QueryTrait::into_query(kept.column(coach::Column::Id));
    let ids: Vec<Uuid> = connection::Entity::find_live(PROVIDER)
        .filter(connection::Column::Health.ne(connection::Health::Broken))
        .filter(connection::Column::CoachId.in_subquery(kept))
        .select_only()
        .column(connection::Column::Id)
        .into_tuple()
        .all(db)
        .await?;
    if ids.is_empty() {
        return Ok(());
    }
    let planned: Vec<Uuid> = job::Entity::find()
        .filter(job::Column::Kind.eq("pull_settings"))
        .filter(job::Column::Status.is_in([job::Status::Waiting, job::Status::Running]))
        .select_only()
        .column(job::Column::SubjectId)
        .into_tuple()
        .all(db)
        .await?;
    let at = app.clock.now() + EVERY;
    let missing = ids.into_iter().filter(|id| !planned.contains(id));
    let missing: Arc<Vec<_>> =
        Arc::new(missing.map(|connection_id| (Job::PullSettings { connection_id }, at, "sync")).collect());
    if missing.is_empty() {
        return Ok(());
    }
    app.db
        .write(move |txn| {
            let missing = Arc::clone(&missing);
            Box::pin(async move { enqueue_all(txn, &missing).await })
        })
        .await
}
