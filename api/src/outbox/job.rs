//! Jobs: deferred work, stored as rows with ids instead of data.
//!
//! A job is a [`Kind`] with the id of its subject and the [`Queue`] whose workers run it.
//! `worker/jobs.rs` maps kinds to functions.

use chrono::{DateTime, TimeDelta, Utc};
use entity::Uuid;
use entity::job::{ActiveModel, Column, Entity, Model, Status};
pub use entity::job::{Kind, Queue};
use sea_orm::ActiveValue::Set;
use sea_orm::sea_query::{Alias, Expr, OnConflict, Query};
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, DatabaseConnection, EntityTrait, ExprTrait,
    PaginatorTrait, QueryFilter, Statement,
};

use crate::db::{Topic, Txn};
use crate::error::Result;

/// The topic that commits with jobs in this queue notify.
#[must_use]
pub fn topic(queue: Queue) -> Topic {
    Topic::Jobs(queue)
}

/// Work on one subject. Idempotent: running it twice has the effect of running it once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Job {
    pub kind: Kind,
    pub subject_id: Uuid,
    pub queue: Queue,
}

impl Job {
    /// A job for the workers of `queue`: that of the provider it calls, otherwise the database's.
    #[must_use]
    pub fn new(kind: Kind, subject_id: Uuid, queue: impl Into<Queue>) -> Self {
        Self {
            kind,
            subject_id,
            queue: queue.into(),
        }
    }

    /// The job of a row; `None` when a newer version wrote it.
    #[must_use]
    pub fn from_row(row: &Model) -> Option<Self> {
        Some(Self {
            kind: Kind::parse(&row.kind)?,
            subject_id: row.subject_id,
            queue: Queue::parse(&row.queue)?,
        })
    }

    /// A new job replaces the enqueued one with the same key.
    pub(crate) fn dedupe_key(self) -> String {
        format!("{}:{}", self.kind.as_str(), self.subject_id)
    }

    /// The job, due at `run_at`.
    #[must_use]
    pub fn at(self, run_at: DateTime<Utc>, correlation_id: impl Into<String>) -> Scheduled {
        Scheduled {
            job: self,
            run_at,
            correlation_id: correlation_id.into(),
        }
    }
}

/// A job with its due time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scheduled {
    pub job: Job,
    pub run_at: DateTime<Utc>,
    /// Correlation id of the request or round that caused the job; logged when the job fails.
    pub correlation_id: String,
}

/// Attempts after which a job is dead.
pub const MAX_ATTEMPTS: i32 = 10;
/// How long a worker may go without renewing the lease of a job before another may claim it.
pub const LEASE: TimeDelta = TimeDelta::seconds(20);
const FIRST_RETRY: TimeDelta = TimeDelta::seconds(5);
const LAST_RETRY: TimeDelta = TimeDelta::hours(1);

/// Enqueues a job, as [`enqueue_all`] does.
pub async fn enqueue(txn: &Txn, job: Scheduled) -> Result<()> {
    enqueue_all(txn, &[job]).await
}

/// Enqueues jobs in one statement; no two may have the same kind and subject. An enqueued job takes
/// the new time and queue, and its attempts start again.
pub async fn enqueue_all(txn: &Txn, jobs: &[Scheduled]) -> Result<()> {
    let mut replace = same_job_waits();
    replace
        .update_columns([Column::Queue, Column::RunAt, Column::CorrelationId])
        .value(Column::Attempts, 0);
    insert(txn, jobs, replace).await
}

/// Enqueues recurring jobs. An enqueued job keeps its time, which may have been requested on
/// purpose.
pub async fn enqueue_if_absent(txn: &Txn, jobs: &[Scheduled]) -> Result<()> {
    insert(txn, jobs, same_job_waits().do_nothing().to_owned()).await
}

fn same_job_waits() -> OnConflict {
    OnConflict::column(Column::DedupeKey)
        .target_and_where(Expr::cust("status = 'WAITING' and dedupe_key is not null"))
        .to_owned()
}

async fn insert(txn: &Txn, jobs: &[Scheduled], on_conflict: OnConflict) -> Result<()> {
    if jobs.is_empty() {
        return Ok(());
    }
    let row = |scheduled: &Scheduled| ActiveModel {
        id: Set(entity::new_id()),
        kind: Set(scheduled.job.kind.as_str().to_owned()),
        queue: Set(scheduled.job.queue.as_str().to_owned()),
        subject_id: Set(scheduled.job.subject_id),
        dedupe_key: Set(Some(scheduled.job.dedupe_key())),
        status: Set(Status::Waiting),
        run_at: Set(scheduled.run_at),
        attempts: Set(0),
        leased_until: Set(None),
        lease: Set(None),
        last_error: Set(None),
        correlation_id: Set(scheduled.correlation_id.clone()),
        created_at: Set(scheduled.run_at),
    };
    Entity::insert_many(jobs.iter().map(row))
        .on_conflict(on_conflict)
        .exec_without_returning(&**txn)
        .await?;
    for scheduled in jobs {
        txn.wakes(Topic::Jobs(scheduled.job.queue));
    }
    Ok(())
}

/// Claims up to `limit` due jobs of a queue under a lease, in one conditional statement, so that no
/// two workers claim the same one. Skips jobs whose kind and subject are running: of two concurrent
/// answers of a provider the later one need not be the newer one.
pub async fn claim(
    db: &DatabaseConnection,
    now: DateTime<Utc>,
    queue: Queue,
    limit: u64,
) -> Result<Vec<Model>> {
    let in_queue = Column::Queue.eq(queue.as_str());
    let running = Alias::new("running");
    let same_job = Query::select()
        .expr(Expr::val(1))
        .from_as(Entity, running.clone())
        .and_where(Expr::col((running.clone(), Column::Status)).eq(Status::Running))
        .and_where(Expr::col((running, Column::DedupeKey)).equals((Entity, Column::DedupeKey)))
        .to_owned();
    let due = Column::Status
        .eq(Status::Waiting)
        .and(Column::RunAt.lte(now))
        .and(Expr::not_exists(same_job));
    let abandoned = Column::Status
        .eq(Status::Running)
        .and(Column::LeasedUntil.lt(now));
    let mut next = Query::select();
    next.column(Column::Id)
        .from(Entity)
        .cond_where(due.or(abandoned).and(in_queue))
        .order_by(Column::RunAt, sea_orm::Order::Asc);
    next.limit(limit);
    if db.get_database_backend() == sea_orm::DbBackend::Postgres {
        next.lock_with_behavior(
            sea_orm::sea_query::LockType::Update,
            sea_orm::sea_query::LockBehavior::SkipLocked,
        );
    }
    let mut update = Query::update();
    update
        .table(Entity)
        .value(Column::Status, Expr::val("RUNNING"))
        .value(Column::LeasedUntil, Expr::val(now + LEASE))
        .value(Column::Lease, Expr::val(entity::new_id()))
        .value(Column::Attempts, Expr::col(Column::Attempts).add(1))
        .and_where(Expr::col(Column::Id).in_subquery(next))
        .returning_all();
    let statement: Statement = db.get_database_backend().build(&update);
    Ok(Entity::find().from_raw_sql(statement).all(db).await?)
}

/// How many jobs have this status.
pub async fn count(db: &DatabaseConnection, status: Status) -> Result<u64> {
    Ok(Entity::find()
        .filter(Column::Status.eq(status))
        .count(db)
        .await?)
}

/// Renews the leases of running jobs, so that no other worker claims them.
pub async fn renew_leases(
    db: &DatabaseConnection,
    jobs: impl IntoIterator<Item = &Model>,
    now: DateTime<Utc>,
) -> Result<()> {
    let row = ActiveModel {
        leased_until: Set(Some(now + LEASE)),
        ..ActiveModel::default()
    };
    Entity::update_many()
        .set(row)
        .filter(still_leased(jobs))
        .exec(db)
        .await?;
    Ok(())
}

/// Deletes finished jobs, except those that another worker has claimed in the meantime.
pub async fn complete(
    db: &impl ConnectionTrait,
    jobs: impl IntoIterator<Item = &Model>,
) -> Result<()> {
    Entity::delete_many()
        .filter(still_leased(jobs))
        .exec(db)
        .await?;
    Ok(())
}

/// Matches jobs whose lease is unchanged. Each claim sets a new lease id, shared by its jobs.
fn still_leased<'j>(jobs: impl IntoIterator<Item = &'j Model>) -> Condition {
    let (ids, leases): (Vec<_>, Vec<_>) = jobs.into_iter().map(|job| (job.id, job.lease)).unzip();
    Condition::all()
        .add(Column::Id.is_in(ids))
        .add(Column::Lease.is_in(leases.into_iter().flatten()))
}

/// Reschedules a failed job, or marks it dead after its last attempt; returns which.
pub async fn retry(
    db: &DatabaseConnection,
    job: &Model,
    now: DateTime<Utc>,
    error: &str,
) -> Result<Status> {
    let status = if job.attempts >= MAX_ATTEMPTS {
        Status::Dead
    } else {
        Status::Waiting
    };
    let key = (status == Status::Waiting)
        .then(|| job.dedupe_key.clone())
        .flatten();
    let newer = Entity::find()
        .filter(Column::DedupeKey.eq(key.clone()))
        .filter(Column::Status.eq(Status::Waiting));
    if key.is_some() && newer.one(db).await?.is_some() {
        // It was enqueued again in the meantime: that row replaces this one.
        complete(db, [job]).await?;
        return Ok(Status::Waiting);
    }
    Entity::update_many()
        .set(ActiveModel {
            status: Set(status),
            run_at: Set(now + backoff(job.attempts)),
            leased_until: Set(None),
            lease: Set(None),
            last_error: Set(Some(error.to_owned())),
            ..ActiveModel::default()
        })
        .filter(Column::Id.eq(job.id))
        .filter(Column::Lease.eq(job.lease))
        .exec(db)
        .await?;
    Ok(status)
}

/// Backoff after this many attempts: 5 s x 2^n with full jitter, so that jobs that failed together
/// are not retried together.
fn backoff(attempts: i32) -> TimeDelta {
    let doublings =
        u32::try_from(attempts.clamp(1, 20) - 1).expect("clamped to a small positive number");
    let longest = Ord::min(
        FIRST_RETRY.num_milliseconds() << doublings,
        LAST_RETRY.num_milliseconds(),
    );
    TimeDelta::milliseconds(rand::random_range(0..=longest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retries_are_spread_and_never_further_apart_than_an_hour() {
        for attempts in 1..=MAX_ATTEMPTS {
            let longest = TimeDelta::seconds(5 << (attempts - 1)).min(TimeDelta::hours(1));
            let waits: Vec<_> = (0..200).map(|_| backoff(attempts)).collect();
            assert!(
                waits
                    .iter()
                    .all(|wait| *wait >= TimeDelta::zero() && *wait <= longest)
            );
            assert!(waits.iter().max() > waits.iter().min());
        }
    }
}
