//! Background jobs. Finished jobs are deleted; their effects are in the history of what they
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
    /// Id of the object the job is about.
    pub subject_id: Uuid,
    /// A new job replaces the waiting one with the same key.
    pub dedupe_key: Option<String>,
    pub status: Status,
    pub run_at: DateTimeUtc,
    pub attempts: i32,
    pub leased_until: Option<DateTimeUtc>,
    /// Identifies the lease, so that a worker whose lease has expired cannot finish the job of
    /// another.
    pub lease: Option<Uuid>,
    pub last_error: Option<String>,
    pub correlation_id: String,
    pub created_at: DateTimeUtc,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
