//! User accounts.

use async_graphql::{Context, ID, InputObject, Object};
use entity::user::{Model, Role};

use super::connection::{Connection, page};
use super::context::{app, caller};
use super::error::Result;
use super::id::Kind;
use super::payload::payload;
use super::scalars::{DateTime, EmailAddress, TimeZone};
use crate::domain::{self, identity};

/// A person with an account.
#[derive(async_graphql::Description)]
pub struct User(pub(crate) Model);

#[Object(use_type_description)]
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

/// User accounts, for staff.
#[derive(Default)]
pub struct AdminUsers;

#[Object]
impl AdminUsers {
    /// All accounts, in the order in which they were made, the newest first.
    async fn users(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Only accounts with this address.")] email: Option<EmailAddress>,
        #[graphql(
            desc = "Items from the start, 1 to 100. Give first or last, not both; without either, 20 are returned."
        )]
        first: Option<i32>,
        #[graphql(desc = "Only items after this cursor.")] after: Option<String>,
        #[graphql(desc = "Items from the end, 1 to 100.")] last: Option<i32>,
        #[graphql(desc = "Only items before this cursor.")] before: Option<String>,
    ) -> Result<Connection<User>> {
        let email = email.map(|email| email.0);
        let rows = identity::list(
            app(ctx),
            caller(ctx),
            email,
            &page(first, after, last, before),
        )
        .await?;
        Ok(Connection::new(rows, User))
    }
}

/// Input of suspendUser and reinstateUser.
#[derive(InputObject)]
pub struct UserInput {
    /// The person.
    pub user_id: ID,
}

payload!(SuspendUserPayload, "Result of suspendUser.", user: User, "The person.");
payload!(ReinstateUserPayload, "Result of reinstateUser.", user: User, "The person.");

/// Mutations of user accounts.
#[derive(Default)]
pub struct UserMutation;

#[Object]
impl UserMutation {
    /// End a person's rights at once, also on open sockets. Bookings stay as they are; a coach's profile leaves the directory.
    async fn suspend_user(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Whom.")] input: UserInput,
    ) -> Result<SuspendUserPayload> {
        SuspendUserPayload::new(set_suspended(ctx, &input, true).await, User)
    }

    /// Give a suspended person their rights back. A coach's profile stays unlisted until it is listed again.
    async fn reinstate_user(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Whom.")] input: UserInput,
    ) -> Result<ReinstateUserPayload> {
        ReinstateUserPayload::new(set_suspended(ctx, &input, false).await, User)
    }
}

async fn set_suspended(
    ctx: &Context<'_>,
    input: &UserInput,
    suspended: bool,
) -> domain::Result<Model> {
    let id = Kind::User.key("userId", &input.user_id)?;
    identity::set_suspended(app(ctx), caller(ctx), id, suspended).await
}
