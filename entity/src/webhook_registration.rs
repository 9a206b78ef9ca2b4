//! A webhook that we have registered at a provider.

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

/// Names of the subscribed events, in the provider's spelling.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, FromJsonQueryResult)]
pub struct Triggers(pub Vec<String>);

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "webhook_registration")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// The connection it was created through; null for the platform's own.
    pub connection_id: Option<Uuid>,
    /// For example `calcom`.
    pub provider: String,
    pub scope: Scope,
    /// Its id at the provider; null until the provider has answered.
    pub external_id: Option<String>,
    /// Our address that the provider calls.
    pub url: String,
    /// Sealed signing secret.
    pub secret: String,
    /// Sealed previous signing secret, accepted until `previous_valid_until`.
    pub previous_secret: Option<String>,
    pub previous_valid_until: Option<DateTimeUtc>,
    pub triggers: Triggers,
    /// When it was last verified at the provider.
    pub checked_at: Option<DateTimeUtc>,
    pub created_at: DateTimeUtc,
    pub updated_at: DateTimeUtc,
    /// Until when its deliveries are accepted at the platform's address too, where earlier versions
    /// registered it; null if they never did.
    pub platform_url_until: Option<DateTimeUtc>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
