//! The account of a token as every request needs it: one statement for a few columns.

use chrono::{DateTime, Utc};
use entity::user::{self, Role};
use entity::{Uuid, coach};
use sea_orm::DerivePartialModel;

use super::Identity;
use crate::app::App;
use crate::domain::Result;

/// The columns of an account that every request needs, and the key of its coach profile.
#[derive(DerivePartialModel)]
#[sea_orm(entity = "user::Entity")]
pub(super) struct AccountSummary {
    pub(super) id: Uuid,
    pub(super) role: Role,
    pub(super) suspended_at: Option<DateTime<Utc>>,
    email: Option<String>,
    email_verified: bool,
    display_name: String,
    #[sea_orm(from_expr = "coach::Column::Id")]
    pub(super) coach_id: Option<Uuid>,
}

impl AccountSummary {
    /// The account of a token.
    pub(super) async fn find(app: &App, identity: &Identity) -> Result<Option<Self>> {
        let found = user::Entity::find_by_subject(&identity.issuer, &identity.subject)
            .left_join(coach::Entity)
            .into_partial_model::<Self>()
            .one(app.db.read())
            .await?;
        Ok(found)
    }

    /// Whether the token's claims differ from the stored account. Absent claims do not count,
    /// except the role.
    pub(super) fn differs_from(&self, identity: &Identity) -> bool {
        let email = identity.email();
        identity.role() != self.role
            || (email.is_some()
                && (email != self.email
                    || identity
                        .email_verified
                        .is_some_and(|verified| verified != self.email_verified)))
            || identity
                .name
                .as_ref()
                .is_some_and(|name| *name != self.display_name)
    }
}

impl From<(user::Model, Option<Uuid>)> for AccountSummary {
    fn from((user, coach_id): (user::Model, Option<Uuid>)) -> Self {
        Self {
            id: user.id,
            role: user.role,
            suspended_at: user.suspended_at,
            email: user.email,
            email_verified: user.email_verified,
            display_name: user.display_name,
            coach_id,
        }
    }
}
