//! Mutations of event types.

use async_graphql::{Context, Object};

use super::input::{
    ArchiveEventTypeInput, CreateEventTypeInput, SetEventTypeHostsInput, UpdateEventTypeInput,
};
use super::object::EventType;
use crate::domain::{self, event_type};
use crate::graphql::context::{app, caller};
use crate::graphql::error::Result;
use crate::graphql::id::Kind;
use crate::graphql::payload::payload;

payload!(CreateEventTypePayload, "Result of createEventType.", event_type: EventType, "The new event type.");
payload!(UpdateEventTypePayload, "Result of updateEventType.", event_type: EventType, "The event type.");
payload!(ArchiveEventTypePayload, "Result of archiveEventType.", event_type: EventType, "The event type, now ARCHIVED.");
payload!(SetEventTypeHostsPayload, "Result of setEventTypeHosts.", event_type: EventType, "The event type.");

/// Mutations of event types.
#[derive(Default)]
pub struct EventTypeMutation;

#[Object]
impl EventTypeMutation {
    /// Offer something new. A coach's own; staff make them for anyone.
    async fn create_event_type(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to offer.")] input: CreateEventTypeInput,
    ) -> Result<CreateEventTypePayload> {
        let done = async { event_type::create(app(ctx), caller(ctx), input.read()?).await }.await;
        CreateEventTypePayload::new(done, EventType::new)
    }

    /// Change an event type. Bookings made before keep their price, policy and place.
    async fn update_event_type(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The changes.")] input: UpdateEventTypeInput,
    ) -> Result<UpdateEventTypePayload> {
        let done = async { event_type::update(app(ctx), caller(ctx), input.read()?).await }.await;
        UpdateEventTypePayload::new(done, EventType::new)
    }

    /// Take an event type out of the offer. Bookings made before stay; updateEventType brings it back.
    async fn archive_event_type(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which event type.")] input: ArchiveEventTypeInput,
    ) -> Result<ArchiveEventTypePayload> {
        let done: domain::Result<_> = async {
            let id = Kind::EventType.key("eventTypeId", &input.event_type_id)?;
            event_type::archive(app(ctx), caller(ctx), id).await
        }
        .await;
        ArchiveEventTypePayload::new(done, EventType::new)
    }

    /// Set who gives the sessions of an event type besides the coach who offers it. Only staff.
    async fn set_event_type_hosts(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which event type, and who.")] input: SetEventTypeHostsInput,
    ) -> Result<SetEventTypeHostsPayload> {
        let done: domain::Result<_> = async {
            let (id, coach_ids, version) = input.read()?;
            event_type::set_hosts(app(ctx), caller(ctx), id, coach_ids, version).await
        }
        .await;
        SetEventTypeHostsPayload::new(done, EventType::new)
    }
}
