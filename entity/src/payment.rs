//! A payment for a booking.

use sea_orm::entity::prelude::*;

/// Where a payment stands.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, EnumIter, DeriveActiveEnum, async_graphql::Enum,
)]
#[sea_orm(
    rs_type = "String",
    db_type = "Text",
    rename_all = "SCREAMING_SNAKE_CASE"
)]
#[graphql(name = "PaymentStatus")]
pub enum Status {
    /// Not paid yet.
    Pending,
    /// The payer must do something, for example 3-D Secure.
    RequiresAction,
    /// With the provider.
    Processing,
    /// Paid.
    Succeeded,
    /// Refused; may be tried again.
    Failed,
    /// Not paid in time or given up.
    Canceled,
    /// Given back in part.
    PartiallyRefunded,
    /// Given back in full.
    Refunded,
}

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "payment")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub booking_id: Uuid,
    pub status: Status,
    pub amount_minor: i64,
    pub refunded_minor: i64,
    pub currency: String,
    /// Null for payments recorded by hand.
    pub provider: Option<String>,
    pub provider_payment_id: Option<String>,
    pub paid_at: Option<DateTimeUtc>,
    pub failure: Option<String>,
    pub created_at: DateTimeUtc,
    pub updated_at: DateTimeUtc,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
