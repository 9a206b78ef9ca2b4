//! Actions of staff and the system outside of booking histories.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "audit_log")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub actor_id: Option<Uuid>,
    /// Id at the identity provider of whoever acted in the actor's name.
    pub impersonator: Option<String>,
    /// For example `job.replay`.
    pub action: String,
    /// Global id of the object of the action.
    pub subject: String,
    pub detail: Option<Json>,
    pub correlation_id: String,
    pub occurred_at: DateTimeUtc,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
