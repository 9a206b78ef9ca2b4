//! Cal.com: who keeps a coach's calendar and tells us what happens in it.
//!
//! [`Client`] speaks their API v2, for whoever a [`Credential`] stands for; [`webhook`] reads what
//! they send by themselves. Written against API v2 6.1.11 and 6.2.0. What they do not promise, and
//! a caller must know:
//!
//! - **A write is not atomic and has no idempotency key.** After an error with [`outcome_unknown`]
//!   the booking may exist; put an id of our own in `metadata`, look for it, then write again.
//! - **A uid is a key.** Whoever knows it may read, move and cancel the booking, without any
//!   credential.
//! - **Moving makes a new booking** with a new uid and leaves the old one canceled. `ics_uid` stays
//!   the same.
//! - **Overlaps are accepted** when two people book different starts at the same moment.
//!
//! [`outcome_unknown`]: crate::Error::outcome_unknown

/// `Debug` with the named fields only: the others are somebody's business.
macro_rules! quiet_debug {
    ($type:ident { $($field:ident),* $(,)? }) => {
        impl std::fmt::Debug for $type {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.debug_struct(stringify!($type))$(.field(stringify!($field), &self.$field))*.finish_non_exhaustive()
            }
        }
    };
}

mod answer;
mod bookings;
mod calendars;
mod client;
mod conferencing;
mod credential;
mod email;
mod event_types;
mod lax;
mod oauth;
mod organizations;
mod refusal;
mod registrations;
mod request;
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
pub use email::{normalised_email, plain_email};
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
