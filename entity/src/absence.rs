//! Absences: days on which a coach cannot be booked.

use sea_orm::QueryFilter;
use sea_orm::entity::prelude::*;

use crate::sync_state::State;

/// Why somebody is away.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    Hash,
    EnumIter,
    DeriveActiveEnum,
    async_graphql::Enum,
)]
#[sea_orm(
    rs_type = "String",
    db_type = "Text",
    rename_all = "SCREAMING_SNAKE_CASE"
)]
#[graphql(name = "AbsenceReason")]
pub enum Reason {
    /// On holiday.
    Vacation,
    /// On the way.
    Travel,
    /// Ill.
    Sick,
    /// A public holiday.
    PublicHoliday,
    /// It is not said.
    #[default]
    Unspecified,
}

#[derive(Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "absence")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub coach_id: Uuid,
    /// In the coach's zone.
    pub first_day: Date,
    /// In the coach's zone, inclusive.
    pub last_day: Date,
    pub reason: Reason,
    /// For the coach.
    pub note: Option<String>,
    /// Its id at the remote scheduler, if it has one there.
    pub external_id: Option<String>,
    /// First day of the absence as last pushed to the remote scheduler.
    pub told_first_day: Option<Date>,
    /// See `told_first_day`.
    pub told_last_day: Option<Date>,
    /// State of the push to the remote scheduler; null with the built-in one.
    pub state: Option<State>,
    /// For the coach: why the push failed.
    pub message: Option<String>,
    /// When both sides last said the same.
    pub synced_at: Option<DateTimeUtc>,
    /// When it was removed here; the row stays until the remote scheduler has confirmed the
    /// removal.
    pub removed_at: Option<DateTimeUtc>,
    pub version: i64,
    pub created_at: DateTimeUtc,
    pub updated_at: DateTimeUtc,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

// Redacts the note, which is private.
impl std::fmt::Debug for Model {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("absence::Model")
            .field("id", &self.id)
            .field("coach_id", &self.coach_id)
            .field("first_day", &self.first_day)
            .field("last_day", &self.last_day)
            .field("state", &self.state)
            .field("removed_at", &self.removed_at)
            .field("version", &self.version)
            .finish_non_exhaustive()
    }
}

impl Entity {
    /// Absences of these coaches that are not removed and end on that day or later.
    pub fn find_from(coach_ids: &[Uuid], day: Date) -> Select<Self> {
        Self::find()
            .filter(Column::CoachId.is_in(coach_ids.iter().copied()))
            .filter(Column::RemovedAt.is_null())
            .filter(Column::LastDay.gte(day))
    }
}
