//! Synchronisation state of one of our objects with its counterpart at a remote scheduler.

use sea_orm::QueryFilter;
use sea_orm::entity::prelude::*;

/// The kind of a synchronised object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EnumIter, DeriveActiveEnum)]
#[sea_orm(
    rs_type = "String",
    db_type = "Text",
    rename_all = "SCREAMING_SNAKE_CASE"
)]
pub enum Subject {
    EventType,
    Schedule,
}

/// Whether the two sides say the same.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, EnumIter, DeriveActiveEnum, async_graphql::Enum,
)]
#[sea_orm(
    rs_type = "String",
    db_type = "Text",
    rename_all = "SCREAMING_SNAKE_CASE"
)]
#[graphql(name = "SyncState")]
pub enum State {
    /// A change made here is on its way.
    Pending,
    /// Both sides say the same, as far as is known.
    Synced,
    /// They do not, and waiting does not help.
    Failed,
}

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "sync_state")]
pub struct Model {
    /// The object's own id.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub subject: Subject,
    pub coach_id: Uuid,
    /// For example `calcom`.
    pub provider: String,
    /// Its id there; null until it exists there.
    pub external_id: Option<String>,
    pub state: State,
    /// For the coach: why it failed, or what was changed without them.
    pub message: Option<String>,
    /// A fingerprint of the remote object when both sides were last equal.
    pub theirs: Option<String>,
    /// The object's own version at that time.
    pub version: i64,
    /// When the remote object was last read.
    pub looked_at: Option<DateTimeUtc>,
    /// When both sides last said the same.
    pub synced_at: Option<DateTimeUtc>,
    pub updated_at: DateTimeUtc,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl Entity {
    /// Objects of one kind that are synchronised for a coach.
    pub fn find_by_coach(coach_id: Uuid, subject: Subject) -> Select<Self> {
        Self::find()
            .filter(Column::CoachId.eq(coach_id))
            .filter(Column::Subject.eq(subject))
    }
}
