//! Coaches: the directory and profiles.

pub mod input;
pub mod mutation;
pub mod object;

use async_graphql::{Context, ID, Object, OneofObject};
use entity::coach::Model;

pub use mutation::CoachMutation;
pub use object::Coach;
pub(crate) use object::{first_page_size, preload};

use super::connection::{Connection, page};
use super::context::{app, caller};
use super::error::Result;
use super::fast_json::nodes;
use super::id::Kind;
use crate::domain::coach::{self, Key};
use input::CoachFilter;

/// One way to name a coach.
#[derive(OneofObject)]
pub enum CoachBy {
    /// By global id.
    Id(ID),
    /// By handle, the part of the profile's public address.
    Handle(String),
}

/// Queries of coaches.
#[derive(Default)]
pub struct CoachQuery;

#[Object]
impl CoachQuery {
    /// A coach. A profile that the directory does not show is there for its coach and staff only. NOT_FOUND when there is none.
    async fn coach(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "How the coach is named.")] by: CoachBy,
    ) -> Option<Result<Coach>> {
        Some(find(ctx, by).await)
    }

    /// The directory: coaches by name.
    async fn coaches(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which coaches.")] filter: Option<CoachFilter>,
        #[graphql(
            desc = "Items from the start, 1 to 100. Give first or last, not both; without either, 20 are returned."
        )]
        first: Option<i32>,
        #[graphql(desc = "Only items after this cursor.")] after: Option<String>,
        #[graphql(desc = "Items from the end, 1 to 100.")] last: Option<i32>,
        #[graphql(desc = "Only items before this cursor.")] before: Option<String>,
    ) -> Result<Connection<Coach>> {
        let filter = filter.unwrap_or_default().read();
        let page = page(first, after, last, before);
        let listed = || coach::listed(&filter);
        if let Some(written) = nodes::<Model>(ctx, &page, listed).await? {
            return Ok(Connection::written(written));
        }
        let rows = coach::list(app(ctx), &filter, &page).await?;
        let mut coaches = Connection::new(rows, Coach::new);
        let selection = ctx.look_ahead();
        for nodes in [
            selection.field("nodes"),
            selection.field("edges").field("node"),
        ] {
            preload(ctx, nodes, coaches.nodes_mut()).await?;
        }
        Ok(coaches)
    }

    /// The specialties of all listed coaches, for filters, in the order of the alphabet. A short list that is not paged: at most 500.
    async fn specialties(&self, ctx: &Context<'_>) -> Result<Vec<String>> {
        Ok(coach::specialties(app(ctx)).await?)
    }
}

async fn find(ctx: &Context<'_>, by: CoachBy) -> Result<Coach> {
    let key = match by {
        CoachBy::Id(id) => Key::Id(Kind::Coach.key("by.id", &id)?),
        CoachBy::Handle(handle) => Key::Handle(handle),
    };
    Ok(Coach::new(coach::get(app(ctx), caller(ctx), &key).await?))
}

/// Coach profile of the viewer.
#[derive(Default)]
pub struct ViewerCoach;

#[Object]
impl ViewerCoach {
    /// The viewer's own profile; null for a person who is no coach.
    async fn coach(&self, ctx: &Context<'_>) -> Option<Result<Coach>> {
        let id = caller(ctx).find_person()?.coach_id?;
        let found = coach::get(app(ctx), caller(ctx), &Key::Id(id)).await;
        Some(found.map(Coach::new).map_err(Into::into))
    }
}
