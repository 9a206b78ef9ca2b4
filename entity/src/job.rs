//! Work that happens later. Finished work is deleted; what it did is in the history of what it
//! changed.

use sea_orm::entity::prelude::*;

/// Where a job stands.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, EnumIter, DeriveActiveEnum, async_graphql::Enum,
)]
#[sea_orm(
    rs_type = "String",
    db_type = "Text",
    rename_all = "SCREAMING_SNAKE_CASE"
)]
#[graphql(name = "JobStatus")]
pub enum Status {
    /// To be run at `run_at`.
    Waiting,
    /// Leased by a worker until `leased_until`; after that anyone may take it over.
    Running,
    /// Given up after the last attempt; an admin can replay it.
    Dead,
}

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "job")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub kind: String,
    /// Id of what it is about.
    pub subject_id: Uuid,
    /// A new job replaces the waiting one with the same key.
    pub dedupe_key: Option<String>,
    pub status: Status,
    pub run_at: DateTimeUtc,
    pub attempts: i32,
    pub leased_until: Option<DateTimeUtc>,
    /// Names the lease, so that a worker that was too slow cannot finish what another has taken
    /// over.
    pub lease: Option<Uuid>,
    pub last_error: Option<String>,
    pub correlation_id: String,
    pub created_at: DateTimeUtc,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
