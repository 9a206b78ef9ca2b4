//! Recurring jobs: each is enqueued once, whatever the number of calls and processes.

use std::collections::HashSet;

use entity::Uuid;
use entity::job::{Column, Entity, Status};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QuerySelect};

use super::Result;
use crate::db::{Db, Txn};
use crate::outbox::Scheduled;
use crate::outbox::job::enqueue_if_absent;

/// Enqueues those of these jobs that are neither enqueued nor running. Jobs that are enqueued
/// concurrently keep their time.
pub(crate) async fn ensure(db: &Db, mut jobs: Vec<Scheduled>) -> Result<()> {
    if jobs.is_empty() {
        return Ok(());
    }
    let kinds: HashSet<&str> = jobs
        .iter()
        .map(|scheduled| scheduled.job.kind.as_str())
        .collect();
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
    jobs.retain(|Scheduled { job, .. }| !planned.contains(&(job.kind.as_str(), job.subject_id)));
    if jobs.is_empty() {
        return Ok(());
    }
    db.transaction(jobs, insert).await
}

async fn insert(txn: &Txn, jobs: Vec<Scheduled>) -> Result<()> {
    enqueue_if_absent(txn, &jobs).await
}
