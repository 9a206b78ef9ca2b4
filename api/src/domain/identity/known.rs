//! The account of a token as every request needs it: one statement for a few columns.

use chrono::{DateTime, Utc};
use entity::user::{self, Role};
use entity::{Uuid, coach};
use sea_orm::QuerySelect;

use super::{Identity, email, role_of};
use crate::app::App;
use crate::domain::Result;

/// The columns of an account that every request needs.
pub(super) struct AccountSummary {
    pub(super) id: Uuid,
    pub(super) role: Role,
    pub(super) suspended_at: Option<DateTime<Utc>>,
    email: Option<String>,
    email_verified: bool,
    display_name: String,
}

type Row = (
    Uuid,
    Role,
    Option<DateTime<Utc>>,
    Option<String>,
    bool,
    String,
    Option<Uuid>,
);

impl AccountSummary {
    /// The account of a token, with the key of its coach profile.
    pub(super) async fn find(
        app: &App,
        identity: &Identity,
    ) -> Result<Option<(Self, Option<Uuid>)>> {
        let row: Option<Row> = user::Entity::find_by_subject(&identity.issuer, &identity.subject)
            .left_join(coach::Entity)
            .select_only()
            .columns([
                user::Column::Id,
                user::Column::Role,
                user::Column::SuspendedAt,
            ])
            .columns([
                user::Column::Email,
                user::Column::EmailVerified,
                user::Column::DisplayName,
            ])
            .column(coach::Column::Id)
            .into_tuple()
            .one(app.db.read())
            .await?;
        Ok(row.map(
            |(id, role, suspended_at, email, email_verified, display_name, coach_id)| {
                (
                    Self {
                        id,
                        role,
                        suspended_at,
                        email,
                        email_verified,
                        display_name,
                    },
                    coach_id,
                )
            },
        ))
    }

    /// Whether the token's claims differ from the stored account. Absent claims do not count,
    /// except the role.
    pub(super) fn differs_from(&self, identity: &Identity) -> bool {
        let email = email(identity);
        role_of(identity) != self.role
            || (email.is_some()
                && (email != self.email || identity.email_verified != self.email_verified))
            || identity
                .name
                .as_ref()
                .is_some_and(|name| *name != self.display_name)
    }
}

impl From<user::Model> for AccountSummary {
    fn from(user: user::Model) -> Self {
        let user::Model {
            id,
            role,
            suspended_at,
            email,
            email_verified,
            display_name,
            ..
        } = user;
        Self {
            id,
            role,
            suspended_at,
            email,
            email_verified,
            display_name,
        }
    }
}
