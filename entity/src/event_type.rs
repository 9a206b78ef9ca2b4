//! An event type: what can be booked with a coach.

use sea_orm::entity::prelude::*;
use sea_orm::{FromJsonQueryResult, QueryFilter};
use serde::{Deserialize, Serialize};

/// What a booking of the type is for.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, EnumIter, DeriveActiveEnum, async_graphql::Enum,
)]
#[sea_orm(
    rs_type = "String",
    db_type = "Text",
    rename_all = "SCREAMING_SNAKE_CASE"
)]
#[graphql(name = "EventTypeKind")]
pub enum Kind {
    /// Coaching.
    Session,
    /// The call that verifies a new client; a client has at most one active booking of this kind.
    Verification,
}

/// Whether and where an event type is shown.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, EnumIter, DeriveActiveEnum, async_graphql::Enum,
)]
#[sea_orm(
    rs_type = "String",
    db_type = "Text",
    rename_all = "SCREAMING_SNAKE_CASE"
)]
#[graphql(name = "EventTypeVisibility")]
pub enum Visibility {
    /// In the directory and on the coach's profile.
    Public,
    /// Bookable by whoever knows its id or address.
    Unlisted,
    /// Not bookable any more; bookings made before stay.
    Archived,
}

/// A way to meet.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, EnumIter, DeriveActiveEnum, async_graphql::Enum,
)]
#[sea_orm(
    rs_type = "String",
    db_type = "Text",
    rename_all = "SCREAMING_SNAKE_CASE"
)]
pub enum LocationKind {
    /// A video call whose link the system makes.
    Video,
    /// A link that the coach has given.
    Link,
    /// The coach calls the client.
    Phone,
    /// At an address.
    InPerson,
}

/// How far ahead a type can be booked, in the coach's zone.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, EnumIter, DeriveActiveEnum, async_graphql::Enum,
)]
#[sea_orm(
    rs_type = "String",
    db_type = "Text",
    rename_all = "SCREAMING_SNAKE_CASE"
)]
#[graphql(name = "BookingWindowKind")]
pub enum WindowKind {
    /// A number of calendar days from today on.
    Days,
    /// From one date to another, both included.
    Range,
    /// No limit.
    Unlimited,
}

/// All lengths on offer, in minutes, ascending, including the default.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, FromJsonQueryResult)]
#[serde(transparent)]
pub struct Lengths(pub Vec<i32>);

/// Kind of answer to an intake question.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, async_graphql::Enum)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[graphql(name = "AnswerKind")]
pub enum AnswerKind {
    /// One line, at most 500 characters.
    ShortText,
    /// Many lines, at most 5,000 characters.
    LongText,
    /// One of the options.
    SingleChoice,
    /// Any of the options.
    MultipleChoice,
    /// `true` or `false`.
    Boolean,
    /// A decimal number.
    Number,
}

/// A question asked when booking.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Question {
    /// Stable within the event type.
    pub key: String,
    pub label: String,
    pub kind: AnswerKind,
    pub required: bool,
    #[serde(default)]
    pub options: Vec<String>,
}

/// The questions in the order they are asked.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, FromJsonQueryResult)]
#[serde(transparent)]
pub struct Questions(pub Vec<Question>);

/// One step of a cancellation policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicyTier {
    /// Holds while at least so many hours are left before the start.
    pub hours_before: i32,
    /// Share of the price that is given back, 0 to 100.
    pub refund_percent: i32,
}

/// The refund of a cancellation: the tier with the most hours that are still left applies; without
/// one nothing is refunded.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, FromJsonQueryResult)]
pub struct Policy {
    /// Descending by `hours_before`.
    pub tiers: Vec<PolicyTier>,
    /// How often a client may move a booking; null means without limit.
    pub max_moves: Option<i32>,
}

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "event_type")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// The coach who owns it; further hosts are in `event_type_host`.
    pub coach_id: Uuid,
    /// Unique per coach.
    pub slug: String,
    pub title: String,
    /// Markdown.
    pub description: Option<String>,
    pub kind: Kind,
    pub visibility: Visibility,
    /// Default length.
    pub length_minutes: i32,
    pub lengths: Lengths,
    /// Zero is free.
    pub price_minor: i64,
    /// ISO 4217.
    pub currency: String,
    pub buffer_before_minutes: i32,
    pub buffer_after_minutes: i32,
    pub minimum_notice_minutes: i32,
    /// Distance between starts; null means the length.
    pub slot_interval_minutes: Option<i32>,
    pub window_kind: WindowKind,
    pub window_days: Option<i32>,
    pub window_from: Option<Date>,
    pub window_until: Option<Date>,
    pub location_kind: LocationKind,
    /// Link, address or number; null where the system creates it.
    pub location_value: Option<String>,
    pub questions: Questions,
    pub policy: Policy,
    /// Whether the coach accepts each booking by hand.
    pub requires_approval: bool,
    /// Maximum number of clients per slot.
    pub seats: i32,
    /// Schedule of this type; null means the coach's default schedule.
    pub schedule_id: Option<Uuid>,
    /// The provider it was imported from or is synchronised with.
    pub provider: Option<String>,
    pub provider_event_type_id: Option<String>,
    /// Incremented by each change.
    pub version: i64,
    pub created_at: DateTimeUtc,
    pub updated_at: DateTimeUtc,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl Entity {
    /// Event types that anyone may see.
    pub fn find_public() -> Select<Self> {
        Self::find().filter(Column::Visibility.eq(Visibility::Public))
    }

    /// The type with this id at a provider.
    pub fn find_by_provider_id(provider: &str, id: &str) -> Select<Self> {
        Self::find()
            .filter(Column::Provider.eq(provider))
            .filter(Column::ProviderEventTypeId.eq(id))
    }
}
