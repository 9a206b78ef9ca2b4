//! What a provider has said about one of its booking uids. A moved booking has several: they share
//! a `booking_id`.

use std::collections::BTreeMap;

use sea_orm::entity::prelude::*;
use sea_orm::{FromJsonQueryResult, QueryFilter};
use serde::{Deserialize, Serialize};

/// The latest message of each kind about the uid, by the kind's name. Merging a message in is
/// idempotent and commutes, so that neither order nor repetition can change what the whole says.
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
    /// The attendee's address where one uid stands for a group, else empty.
    #[sea_orm(primary_key, auto_increment = false)]
    pub seat: String,
    /// None until enough is known to make a booking of it.
    pub booking_id: Option<Uuid>,
    /// The uid that this one replaced.
    pub previous_uid: Option<String>,
    /// The provider's number of the booking; grows along a chain of moves.
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
    /// All that is known about the uids of one booking.
    pub fn find_by_booking(booking_id: Uuid) -> Select<Self> {
        Self::find().filter(Column::BookingId.eq(booking_id))
    }
}
