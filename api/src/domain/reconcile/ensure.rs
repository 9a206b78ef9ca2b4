//! Seeing to it that every connected calendar is read in time.

use chrono::TimeDelta;
use entity::{Uuid, connection, job};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QuerySelect};

use crate::app::App;
use crate::domain::Result;
use crate::domain::connection::PROVIDER;
use crate::outbox::Job;
use crate::outbox::job::enqueue_all;

/// Between two readings of what has changed.
const EVERY: TimeDelta = TimeDelta::minutes(2);
/// Between two readings of everything.
const EVERYTHING: TimeDelta = TimeDelta::hours(24);

/// Puts down the next readings of each calendar that has none waiting. Safe to run anywhere, any number of times.
///
/// # Errors
/// When the database fails.
pub async fn ensure(app: &App) -> Result<()> {
    let db = app.db.read();
    let ids: Vec<Uuid> = connection::Entity::find_live(PROVIDER)
        .filter(connection::Column::Health.ne(connection::Health::Broken))
        .select_only()
        .column(connection::Column::Id)
        .into_tuple()
        .all(db)
        .await?;
    if ids.is_empty() {
        return Ok(());
    }
    let planned: Vec<(String, Uuid)> = job::Entity::find()
        .filter(job::Column::Kind.is_in(["reconcile_recent", "reconcile_all"]))
        .filter(job::Column::Status.is_in([job::Status::Waiting, job::Status::Running]))
        .select_only()
        .columns([job::Column::Kind, job::Column::SubjectId])
        .into_tuple()
        .all(db)
        .await?;
    let now = app.clock.now();
    let missing: Vec<_> = ids
        .into_iter()
        .flat_map(|connection_id| {
            [
                (Job::ReconcileRecent { connection_id }, now + EVERY, "reconcile"),
                (Job::ReconcileAll { connection_id }, now + EVERYTHING, "reconcile"),
            ]
        })
        .filter(|(job, ..)| !planned.contains(&(job.kind().to_owned(), job.subject_id())))
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    let missing = std::sync::Arc::new(missing);
    app.db
        .write(move |txn| {
            let missing = std::sync::Arc::clone(&missing);
            Box::pin(async move { enqueue_all(txn, &missing).await })
        })
        .await
}
