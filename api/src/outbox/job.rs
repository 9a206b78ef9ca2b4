//! Work that happens later: a row that carries ids, not data.

use chrono::{DateTime, TimeDelta, Utc};
use entity::Uuid;
use entity::job::{ActiveModel, Column, Entity, Model, Status};
use sea_orm::ActiveValue::Set;
use sea_orm::sea_query::{Alias, Expr, OnConflict, Query};
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, DatabaseConnection, EntityTrait, ExprTrait,
    PaginatorTrait, QueryFilter, Statement,
};

use crate::db::{Topic, Txn};
use crate::error::Result;

/// A piece of work. Doing it twice is doing it once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Job {
    /// Turn a stored webhook into what it says.
    ProcessDelivery { delivery_id: Uuid },
    /// See whether bookings that were in conflict can stand now.
    SettleConflicts { coach_id: Uuid },
    /// Give a person the bookings that were made for their address before they signed up.
    ClaimBookings { user_id: Uuid },
    /// Find out what came of something that was asked of a scheduler, and ask it if nobody has.
    RunSchedulerRequest { request_id: Uuid },
    /// Make true at a booking's scheduler what was decided here.
    PushBooking { booking_id: Uuid },
    /// Read what has changed in a coach's calendar.
    ReconcileRecent { connection_id: Uuid },
    /// Read everything that is to come in a coach's calendar.
    ReconcileAll { connection_id: Uuid },
    /// See whether a connection still works, and renew it in time.
    CheckConnection { connection_id: Uuid },
    /// Carry an event type as it is here to its coach's calendar.
    PushEventType { event_type_id: Uuid },
    /// Carry hours as they are here to their coach's calendar.
    PushSchedule { schedule_id: Uuid },
    /// Carry the days on which a coach is away to their calendar.
    PushAbsences { coach_id: Uuid },
    /// See what a coach has changed about their offers and hours in their calendar.
    PullSettings { connection_id: Uuid },
    /// See whether the webhook of an account is registered as it should be.
    EnsureWebhook { connection_id: Uuid },
}

/// Which work waits for which.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lane {
    /// Needs nothing but the database.
    Ours,
    /// Asks a provider, which may take its time.
    Theirs,
}

impl Lane {
    /// What tells that there is work in it.
    #[must_use]
    pub fn topic(self) -> Topic {
        match self {
            Self::Ours => Topic::Jobs,
            Self::Theirs => Topic::ProviderJobs,
        }
    }
}

/// The kinds of [`Lane::Theirs`].
const ASKING: [&str; 10] = [
    "run_scheduler_request",
    "push_booking",
    "reconcile_recent",
    "reconcile_all",
    "check_connection",
    "push_event_type",
    "push_schedule",
    "push_absences",
    "pull_settings",
    "ensure_webhook",
];

impl Job {
    /// Its name in the table, in logs and in metrics.
    #[must_use]
    pub fn kind(self) -> &'static str {
        match self {
            Self::ProcessDelivery { .. } => "process_delivery",
            Self::SettleConflicts { .. } => "settle_conflicts",
            Self::ClaimBookings { .. } => "claim_bookings",
            Self::RunSchedulerRequest { .. } => "run_scheduler_request",
            Self::PushBooking { .. } => "push_booking",
            Self::ReconcileRecent { .. } => "reconcile_recent",
            Self::ReconcileAll { .. } => "reconcile_all",
            Self::CheckConnection { .. } => "check_connection",
            Self::PushEventType { .. } => "push_event_type",
            Self::PushSchedule { .. } => "push_schedule",
            Self::PushAbsences { .. } => "push_absences",
            Self::PullSettings { .. } => "pull_settings",
            Self::EnsureWebhook { .. } => "ensure_webhook",
        }
    }

    /// Which work it waits for.
    #[must_use]
    pub fn lane(self) -> Lane {
        if ASKING.contains(&self.kind()) {
            Lane::Theirs
        } else {
            Lane::Ours
        }
    }

    pub(crate) fn subject_id(self) -> Uuid {
        match self {
            Self::ProcessDelivery { delivery_id: id }
            | Self::SettleConflicts { coach_id: id }
            | Self::ClaimBookings { user_id: id }
            | Self::RunSchedulerRequest { request_id: id }
            | Self::PushBooking { booking_id: id }
            | Self::ReconcileRecent { connection_id: id }
            | Self::ReconcileAll { connection_id: id }
            | Self::CheckConnection { connection_id: id }
            | Self::PushEventType { event_type_id: id }
            | Self::PushSchedule { schedule_id: id }
            | Self::PushAbsences { coach_id: id }
            | Self::PullSettings { connection_id: id }
            | Self::EnsureWebhook { connection_id: id } => id,
        }
    }

    /// A new job replaces the waiting one with the same key.
    pub(crate) fn dedupe_key(self) -> String {
        format!("{}:{}", self.kind(), self.subject_id())
    }

    /// The job of a row; `None` when a newer program wrote it.
    #[must_use]
    pub fn from_row(row: &Model) -> Option<Self> {
        match row.kind.as_str() {
            "process_delivery" => Some(Self::ProcessDelivery {
                delivery_id: row.subject_id,
            }),
            "settle_conflicts" => Some(Self::SettleConflicts {
                coach_id: row.subject_id,
            }),
            "claim_bookings" => Some(Self::ClaimBookings {
                user_id: row.subject_id,
            }),
            "run_scheduler_request" => Some(Self::RunSchedulerRequest {
                request_id: row.subject_id,
            }),
            "push_booking" => Some(Self::PushBooking {
                booking_id: row.subject_id,
            }),
            "reconcile_recent" => Some(Self::ReconcileRecent {
                connection_id: row.subject_id,
            }),
            "reconcile_all" => Some(Self::ReconcileAll {
                connection_id: row.subject_id,
            }),
            "check_connection" => Some(Self::CheckConnection {
                connection_id: row.subject_id,
            }),
            "push_event_type" => Some(Self::PushEventType {
                event_type_id: row.subject_id,
            }),
            "push_schedule" => Some(Self::PushSchedule {
                schedule_id: row.subject_id,
            }),
            "push_absences" => Some(Self::PushAbsences {
                coach_id: row.subject_id,
            }),
            "pull_settings" => Some(Self::PullSettings {
                connection_id: row.subject_id,
            }),
            "ensure_webhook" => Some(Self::EnsureWebhook {
                connection_id: row.subject_id,
            }),
            _ => None,
        }
    }
}

/// How often a job is tried before it is given up.
pub const MAX_ATTEMPTS: i32 = 10;
/// How long a worker may go without a word about a job; after that another one may take it over.
pub const LEASE: TimeDelta = TimeDelta::seconds(20);
const FIRST_RETRY: TimeDelta = TimeDelta::seconds(5);
const LAST_RETRY: TimeDelta = TimeDelta::hours(1);

/// Puts work down, to be done from `run_at` on.
///
/// # Errors
/// When the database fails.
pub async fn enqueue(
    txn: &Txn,
    job: &Job,
    run_at: DateTime<Utc>,
    correlation_id: &str,
) -> Result<()> {
    enqueue_all(txn, &[(*job, run_at, correlation_id)]).await
}

/// Puts much work down in one statement: each job with when it is to be done and its correlation
/// id. No two may be the same. Where the same work waits already, it is done when it is asked for
/// now, and gets all its attempts again.
///
/// # Errors
/// When the database fails.
pub async fn enqueue_all(txn: &Txn, jobs: &[(Job, DateTime<Utc>, &str)]) -> Result<()> {
    let mut replace = same_work_waits();
    replace
        .update_columns([Column::RunAt, Column::CorrelationId])
        .value(Column::Attempts, 0);
    put_down(txn, jobs, replace).await
}

/// The same for work that only comes round: where it waits already, that stands, also when it was
/// asked for this very moment.
///
/// # Errors
/// When the database fails.
pub async fn plan_all(txn: &Txn, jobs: &[(Job, DateTime<Utc>, &str)]) -> Result<()> {
    put_down(txn, jobs, same_work_waits().do_nothing().to_owned()).await
}

fn same_work_waits() -> OnConflict {
    OnConflict::column(Column::DedupeKey)
        .target_and_where(Expr::cust("status = 'WAITING' and dedupe_key is not null"))
        .to_owned()
}

async fn put_down(
    txn: &Txn,
    jobs: &[(Job, DateTime<Utc>, &str)],
    when_it_waits: OnConflict,
) -> Result<()> {
    if jobs.is_empty() {
        return Ok(());
    }
    let row = |&(job, run_at, correlation_id): &(Job, DateTime<Utc>, &str)| ActiveModel {
        id: Set(entity::new_id()),
        kind: Set(job.kind().to_owned()),
        subject_id: Set(job.subject_id()),
        dedupe_key: Set(Some(job.dedupe_key())),
        status: Set(Status::Waiting),
        run_at: Set(run_at),
        attempts: Set(0),
        leased_until: Set(None),
        lease: Set(None),
        last_error: Set(None),
        correlation_id: Set(correlation_id.to_owned()),
        created_at: Set(run_at),
    };
    Entity::insert_many(jobs.iter().map(row))
        .on_conflict(when_it_waits)
        .exec_without_returning(&**txn)
        .await?;
    for (job, ..) in jobs {
        txn.wakes(job.lane().topic());
    }
    Ok(())
}

/// Takes up to `limit` due jobs of a lane under a lease: one conditional statement, so that no two
/// workers get the same one. Work that was asked for again while it is being done waits for that to
/// end: the later of two answers of a provider need not be the newer one.
///
/// # Errors
/// When the database fails.
pub async fn claim(
    db: &DatabaseConnection,
    now: DateTime<Utc>,
    lane: Lane,
    limit: u64,
) -> Result<Vec<Model>> {
    let in_lane = match lane {
        Lane::Theirs => Column::Kind.is_in(ASKING),
        Lane::Ours => Column::Kind.is_not_in(ASKING),
    };
    let running = Alias::new("running");
    let same_work = Query::select()
        .expr(Expr::val(1))
        .from_as(Entity, running.clone())
        .and_where(Expr::col((running.clone(), Column::Status)).eq(Status::Running))
        .and_where(Expr::col((running, Column::DedupeKey)).equals((Entity, Column::DedupeKey)))
        .to_owned();
    let due = Column::Status
        .eq(Status::Waiting)
        .and(Column::RunAt.lte(now))
        .and(Expr::not_exists(same_work));
    let abandoned = Column::Status
        .eq(Status::Running)
        .and(Column::LeasedUntil.lt(now));
    let mut next = Query::select();
    next.column(Column::Id)
        .from(Entity)
        .cond_where(due.or(abandoned).and(in_lane))
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

/// How many jobs stand there.
///
/// # Errors
/// When the database fails.
pub async fn count(db: &DatabaseConnection, status: Status) -> Result<u64> {
    Ok(Entity::find()
        .filter(Column::Status.eq(status))
        .count(db)
        .await?)
}

/// Holds on to jobs that are still being done, so that nobody takes them over.
///
/// # Errors
/// When the database fails.
pub async fn renew(
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
        .filter(still_held(jobs))
        .exec(db)
        .await?;
    Ok(())
}

/// Takes finished jobs off the table, except those that another worker has taken over meanwhile.
///
/// # Errors
/// When the database fails.
pub async fn finish(
    db: &impl ConnectionTrait,
    jobs: impl IntoIterator<Item = &Model>,
) -> Result<()> {
    Entity::delete_many()
        .filter(still_held(jobs))
        .exec(db)
        .await?;
    Ok(())
}

/// A lease is named anew each time a job is taken, and jobs that were taken together share one.
fn still_held<'j>(jobs: impl IntoIterator<Item = &'j Model>) -> Condition {
    let (ids, leases): (Vec<_>, Vec<_>) = jobs.into_iter().map(|job| (job.id, job.lease)).unzip();
    Condition::all()
        .add(Column::Id.is_in(ids))
        .add(Column::Lease.is_in(leases.into_iter().flatten()))
}

/// Puts a failed job back to be tried again later, or gives it up.
///
/// # Errors
/// When the database fails.
pub async fn fail(
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
        // The same work was asked for again meanwhile: that row stands for both.
        finish(db, [job]).await?;
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

/// How long to wait after so many attempts: 5 s x 2^n, anywhere between nothing and that, so that
/// what failed together does not come back together.
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
    fn whatever_asks_a_provider_is_in_its_lane() {
        let id = entity::new_id();
        let ours = [
            Job::ProcessDelivery { delivery_id: id },
            Job::SettleConflicts { coach_id: id },
            Job::ClaimBookings { user_id: id },
        ];
        let theirs = [
            Job::RunSchedulerRequest { request_id: id },
            Job::PushBooking { booking_id: id },
            Job::ReconcileRecent { connection_id: id },
            Job::ReconcileAll { connection_id: id },
            Job::CheckConnection { connection_id: id },
            Job::PushEventType { event_type_id: id },
            Job::PushSchedule { schedule_id: id },
            Job::PushAbsences { coach_id: id },
            Job::PullSettings { connection_id: id },
            Job::EnsureWebhook { connection_id: id },
        ];
        assert!(ours.iter().all(|job| job.lane() == Lane::Ours));
        assert!(
            theirs.iter().all(|job| job.lane() == Lane::Theirs) && theirs.len() == ASKING.len()
        );
    }

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
