//! A coach on their way to a provider and back, to give their consent.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "oauth_attempt")]
pub struct Model {
    /// SHA-256 of the `state` that the provider gives back, in hexadecimal. Whoever reads the table
    /// cannot come back in its place.
    #[sea_orm(primary_key, auto_increment = false)]
    pub state_hash: String,
    /// Who set out.
    pub user_id: Uuid,
    /// For which coach.
    pub coach_id: Uuid,
    /// For example `calcom`.
    pub provider: String,
    /// Sealed proof that whoever redeems the code also asked for it (PKCE).
    pub verifier: String,
    /// Where the browser goes in the end.
    pub redirect_to: String,
    pub expires_at: DateTimeUtc,
    /// Coming back works once.
    pub used_at: Option<DateTimeUtc>,
    pub created_at: DateTimeUtc,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
