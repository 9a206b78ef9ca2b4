//! Schedules: the weekly hours of a coach.

pub mod input;
pub mod mutation;
pub mod object;

use async_graphql::{Context, ID, Object};

pub use mutation::ScheduleMutation;
pub use object::Schedule;

use super::context::{app, caller};
use super::error::Result;
use super::id::Kind;
use crate::domain::schedule;

/// Queries of schedules.
#[derive(Default)]
pub struct ScheduleQuery;

#[Object]
impl ScheduleQuery {
    /// One of the caller's schedules; staff see all. NOT_FOUND for anyone else's.
    async fn schedule(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Its id.")] id: ID,
    ) -> Option<Result<Schedule>> {
        Some(find(ctx, &id).await)
    }
}

async fn find(ctx: &Context<'_>, id: &ID) -> Result<Schedule> {
    let key = Kind::Schedule.key("id", id)?;
    Ok(Schedule::new(
        schedule::get(app(ctx), caller(ctx), key).await?,
    ))
}
