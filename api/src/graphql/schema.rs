//! Assembles the schema from the parts of all nouns.

use std::sync::Arc;

use async_graphql::{MergedObject, MergedSubscription};
use graphql_server::document::TypeTable;

use super::absence::AbsenceMutation;
use super::apps::{CalendarMutation, VideoMutation};
use super::booking::{BookingMutation, BookingQuery, BookingSubscription};
use super::coach::{CoachMutation, CoachQuery};
use super::connected_account::ConnectedAccountMutation;
use super::delivery::DeliveryMutation;
use super::event_type::{EventTypeMutation, EventTypeQuery};
use super::node::NodeQuery;
use super::note::NoteMutation;
use super::reconcile::ReconcileMutation;
use super::schedule::{ScheduleMutation, ScheduleQuery};
use super::session::{SessionMutation, SessionQuery};
use super::slot::{FreeCoachQuery, HoldMutation, SlotQuery};
use super::sync::SyncMutation;
use super::user::UserMutation;
use super::viewer::ViewerQuery;
use super::webhook_registration::WebhookRegistrationMutation;
use crate::app::App;

/// Reading.
#[derive(MergedObject, Default)]
pub struct Query(
    NodeQuery,
    ViewerQuery,
    CoachQuery,
    EventTypeQuery,
    ScheduleQuery,
    SlotQuery,
    FreeCoachQuery,
    BookingQuery,
    SessionQuery,
);

/// Changing. Each mutation takes one input and gives a payload: the thing it changed, or why it did nothing.
#[derive(MergedObject, Default)]
pub struct Mutation(
    BookingMutation,
    HoldMutation,
    SessionMutation,
    NoteMutation,
    CoachMutation,
    EventTypeMutation,
    ScheduleMutation,
    AbsenceMutation,
    ConnectedAccountMutation,
    SyncMutation,
    CalendarMutation,
    VideoMutation,
    DeliveryMutation,
    WebhookRegistrationMutation,
    ReconcileMutation,
    UserMutation,
);

/// Watching, over WebSocket (graphql-transport-ws) or server-sent events.
#[derive(MergedSubscription, Default)]
pub struct Subscription(BookingSubscription);

/// Mutations that may call a provider: an operation may have at most one of them.
pub const PROVIDER_MUTATIONS: &[&str] = &[
    "createBooking",
    "rescheduleBooking",
    "cancelBooking",
    "approveBooking",
    "rejectBooking",
    "finishConnection",
    "connectWithApiKey",
    "provisionCoach",
    "disconnectAccount",
    "migrateCoach",
    "importEventTypes",
    "syncCalendarSettings",
    "connectCalendar",
    "connectAppleCalendar",
    "setCalendarFeeds",
    "checkCalendarAccount",
    "disconnectCalendar",
    "setConflictCalendars",
    "setDestinationCalendar",
    "connectVideoApp",
    "connectGoogleMeet",
    "setDefaultVideoApp",
    "disconnectVideoApp",
    "ensureWebhook",
    "deleteWebhook",
    "setWebhookTriggers",
    "rotateWebhookSecret",
    "syncMyBookings",
    "reconcile",
];

/// Mutations that count against the rate limit for bookings.
pub const BOOKING_MUTATIONS: &[&str] = &[
    "createBooking",
    "rescheduleBooking",
    "cancelBooking",
    "addBookingGuests",
    "createHold",
];

/// Registers our scalars, so that their values are validated before execution.
#[must_use]
pub fn check_scalars(types: TypeTable) -> TypeTable {
    use super::scalars::{
        CurrencyCode, DateTime, Decimal, EmailAddress, EventCursor, IdempotencyKey, LocalDate,
        LocalTime, TimeZone, Url,
    };
    types
        .check_scalar::<CurrencyCode>()
        .check_scalar::<DateTime>()
        .check_scalar::<Decimal>()
        .check_scalar::<EmailAddress>()
        .check_scalar::<EventCursor>()
        .check_scalar::<IdempotencyKey>()
        .check_scalar::<LocalDate>()
        .check_scalar::<LocalTime>()
        .check_scalar::<TimeZone>()
        .check_scalar::<Url>()
}

/// The executable schema.
pub type Schema = async_graphql::Schema<Query, Mutation, Subscription>;

/// Builds the schema with the application as its data.
#[must_use]
pub fn schema(app: Arc<App>) -> Schema {
    builder().data(app).finish()
}

/// The schema in SDL, for clients that generate code.
#[must_use]
pub fn sdl() -> String {
    builder().finish().sdl_with_options(
        async_graphql::SDLExportOptions::new()
            .sorted_fields()
            .sorted_arguments()
            .sorted_enum_items()
            .include_specified_by(),
    )
}

/// The schema builder, without the application.
#[must_use]
pub fn builder() -> async_graphql::SchemaBuilder<Query, Mutation, Subscription> {
    async_graphql::Schema::build(
        Query::default(),
        Mutation::default(),
        Subscription::default(),
    )
}
