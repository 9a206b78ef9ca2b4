//! Cal.com: the client of its API v2 and the reader of its webhooks.
//!
//! [`Client`] calls the API v2 with a [`Credential`]; [`webhook`] verifies and reads deliveries.
//! Written against API v2 6.1.11 and 6.2.0. What the API does not guarantee, and a caller must
//! know:
//!
//! - **A write is not atomic and has no idempotency key.** After an error with [`outcome_unknown`]
//!   the booking may exist; put an id of our own in `metadata`, search for it, then write again.
//! - **A uid is a capability.** Whoever knows it may read, move and cancel the booking, without any
//!   credential.
//! - **Moving creates a new booking** with a new uid and leaves the old one canceled. `ics_uid`
//!   stays the same.
//! - **Overlaps are accepted** when two people book different starts concurrently.
//!
//! [`outcome_unknown`]: crate::Error::outcome_unknown

mod bookings;
mod calendars;
mod client;
mod conferencing;
mod credential;
mod email;
mod error;
mod event_types;
mod oauth;
mod organizations;
mod refusal;
mod registrations;
mod request;
mod response;
mod schedules;
mod slots;
mod tokens;
mod users;
pub mod webhook;

pub use bookings::{
    Attendee, AttendeeAbsence, Booking, BookingFilter, BookingSort, BookingStatus, BookingWindow,
    Bookings, CalendarLink, Cancel, EventTypeKey, Host, ListStatus, Location, MarkAbsent,
    NewAttendee, NewBooking, NewGuest, Page, Reference, Reschedule, SortOrder,
};
pub use calendars::{
    BusyQuery, BusyTime, Calendar, CalendarApp, CalendarKey, CalendarTrouble, Calendars,
    ConnectUrl, ConnectedCalendar,
};
pub use client::{Client, OAuthClient, PlatformClient, Settings, policy};
pub use conferencing::{ConnectedVideo, DefaultVideo, VideoApp};
pub use credential::Credential;
pub use email::plain_email;
pub use error::Error;
pub use event_types::{
    ActiveBookingsLimit, BookerLayouts, Cancelling, Color, Confirmation, DeletedEventType,
    DestinationCalendar, EventLocation, EventType, EventTypeChange, EventTypeFilter,
    EventTypeOwner, EventTypeSettings, HorizonRule, NoticeThreshold, PeriodLimits, PrivateLink,
    PrivateLinkLife, Question, Recurrence, Rescheduling, Seats, Toggle,
};
pub use oauth::{CodeVerifier, OAuthClientInfo, OAuthTokens, consent_refused};
pub use organizations::{Absence, AbsenceChange};
pub use refusal::Refusal;
pub use registrations::{WebhookChange, WebhookRegistration, WebhookScope};
pub use schedules::{DayOverride, Hours, Schedule, ScheduleChange};
pub use slots::{NewReservation, Reservation, Slot, SlotQuery, SlotTarget};
pub use tokens::{ApiKeyLife, TokenPair};
pub use users::{CreatedUser, NewUser, Profile, User, UserChange};

#[cfg(test)]
mod tests;
