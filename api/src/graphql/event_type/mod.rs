//! Event types: what can be booked with a coach.

pub mod input;
pub mod mutation;
pub mod object;

use async_graphql::{Context, ID, InputObject, Object, OneofObject};

pub use mutation::EventTypeMutation;
pub use object::EventType;
pub(crate) use object::prime_loaders;

use super::context::{app, caller};
use super::error::Result;
use super::id::Kind;
use crate::domain::event_type;

/// One way to name an event type.
#[derive(OneofObject)]
pub enum EventTypeBy {
    /// By global id.
    Id(ID),
    /// By its public address.
    Path(EventTypePath),
}

/// The public address of an event type.
#[derive(InputObject)]
pub struct EventTypePath {
    /// Handle of its coach.
    pub coach_handle: String,
    /// Its slug.
    pub slug: String,
}

/// Queries of event types.
#[derive(Default)]
pub struct EventTypeQuery;

#[Object]
impl EventTypeQuery {
    /// An event type. An archived one is there for its coach and staff only. NOT_FOUND when there is none.
    async fn event_type(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "How it is named.")] by: EventTypeBy,
    ) -> Option<Result<EventType>> {
        Some(find(ctx, by).await)
    }
}

async fn find(ctx: &Context<'_>, by: EventTypeBy) -> Result<EventType> {
    let row = match by {
        EventTypeBy::Id(id) => {
            event_type::get(app(ctx), caller(ctx), Kind::EventType.key("by.id", &id)?).await?
        }
        EventTypeBy::Path(path) => {
            event_type::get_by_path(app(ctx), caller(ctx), &path.coach_handle, &path.slug).await?
        }
    };
    Ok(EventType::new(row))
}
