//! A schedule: weekly hours of a coach.

use sea_orm::entity::prelude::*;
use sea_orm::{FromJsonQueryResult, QueryFilter};
use serde::{Deserialize, Serialize};

/// Hours on one day of the week.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WeeklyRule {
    /// 1 is Monday, 7 is Sunday (ISO 8601).
    pub weekday: u8,
    /// Wall-clock minute of the day.
    pub from: u16,
    /// Wall-clock minute of the day, at most 1440, after `from`.
    pub until: u16,
}

/// The rules of a week, by weekday and start.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, FromJsonQueryResult)]
#[serde(transparent)]
pub struct Weekly(pub Vec<WeeklyRule>);

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "schedule")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub coach_id: Uuid,
    pub name: String,
    /// IANA zone the hours are in.
    pub time_zone: String,
    pub weekly: Weekly,
    /// Incremented by each change, also of its overrides.
    pub version: i64,
    pub created_at: DateTimeUtc,
    pub updated_at: DateTimeUtc,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl Entity {
    /// The schedules of a coach.
    pub fn find_by_coach(coach_id: Uuid) -> Select<Self> {
        Self::find().filter(Column::CoachId.eq(coach_id))
    }
}
