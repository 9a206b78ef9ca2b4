//! A booking: one client, one event type, one time. It keeps its identity when it is moved.

use sea_orm::entity::prelude::*;
use sea_orm::{FromJsonQueryResult, QueryFilter};
use serde::{Deserialize, Serialize};

use crate::coach::Scheduler;
use crate::event_type::{AnswerKind, Kind, LocationKind, Policy};

/// Where a booking stands.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    Hash,
    PartialOrd,
    Ord,
    EnumIter,
    DeriveActiveEnum,
    async_graphql::Enum,
)]
#[sea_orm(
    rs_type = "String",
    db_type = "Text",
    rename_all = "SCREAMING_SNAKE_CASE"
)]
#[graphql(name = "BookingStatus")]
pub enum Status {
    /// Accepted here; the scheduler has not answered yet. The time is taken.
    Initiated,
    /// The scheduler has it; the coach's approval may be missing.
    Scheduled,
    /// Waits for the payment until its deadline.
    PaymentPending,
    /// The last payment failed; it may be tried again until the deadline.
    PaymentFailed,
    /// Will take place.
    Confirmed,
    /// Took place.
    Completed,
    /// Never came to be: refused by the scheduler, or not paid in time.
    Abandoned,
    /// Was cancelled.
    Canceled,
    /// The money was given back.
    Refunded,
    /// The coach said no.
    Rejected,
    /// Its start passed before it was confirmed.
    Expired,
}

impl Status {
    /// States that take the time: bookings in them may not overlap.
    pub const ACTIVE: [Status; 5] = [
        Self::Initiated,
        Self::Scheduled,
        Self::PaymentPending,
        Self::PaymentFailed,
        Self::Confirmed,
    ];

    /// Whether the booking takes its time.
    #[must_use]
    pub fn is_active(self) -> bool {
        Self::ACTIVE.contains(&self)
    }
}

/// The coach's word, where the event type asks for it.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, EnumIter, DeriveActiveEnum, async_graphql::Enum,
)]
#[sea_orm(
    rs_type = "String",
    db_type = "Text",
    rename_all = "SCREAMING_SNAKE_CASE"
)]
pub enum Approval {
    /// The event type does not ask for it.
    NotNeeded,
    /// The coach has not answered.
    Pending,
    /// The coach has agreed.
    Given,
}

/// Why a booking that a scheduler has already accepted cannot stand here. Such a booking is kept visible and takes no time.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, EnumIter, DeriveActiveEnum, async_graphql::Enum,
)]
#[sea_orm(
    rs_type = "String",
    db_type = "Text",
    rename_all = "SCREAMING_SNAKE_CASE"
)]
#[graphql(name = "BookingConflict")]
pub enum Conflict {
    /// The coach has another booking at that time.
    CoachOverlap,
    /// The client has another booking at that time.
    ClientOverlap,
    /// The client already has an active verification booking.
    SecondVerification,
}

/// The answer to one question, with the question's text at that time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    pub key: String,
    pub label: String,
    pub kind: AnswerKind,
    /// One value, unless the question allows several choices.
    pub values: Vec<String>,
}

/// Answers in the order of the questions, as they are stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, FromJsonQueryResult)]
#[serde(untagged)]
pub enum Answers {
    /// None, or those of a row that was written before answers were sealed.
    Plain(Vec<Answer>),
    /// The JSON of a list of [`Answer`], sealed.
    Sealed(String),
}

impl Default for Answers {
    fn default() -> Self {
        Self::Plain(Vec::new())
    }
}

/// Addresses of the others who are invited, lower-cased, in the order in which they were.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, FromJsonQueryResult)]
#[serde(transparent)]
pub struct Guests(pub Vec<String>);

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "booking")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// Short code for people and support.
    pub reference: String,
    pub coach_id: Uuid,
    /// Null while nobody has signed up with the address it was made for.
    pub client_id: Option<Uuid>,
    pub event_type_id: Uuid,
    pub kind: Kind,
    pub status: Status,
    /// Incremented by every change, which compares it first (optimistic locking).
    pub version: i64,
    pub starts_at: DateTimeUtc,
    pub ends_at: DateTimeUtc,
    /// Start minus the buffer: may not overlap for the coach.
    pub busy_from: DateTimeUtc,
    /// End plus the buffer.
    pub busy_until: DateTimeUtc,
    /// Bookings that share a seated slot share this; otherwise the booking's own id.
    pub seat_group: Uuid,
    /// IANA zone the client booked in.
    pub client_time_zone: String,
    pub client_name: String,
    /// Lower-cased.
    pub client_email: Option<String>,
    pub price_minor: i64,
    pub currency: String,
    /// The policy at the time of booking.
    pub policy: Policy,
    pub location_kind: LocationKind,
    pub location_value: Option<String>,
    /// Link to the meeting; visible to the participants only.
    pub join_url: Option<String>,
    pub answers: Answers,
    pub guests: Guests,
    pub approval: Approval,
    /// Payment deadline.
    pub payment_deadline: Option<DateTimeUtc>,
    /// Who owned the coach's time when it was made.
    pub scheduler: Scheduler,
    pub conflict: Option<Conflict>,
    /// The booking that this one is a duplicate of.
    pub merged_into: Option<Uuid>,
    /// Identifies all bookings of one chain of moves at the provider.
    pub lineage_key: Option<String>,
    pub cancellation_reason: Option<String>,
    pub canceled_at: Option<DateTimeUtc>,
    /// How often it was moved.
    pub moves: i32,
    pub created_at: DateTimeUtc,
    pub updated_at: DateTimeUtc,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl Entity {
    /// Bookings that are not duplicates of others.
    pub fn find_real() -> Select<Self> {
        Self::find().filter(Column::MergedInto.is_null())
    }

    /// Bookings that take a coach's time in an interval.
    pub fn find_busy(coach_id: Uuid, from: DateTimeUtc, until: DateTimeUtc) -> Select<Self> {
        Self::find()
            .filter(Column::CoachId.eq(coach_id))
            .filter(Column::Status.is_in(Status::ACTIVE))
            .filter(Column::Conflict.is_null())
            .filter(Column::BusyFrom.lt(until))
            .filter(Column::BusyUntil.gt(from))
    }
}
