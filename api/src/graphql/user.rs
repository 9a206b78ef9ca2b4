//! People.

use async_graphql::{Context, ID, Object};
use entity::user::{Model, Role};

use super::context::caller;
use super::id::Kind;
use super::scalars::{DateTime, EmailAddress, TimeZone};

/// A person with an account.
pub struct User(pub(crate) Model);

#[Object]
impl User {
    /// Global id.
    async fn id(&self) -> ID {
        Kind::User.id(self.0.id)
    }

    /// Name as shown to others.
    async fn display_name(&self) -> &str {
        &self.0.display_name
    }

    /// Email address; null unless the caller is the person or staff. A booking tells its own parties the address it was made for.
    async fn email(&self, ctx: &Context<'_>) -> Option<EmailAddress> {
        let person = caller(ctx).find_person()?;
        let may = person.user_id == self.0.id || person.is_admin();
        self.0.email.clone().filter(|_| may).map(EmailAddress)
    }

    /// Home time zone.
    async fn time_zone(&self) -> TimeZone {
        TimeZone::stored(&self.0.time_zone)
    }

    /// What the person may do; null unless the caller is the person or staff.
    async fn role(&self, ctx: &Context<'_>) -> Option<Role> {
        let person = caller(ctx).find_person()?;
        (person.user_id == self.0.id || person.is_admin()).then_some(self.0.role)
    }

    /// Whether staff have suspended the account; null unless the caller is staff.
    async fn is_suspended(&self, ctx: &Context<'_>) -> Option<bool> {
        let person = caller(ctx).find_person()?;
        person.is_admin().then_some(self.0.suspended_at.is_some())
    }

    /// When the account was made.
    async fn created_at(&self) -> DateTime {
        DateTime(self.0.created_at)
    }
}
