//! The event object: one entry of a booking's history.

use async_graphql::{Context, Object};
use entity::booking::Status;
use entity::booking_event::{ActorKind, Kind as EventKind, Model, Source};

use crate::graphql::error::Result;
use crate::graphql::loaders::{Loaders, UserById};
use crate::graphql::scalars::{DateTime, EventCursor};
use crate::graphql::user::User;

/// Something that happened to a booking. Never changes, never goes away.
#[derive(async_graphql::Description)]
pub struct BookingEvent(pub(crate) Model);

#[Object(use_type_description)]
impl BookingEvent {
    /// Its place in the stream: give it as `after` to go on from here.
    async fn cursor(&self) -> EventCursor {
        EventCursor(self.0.seq)
    }

    /// What happened.
    async fn kind(&self) -> EventKind {
        self.0.kind
    }

    /// Which kind of actor did it.
    async fn actor_kind(&self) -> ActorKind {
        self.0.actor_kind
    }

    /// The person who did it; null when it was the system or somebody at the provider.
    async fn actor(&self, ctx: &Context<'_>) -> Result<Option<User>> {
        let Some(id) = self.0.actor_id else {
            return Ok(None);
        };
        let user = ctx
            .data_unchecked::<Loaders>()
            .load_one(UserById(id))
            .await?;
        Ok(user.map(User))
    }

    /// Who acted in the actor's name, for example support: their id at the identity provider. Null when the actor did it themselves.
    async fn impersonated_by(&self) -> Option<&str> {
        self.0.impersonator.as_deref()
    }

    /// Where it came from.
    async fn source(&self) -> Source {
        self.0.source
    }

    /// When.
    async fn occurred_at(&self) -> DateTime {
        DateTime(self.0.occurred_at)
    }

    /// Status before; null for the first line.
    async fn status_before(&self) -> Option<Status> {
        self.0.status_before
    }

    /// Status after.
    async fn status_after(&self) -> Status {
        self.0.status_after
    }

    /// Start before, when the booking was moved.
    async fn starts_at_before(&self) -> Option<DateTime> {
        start_in(self.0.before.as_ref())
    }

    /// Start after, when the booking was made or moved.
    async fn starts_at_after(&self) -> Option<DateTime> {
        start_in(self.0.after.as_ref())
    }

    /// Reason as given.
    async fn reason(&self) -> Option<&str> {
        self.0.reason.as_deref()
    }

    /// Version of the booking after it.
    async fn version(&self) -> i64 {
        self.0.version
    }

    /// Under which id logs tell more; for support.
    async fn correlation_id(&self) -> &str {
        &self.0.correlation_id
    }
}

fn start_in(facts: Option<&entity::Json>) -> Option<DateTime> {
    facts?.get("startsAt")?.as_str()?.parse().ok().map(DateTime)
}
