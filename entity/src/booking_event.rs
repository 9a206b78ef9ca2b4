//! An immutable entry of a booking's history. The database refuses to change or delete it.

use sea_orm::QueryFilter;
use sea_orm::entity::prelude::*;

use crate::booking::Status;

/// What happened to a booking.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, EnumIter, DeriveActiveEnum, async_graphql::Enum,
)]
#[sea_orm(
    rs_type = "String",
    db_type = "Text",
    rename_all = "SCREAMING_SNAKE_CASE"
)]
#[graphql(name = "BookingEventKind")]
pub enum Kind {
    /// Accepted here; the time is taken.
    Initiated,
    /// The scheduler has it.
    Scheduled,
    /// Waits for the coach's approval.
    ApprovalRequested,
    /// The coach agreed.
    Approved,
    /// A payment is due.
    PaymentDue,
    /// Paid.
    Paid,
    /// A payment failed.
    PaymentFailed,
    /// Will take place.
    Confirmed,
    /// The coach said no.
    Rejected,
    /// Moved to another time.
    Moved,
    /// Cancelled.
    Canceled,
    /// Given up: refused by the scheduler or not paid in time.
    Abandoned,
    /// Its start passed before it was confirmed.
    Expired,
    /// Over.
    Completed,
    /// The money was given back.
    Refunded,
    /// Its scheduler says that it stands after all.
    Reinstated,
    /// Who came and who did not.
    AttendanceMarked,
    /// The client has rated the session.
    SessionRated,
    /// The session began.
    SessionStarted,
    /// The person it was made for has signed up.
    Claimed,
    /// It overlaps something; an admin must look.
    ConflictFound,
    /// The overlap is gone.
    ConflictResolved,
    /// It turned out to be a second record of another booking.
    Merged,
    /// Place or link changed.
    LocationChanged,
    /// Somebody else was invited.
    GuestsAdded,
    /// More became known about it: who it is for, what was answered, what it costs.
    DetailsChanged,
}

/// Which kind of actor did something.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, EnumIter, DeriveActiveEnum, async_graphql::Enum,
)]
#[sea_orm(
    rs_type = "String",
    db_type = "Text",
    rename_all = "SCREAMING_SNAKE_CASE"
)]
pub enum ActorKind {
    /// The person who booked.
    Client,
    /// The coach.
    Coach,
    /// Staff.
    Admin,
    /// Somebody at the provider whom we cannot name.
    Provider,
    /// The system itself.
    System,
}

/// Where a change came from.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, EnumIter, DeriveActiveEnum, async_graphql::Enum,
)]
#[sea_orm(
    rs_type = "String",
    db_type = "Text",
    rename_all = "SCREAMING_SNAKE_CASE"
)]
#[graphql(name = "ChangeSource")]
pub enum Source {
    /// This API.
    Api,
    /// A webhook of a provider.
    Webhook,
    /// A provider's own records, read back.
    Reconcile,
    /// A deadline or the end of a session.
    Sweeper,
    /// Demo data.
    Seed,
}

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "booking_event")]
pub struct Model {
    /// Position in the stream of all events: increases with each commit, never reused.
    #[sea_orm(primary_key)]
    pub seq: i64,
    pub booking_id: Uuid,
    pub coach_id: Uuid,
    pub client_id: Option<Uuid>,
    pub kind: Kind,
    pub actor_kind: ActorKind,
    /// The person, where the actor is one.
    pub actor_id: Option<Uuid>,
    /// Id at the identity provider of whoever acted in the actor's name.
    pub impersonator: Option<String>,
    pub source: Source,
    pub correlation_id: String,
    /// The booking's version after the event.
    pub version: i64,
    pub status_before: Option<Status>,
    pub status_after: Status,
    /// Changed fields, old values.
    pub before: Option<Json>,
    /// Changed fields, new values.
    pub after: Option<Json>,
    /// As given by the actor.
    pub reason: Option<String>,
    pub occurred_at: DateTimeUtc,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl Entity {
    /// The history of one booking.
    pub fn find_by_booking(booking_id: Uuid) -> Select<Self> {
        Self::find().filter(Column::BookingId.eq(booking_id))
    }
}
