//! Requests to a scheduler, and their outcomes.

use chrono::{DateTime, Utc};
use entity::coach::Scheduler;
use entity::scheduler_request::{ActiveModel, Column, Entity, Kind, Model, Status};
use entity::{Uuid, booking, slot_hold};
use sea_orm::ActiveValue::{NotSet, Set};
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, JoinType, PaginatorTrait, QueryFilter, QuerySelect,
};

use crate::app::App;
use crate::db::Txn;
use crate::domain::{Cause, Error, Result};
use crate::outbox::job::{self, Job};

/// When the job takes over a request whose outcome is still unknown to its sender.
const LOOKED_AFTER: chrono::TimeDelta = chrono::TimeDelta::seconds(30);

/// Stores a request, and enqueues the job that runs it if this process stops.
pub(crate) async fn open(txn: &Txn, cause: &Cause, asked: NewRequest) -> Result<Uuid> {
    write(txn, cause, asked, None, cause.now + LOOKED_AFTER).await
}

/// `uid` is the remote booking to change, if there is one; `look_at` is when the job runs.
async fn write(
    txn: &Txn,
    cause: &Cause,
    asked: NewRequest,
    uid: Option<String>,
    look_at: DateTime<Utc>,
) -> Result<Uuid> {
    let id = Uuid::new_v4();
    let row = ActiveModel {
        id: Set(id),
        booking_id: Set(asked.booking_id),
        kind: Set(asked.kind),
        status: Set(Status::Open),
        starts_at: Set(asked.starts_at),
        uid: Set(uid),
        from_uid: Set(asked.from_uid),
        hold_id: Set(asked.hold_id),
        reason: Set(asked.reason),
        refusal: NotSet,
        actor_kind: Set(cause.by),
        actor_id: Set(cause.actor_id),
        impersonator: Set(cause.impersonator.clone()),
        source: Set(cause.source),
        correlation_id: Set(cause.correlation_id.clone()),
        attempts: Set(0),
        sent_at: NotSet,
        leased_until: NotSet,
        lease: NotSet,
        created_at: Set(cause.now),
        closed_at: NotSet,
    };
    Entity::insert(row).exec_without_returning(&**txn).await?;
    let job = Job::new(job::Kind::RunSchedulerRequest, id, asked.scheduler);
    job::enqueue(txn, job.at(look_at, &cause.correlation_id)).await?;
    Ok(id)
}

/// The content of a request.
pub(crate) struct NewRequest {
    pub(crate) booking_id: Uuid,
    pub(crate) scheduler: Scheduler,
    pub(crate) kind: Kind,
    pub(crate) starts_at: DateTime<Utc>,
    pub(crate) from_uid: Option<String>,
    pub(crate) hold_id: Option<Uuid>,
    pub(crate) reason: Option<String>,
}

impl NewRequest {
    /// Requests a new booking.
    pub(crate) fn booking(booking: &booking::Model) -> Self {
        Self {
            booking_id: booking.id,
            scheduler: booking.scheduler,
            kind: Kind::Book,
            starts_at: booking.starts_at,
            from_uid: None,
            hold_id: None,
            reason: None,
        }
    }
}

/// Requests that a duplicate booking be canceled at the scheduler; idempotent.
pub(crate) async fn undo(txn: &Txn, cause: &Cause, first: &Model, uid: &str) -> Result<()> {
    let known = Entity::find()
        .filter(Column::Kind.eq(Kind::Undo))
        .filter(Column::Uid.eq(uid))
        .count(&**txn)
        .await?;
    if known > 0 {
        return Ok(());
    }
    let cause = Cause::system(cause.source, &cause.correlation_id, cause.now);
    let asked = NewRequest {
        booking_id: first.booking_id,
        scheduler: scheduler_of(&**txn, first).await?,
        kind: Kind::Undo,
        starts_at: first.starts_at,
        from_uid: None,
        hold_id: None,
        reason: None,
    };
    write(txn, &cause, asked, Some(uid.to_owned()), cause.now)
        .await
        .map(drop)
}

/// Whether a booking was made here and requested from its scheduler.
pub(crate) async fn was_made_here(txn: &Txn, booking_id: Uuid) -> Result<bool> {
    let booked = Entity::find()
        .filter(Column::BookingId.eq(booking_id))
        .filter(Column::Kind.eq(Kind::Book));
    Ok(booked.count(&**txn).await? > 0)
}

/// How a request ends.
#[derive(Clone, Debug, Default)]
pub(crate) struct Closing {
    pub(crate) uid: Option<String>,
    pub(crate) refusal: Option<String>,
}

/// Closes an open request; returns whether it was open.
pub(crate) async fn close(
    txn: &Txn,
    request: &Model,
    status: Status,
    ending: Closing,
    now: DateTime<Utc>,
) -> Result<bool> {
    let mut row = ActiveModel {
        status: Set(status),
        refusal: Set(ending.refusal),
        closed_at: Set(Some(now)),
        leased_until: Set(None),
        lease: Set(None),
        ..Default::default()
    };
    if let Some(uid) = ending.uid {
        row.uid = Set(Some(uid));
    }
    let closed = Entity::update_many()
        .set(row)
        .filter(Column::Id.eq(request.id))
        .filter(Column::Status.eq(Status::Open))
        .exec(&**txn)
        .await?;
    if let Some(hold_id) = request.hold_id {
        slot_hold::Entity::delete_by_id(hold_id)
            .exec(&**txn)
            .await?;
    }
    Ok(closed.rows_affected == 1)
}

impl From<&Model> for Cause {
    /// The cause that the request was made for.
    fn from(request: &Model) -> Self {
        Self {
            by: request.actor_kind,
            actor_id: request.actor_id,
            impersonator: request.impersonator.clone(),
            source: request.source,
            correlation_id: request.correlation_id.clone(),
            now: request.created_at,
        }
    }
}

/// The latest request for a booking.
pub(crate) async fn latest(
    db: &impl ConnectionTrait,
    booking: &booking::Model,
    kind: Kind,
) -> Result<Option<Model>> {
    use sea_orm::QueryOrder;

    let found = Entity::find()
        .filter(Column::BookingId.eq(booking.id))
        .filter(Column::Kind.eq(kind))
        .order_by_desc(Column::CreatedAt);
    Ok(found.one(db).await?)
}

/// The scheduler of the booking that a request is about.
pub(super) async fn scheduler_of(db: &impl ConnectionTrait, request: &Model) -> Result<Scheduler> {
    let booking = booking::Entity::find_by_id(request.booking_id)
        .one(db)
        .await?;
    let booking = booking.ok_or_else(|| Error::internal("a request", "without its booking"))?;
    Ok(booking.scheduler)
}

/// The jobs of all open requests.
pub(crate) async fn list_open_requests(app: &App) -> Result<Vec<Job>> {
    let booking = Entity::belongs_to(booking::Entity)
        .from(Column::BookingId)
        .to(booking::Column::Id);
    let open: Vec<(Uuid, Scheduler)> = Entity::find()
        .filter(Column::Status.eq(Status::Open))
        .join(JoinType::InnerJoin, booking.into())
        .select_only()
        .column(Column::Id)
        .column(booking::Column::Scheduler)
        .into_tuple()
        .all(app.db.read())
        .await?;
    Ok(open
        .into_iter()
        .map(|(id, scheduler)| Job::new(job::Kind::RunSchedulerRequest, id, scheduler))
        .collect())
}
