//! What was asked of a scheduler about a booking. The row is written before the request leaves, so
//! that a lost answer is looked for and a time that nobody wants any more is given back.

use sea_orm::QueryFilter;
use sea_orm::entity::prelude::*;

use crate::booking_event::{ActorKind, Source};

/// What was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EnumIter, DeriveActiveEnum)]
#[sea_orm(
    rs_type = "String",
    db_type = "Text",
    rename_all = "SCREAMING_SNAKE_CASE"
)]
pub enum Kind {
    /// A new booking.
    Book,
    /// Another time for a booking.
    Move,
    /// The end of a second record that one request has left behind at the scheduler.
    Undo,
}

/// What came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EnumIter, DeriveActiveEnum)]
#[sea_orm(
    rs_type = "String",
    db_type = "Text",
    rename_all = "SCREAMING_SNAKE_CASE"
)]
pub enum Status {
    /// Not known yet.
    Open,
    /// The scheduler has done it.
    Accepted,
    /// The scheduler has said no.
    Refused,
    /// It was given up, and nothing of it is left at the scheduler.
    Undone,
}

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "scheduler_request")]
pub struct Model {
    /// Goes along with the request, so that what came of it can be recognised. Random: it cannot be
    /// guessed by somebody else.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub booking_id: Uuid,
    pub kind: Kind,
    pub status: Status,
    /// The start that is asked for.
    pub starts_at: DateTimeUtc,
    /// The scheduler's uid that came of it; for `Undo` the one to be ended.
    pub uid: Option<String>,
    /// The uid that is moved.
    pub from_uid: Option<String>,
    /// Keeps the new time of a move until the outcome is known.
    pub hold_id: Option<Uuid>,
    /// As given by whoever asked.
    pub reason: Option<String>,
    /// Why the scheduler said no.
    pub refusal: Option<String>,
    pub actor_kind: ActorKind,
    pub actor_id: Option<Uuid>,
    pub source: Source,
    pub correlation_id: String,
    /// How often it was sent.
    pub attempts: i32,
    /// When it was last sent, unless it certainly had no effect.
    pub sent_at: Option<DateTimeUtc>,
    /// Somebody is at it until then.
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
