//! A host of an event type.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "event_type_host")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub event_type_id: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    pub coach_id: Uuid,
    /// Display order of the hosts; the first is the owner.
    pub position: i32,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
