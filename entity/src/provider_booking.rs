//! Facts of a provider about one of its booking uids. A moved booking has several uids, which share
//! a `booking_id`.

use std::collections::BTreeMap;

use sea_orm::entity::prelude::*;
use sea_orm::{FromJsonQueryResult, QueryFilter};
use serde::{Deserialize, Serialize};

/// The latest fact of each kind about the uid, by the kind's name. Merging a fact in is idempotent
/// and commutative, so that neither order nor repetition changes the result.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, FromJsonQueryResult)]
#[serde(transparent)]
pub struct Facts(pub BTreeMap<String, serde_json::Value>);

#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "provider_booking")]
pub struct Model {
    /// For example `calcom`.
    #[sea_orm(primary_key, auto_increment = false)]
    pub provider: String,
    #[sea_orm(primary_key, auto_increment = false)]
    pub uid: String,
    /// The account at the provider in whose calendar the booking is, as in
    /// [`connection`](crate::connection)s; empty while no fact named an organizer. Facts of
    /// different accounts are never linked, also if their uids are equal.
    #[sea_orm(primary_key, auto_increment = false)]
    pub account: String,
    /// The attendee's address where one uid covers a group, else empty.
    #[sea_orm(primary_key, auto_increment = false)]
    pub seat: String,
    /// Null until the facts suffice to create a booking.
    pub booking_id: Option<Uuid>,
    /// The uid that this one replaced.
    pub previous_uid: Option<String>,
    /// The provider's number of the booking; increases along a chain of moves.
    pub number: Option<i64>,
    /// iCalendar UID of the chain.
    pub lineage_key: Option<String>,
    pub facts: Facts,
    pub created_at: DateTimeUtc,
    pub updated_at: DateTimeUtc,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl Entity {
    /// The facts about all uids of one booking.
    pub fn find_by_booking(booking_id: Uuid) -> Select<Self> {
        Self::find().filter(Column::BookingId.eq(booking_id))
    }
}
