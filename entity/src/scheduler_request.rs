//! A request to a remote scheduler about a booking. The row is committed before the call, so that a
//! lost response is looked up and an unwanted slot is released.

use sea_orm::QueryFilter;
use sea_orm::entity::prelude::*;

use crate::booking_event::{ActorKind, Source};

/// The kind of request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EnumIter, DeriveActiveEnum)]
#[sea_orm(
    rs_type = "String",
    db_type = "Text",
    rename_all = "SCREAMING_SNAKE_CASE"
)]
pub enum Kind {
    /// Creates a booking.
    Book,
    /// Moves a booking to another time.
    Move,
    /// Cancels a duplicate that one request has created at the scheduler.
    Undo,
}

/// The outcome of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EnumIter, DeriveActiveEnum)]
#[sea_orm(
    rs_type = "String",
    db_type = "Text",
    rename_all = "SCREAMING_SNAKE_CASE"
)]
pub enum Status {
    /// Not known yet.
    Open,
    /// The scheduler has carried it out.
    Accepted,
    /// The scheduler has refused it.
    Refused,
    /// It was abandoned, and has no effect at the scheduler.
    Undone,
}

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "scheduler_request")]
pub struct Model {
    /// Sent with the request, so that its effect can be recognised. Random: it cannot be guessed.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub booking_id: Uuid,
    pub kind: Kind,
    pub status: Status,
    /// The requested start.
    pub starts_at: DateTimeUtc,
    /// The scheduler's uid of the result; for `Undo` the one to cancel.
    pub uid: Option<String>,
    /// The uid to move.
    pub from_uid: Option<String>,
    /// Reserves the new time of a move until the outcome is known.
    pub hold_id: Option<Uuid>,
    /// As given by the person.
    pub reason: Option<String>,
    /// Why the scheduler refused.
    pub refusal: Option<String>,
    pub actor_kind: ActorKind,
    pub actor_id: Option<Uuid>,
    /// Id at the identity provider of whoever acted in the actor's name.
    pub impersonator: Option<String>,
    pub source: Source,
    pub correlation_id: String,
    /// Number of calls.
    pub attempts: i32,
    /// When the last call started, unless it certainly had no effect.
    pub sent_at: Option<DateTimeUtc>,
    /// Lease: one process at a time runs the request.
    pub leased_until: Option<DateTimeUtc>,
    pub lease: Option<Uuid>,
    pub created_at: DateTimeUtc,
    pub closed_at: Option<DateTimeUtc>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl Entity {
    /// Requests about a booking whose outcome is not known.
    pub fn find_open(booking_id: Uuid) -> Select<Self> {
        Self::find()
            .filter(Column::BookingId.eq(booking_id))
            .filter(Column::Status.eq(Status::Open))
            .filter(Column::Kind.ne(Kind::Undo))
    }
}
