//! Sessions: the meetings of confirmed bookings.

pub mod mutation;
pub mod object;

use async_graphql::{Context, ID, InputObject, Object};
use entity::session::Status;

pub use mutation::SessionMutation;
pub use object::Session;
pub(crate) use object::preload;

use super::connection::{Connection, page};
use super::context::{app, caller};
use super::error::Result;
use super::id::Kind;
use super::scalars::DateTime;
use crate::domain::booking::{Scope, Side};
use crate::domain::page::PageInput;
use crate::domain::session;

/// Which sessions. All given conditions must hold.
#[derive(Clone, Debug, Default, InputObject)]
pub struct SessionFilter {
    /// Any of these.
    pub statuses: Option<Vec<Status>>,
    /// Booked to start at or after.
    pub starts_from: Option<DateTime>,
    /// Booked to start before.
    pub starts_before: Option<DateTime>,
}

impl SessionFilter {
    fn read(self) -> session::SessionFilter {
        session::SessionFilter {
            statuses: self.statuses,
            starts_from: self.starts_from.map(|instant| instant.0),
            starts_before: self.starts_before.map(|instant| instant.0),
        }
    }
}

/// Queries of sessions.
#[derive(Default)]
pub struct SessionQuery;

#[Object]
impl SessionQuery {
    /// One session in which the caller takes part; staff see all. NOT_FOUND for anyone else's.
    async fn session(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Its id.")] id: ID,
    ) -> Option<Result<Session>> {
        Some(find(ctx, &id).await)
    }
}

async fn find(ctx: &Context<'_>, id: &ID) -> Result<Session> {
    let key = Kind::Session.key("id", id)?;
    Ok(Session::of(session::get(app(ctx), caller(ctx), key).await?))
}

/// Reads one page of sessions and preloads the related rows that the selection needs.
async fn list(
    ctx: &Context<'_>,
    scope: Scope,
    filter: Option<SessionFilter>,
    page: &PageInput,
) -> Result<Connection<Session>> {
    let filter = filter.unwrap_or_default().read();
    let rows = session::list(app(ctx), caller(ctx), scope, &filter, page).await?;
    let mut sessions = Connection::new(rows, Session::of);
    let selection = ctx.look_ahead();
    for nodes in [
        selection.field("nodes"),
        selection.field("edges").field("node"),
    ] {
        preload(ctx, nodes, sessions.nodes_mut()).await?;
    }
    Ok(sessions)
}

/// Sessions of the viewer.
#[derive(Default)]
pub struct ViewerSessions;

#[Object]
impl ViewerSessions {
    /// Sessions in which the viewer takes part, by booked start, earliest first.
    #[expect(clippy::too_many_arguments, reason = "the arguments of the field")]
    async fn sessions(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "As which side; both when left out.")] role: Option<Side>,
        #[graphql(desc = "Which sessions.")] filter: Option<SessionFilter>,
        #[graphql(
            desc = "Items from the start, 1 to 100. Give first or last, not both; without either, 20 are returned."
        )]
        first: Option<i32>,
        #[graphql(desc = "Only items after this cursor.")] after: Option<String>,
        #[graphql(desc = "Items from the end, 1 to 100.")] last: Option<i32>,
        #[graphql(desc = "Only items before this cursor.")] before: Option<String>,
    ) -> Result<Connection<Session>> {
        list(
            ctx,
            Scope::Own(role),
            filter,
            &page(first, after, last, before),
        )
        .await
    }
}

/// Sessions of everyone, for staff.
#[derive(Default)]
pub struct AdminSessions;

#[Object]
impl AdminSessions {
    /// All sessions, by booked start, earliest first.
    async fn sessions(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which sessions.")] filter: Option<SessionFilter>,
        #[graphql(
            desc = "Items from the start, 1 to 100. Give first or last, not both; without either, 20 are returned."
        )]
        first: Option<i32>,
        #[graphql(desc = "Only items after this cursor.")] after: Option<String>,
        #[graphql(desc = "Items from the end, 1 to 100.")] last: Option<i32>,
        #[graphql(desc = "Only items before this cursor.")] before: Option<String>,
    ) -> Result<Connection<Session>> {
        list(
            ctx,
            Scope::Everyone,
            filter,
            &page(first, after, last, before),
        )
        .await
    }
}
