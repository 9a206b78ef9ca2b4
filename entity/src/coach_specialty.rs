//! A specialty of a coach.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "coach_specialty")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub coach_id: Uuid,
    /// Stable key, for example `negotiation`.
    #[sea_orm(primary_key, auto_increment = false)]
    pub specialty: String,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
