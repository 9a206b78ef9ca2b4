//! A signed webhook request, stored byte for byte.

use sea_orm::entity::prelude::*;

/// Where a delivery stands.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, EnumIter, DeriveActiveEnum, async_graphql::Enum,
)]
#[sea_orm(
    rs_type = "String",
    db_type = "Text",
    rename_all = "SCREAMING_SNAKE_CASE"
)]
#[graphql(name = "WebhookDeliveryStatus")]
pub enum Status {
    /// Stored and answered; its work is waiting.
    Received,
    /// Its effect is in the database.
    Processed,
    /// Understood, and nothing follows from it.
    Ignored,
    /// Of a kind that we do not know.
    Unknown,
    /// Given up after the last attempt; an admin can replay it.
    Dead,
    /// It was about bookings that its sender may not speak of. Nothing was taken from it.
    Refused,
}

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "webhook_delivery")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub provider: String,
    /// Unique per provider: the same event sent again through the same registration is the same
    /// delivery.
    pub dedupe_key: String,
    /// The event's name at the provider.
    pub trigger: String,
    /// The provider's uid of the booking, where it names one.
    pub uid: Option<String>,
    /// The bytes that were signed.
    pub body: Vec<u8>,
    pub status: Status,
    pub booking_id: Option<Uuid>,
    pub failure: Option<String>,
    pub correlation_id: String,
    /// When the provider says it sent it.
    pub sent_at: Option<DateTimeUtc>,
    pub received_at: DateTimeUtc,
    pub processed_at: Option<DateTimeUtc>,
    /// The registration whose secret signed it; null for a secret of the settings.
    pub registration_id: Option<Uuid>,
    /// The connection that the registration belongs to; null for the platform's.
    pub connection_id: Option<Uuid>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
