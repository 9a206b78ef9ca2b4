//! A webhook that we have had a provider send us.

use sea_orm::FromJsonQueryResult;
use sea_orm::entity::prelude::*;
use serde::{Deserialize, Serialize};

/// Whose bookings a webhook tells of.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, EnumIter, DeriveActiveEnum, async_graphql::Enum,
)]
#[sea_orm(
    rs_type = "String",
    db_type = "Text",
    rename_all = "SCREAMING_SNAKE_CASE"
)]
#[graphql(name = "WebhookScope")]
pub enum Scope {
    /// Everybody's whose account the platform made.
    Platform,
    /// One account's.
    User,
    /// One event type's.
    EventType,
}

/// Names of the events to be told of, as the provider calls them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, FromJsonQueryResult)]
pub struct Triggers(pub Vec<String>);

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "webhook_registration")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// Through which connection it was made; none for the platform's own.
    pub connection_id: Option<Uuid>,
    /// For example `calcom`.
    pub provider: String,
    pub scope: Scope,
    /// Its id at the provider; none until the provider has answered.
    pub external_id: Option<String>,
    /// Where the provider sends to.
    pub url: String,
    /// Sealed: what the provider signs with.
    pub secret: String,
    /// Sealed: what it signed with before, good until `previous_valid_until`.
    pub previous_secret: Option<String>,
    pub previous_valid_until: Option<DateTimeUtc>,
    pub triggers: Triggers,
    /// When it was last seen to be there as it should be.
    pub checked_at: Option<DateTimeUtc>,
    pub created_at: DateTimeUtc,
    pub updated_at: DateTimeUtc,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
