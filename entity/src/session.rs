//! A session: the meeting of a confirmed booking.

use sea_orm::QueryFilter;
use sea_orm::entity::prelude::*;

/// Where a session stands.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, EnumIter, DeriveActiveEnum, async_graphql::Enum,
)]
#[sea_orm(
    rs_type = "String",
    db_type = "Text",
    rename_all = "SCREAMING_SNAKE_CASE"
)]
#[graphql(name = "SessionStatus")]
pub enum Status {
    /// Not begun.
    Upcoming,
    /// Going on.
    InProgress,
    /// Over.
    Completed,
    /// Somebody did not come.
    NoShow,
    /// Its booking no longer stands.
    Canceled,
}

/// Whether one side came.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, EnumIter, DeriveActiveEnum, async_graphql::Enum,
)]
#[sea_orm(
    rs_type = "String",
    db_type = "Text",
    rename_all = "SCREAMING_SNAKE_CASE"
)]
pub enum Attendance {
    /// Nobody has said.
    Unknown,
    /// Came.
    Present,
    /// Did not come.
    Absent,
}

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "session")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// Unique: a booking has one session.
    pub booking_id: Uuid,
    pub status: Status,
    pub coach_attendance: Attendance,
    pub client_attendance: Attendance,
    /// When it really began.
    pub started_at: Option<DateTimeUtc>,
    /// The actual end.
    pub ended_at: Option<DateTimeUtc>,
    /// The client's rating, 1 to 5.
    pub rating: Option<i32>,
    pub version: i64,
    pub created_at: DateTimeUtc,
    pub updated_at: DateTimeUtc,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl Entity {
    /// The session of a booking.
    pub fn find_by_booking(booking_id: Uuid) -> Select<Self> {
        Self::find().filter(Column::BookingId.eq(booking_id))
    }
}
