//! A coach's link to an account at a provider.

use sea_orm::QueryFilter;
use sea_orm::entity::prelude::*;

/// How well a connection works.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EnumIter, DeriveActiveEnum, async_graphql::Enum)]
#[sea_orm(rs_type = "String", db_type = "Text", rename_all = "SCREAMING_SNAKE_CASE")]
#[graphql(name = "ConnectionHealth")]
pub enum Health {
    /// Known from the provider's messages; we hold no credential to act with.
    Observed,
    /// Works.
    Ok,
    /// Will stop working soon.
    Expiring,
    /// Does not work.
    Broken,
}

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "connection")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub coach_id: Uuid,
    /// For example `calcom`.
    pub provider: String,
    /// The account's id at the provider; unique together with it.
    pub external_id: String,
    pub external_email: Option<String>,
    pub external_username: Option<String>,
    pub health: Health,
    pub created_at: DateTimeUtc,
    pub updated_at: DateTimeUtc,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl Entity {
    /// The connection to one account at a provider.
    pub fn find_by_external(provider: &str, external_id: &str) -> Select<Self> {
        Self::find().filter(Column::Provider.eq(provider)).filter(Column::ExternalId.eq(external_id))
    }
}
