//! Work that comes round again and again: it is planned once, however often and wherever that is
//! asked for.

use std::collections::HashSet;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use entity::Uuid;
use entity::job::{Column, Entity, Status};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QuerySelect};

use super::Result;
use crate::db::Db;
use crate::outbox::Job;
use crate::outbox::job::plan_all;

/// Puts down what of this work is neither waiting nor being done; what somebody asks for meanwhile
/// is not put off. Safe to run anywhere, any number of times.
///
/// # Errors
/// When the database fails.
pub(crate) async fn ensure(
    db: &Db,
    mut jobs: Vec<(Job, DateTime<Utc>, &'static str)>,
) -> Result<()> {
    if jobs.is_empty() {
        return Ok(());
    }
    let kinds: HashSet<&str> = jobs.iter().map(|(job, ..)| job.kind()).collect();
    let planned: Vec<(String, Uuid)> = Entity::find()
        .filter(Column::Kind.is_in(kinds))
        .filter(Column::Status.is_in([Status::Waiting, Status::Running]))
        .select_only()
        .columns([Column::Kind, Column::SubjectId])
        .into_tuple()
        .all(db.read())
        .await?;
    let planned: HashSet<(&str, Uuid)> = planned
        .iter()
        .map(|(kind, subject_id)| (kind.as_str(), *subject_id))
        .collect();
    jobs.retain(|(job, ..)| !planned.contains(&(job.kind(), job.subject_id())));
    if jobs.is_empty() {
        return Ok(());
    }
    let jobs = Arc::new(jobs);
    db.write(move |txn| {
        let jobs = Arc::clone(&jobs);
        Box::pin(async move { plan_all(txn, &jobs).await })
    })
    .await
}
