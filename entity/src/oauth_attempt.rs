//! An OAuth authorisation in progress.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "oauth_attempt")]
pub struct Model {
    /// SHA-256 of the `state` parameter, in hexadecimal: a reader of the table cannot forge the
    /// callback.
    #[sea_orm(primary_key, auto_increment = false)]
    pub state_hash: String,
    /// The person who started it.
    pub user_id: Uuid,
    /// The coach it is for.
    pub coach_id: Uuid,
    /// For example `calcom`.
    pub provider: String,
    /// Sealed PKCE verifier.
    pub verifier: String,
    /// Sealed code, from the callback until it is redeemed.
    pub code: Option<String>,
    /// SHA-256 of the ticket that redeems the code, in hexadecimal.
    pub ticket_hash: Option<String>,
    /// Where the browser is redirected in the end.
    pub redirect_to: String,
    pub expires_at: DateTimeUtc,
    /// The callback works once.
    pub used_at: Option<DateTimeUtc>,
    pub created_at: DateTimeUtc,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
