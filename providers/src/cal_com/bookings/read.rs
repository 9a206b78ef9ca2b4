//! Bookings as Cal.com returns them.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::Value;

use crate::lenient::{FromValue, Lenient, object};

/// A booking in a response. Empty fields are `None`.
///
/// `Debug` shows no names, addresses, answers or uids.
#[derive(Clone, PartialEq)]
pub struct Booking {
    /// Whoever knows it may read, move and cancel the booking, so it is never shown to others. All
    /// seats of one time share it.
    pub uid: String,
    /// Cal.com's numeric id.
    pub id: Option<i64>,
    /// The title that Cal.com composes.
    pub title: Option<String>,
    /// The event type's description, or the attendee's notes.
    pub description: Option<String>,
    /// The status.
    pub status: BookingStatus,
    /// The start.
    pub starts_at: DateTime<Utc>,
    /// The end.
    pub ends_at: DateTime<Utc>,
    /// The event type.
    pub event_type_id: Option<i64>,
    /// The event type.
    pub event_type_slug: Option<String>,
    /// The hosts.
    pub hosts: Vec<Host>,
    /// The attendees, beginning with the person who booked. For a booking with seats that is read
    /// without its host's credential, only the visible seats.
    pub attendees: Vec<Attendee>,
    /// The addresses of guests, who are also attendees.
    pub guests: Vec<String>,
    /// The location: an address, a phone number or a URL. After a change of location the response
    /// may still contain the old video link.
    pub location: Option<String>,
    /// The location if it is a URL. A deprecated duplicate.
    pub meeting_url: Option<String>,
    /// The metadata of the creation, which survives a move. Texts only.
    pub metadata: BTreeMap<String, String>,
    /// Answers by the question's slug, as Cal.com stores them. Unanswered questions are left out.
    pub answers: BTreeMap<String, Value>,
    /// When the booking was created.
    pub created_at: Option<DateTime<Utc>>,
    /// When the booking last changed.
    pub updated_at: Option<DateTime<Utc>>,
    /// The uid it had before it was moved.
    pub rescheduled_from_uid: Option<String>,
    /// The uid it has after it was moved; this one is then canceled.
    pub rescheduled_to_uid: Option<String>,
    /// The address of the person who moved it, in Cal.com's format: it contains a platform's client
    /// id even if it is an attendee's.
    pub rescheduled_by: Option<String>,
    /// Why it was moved.
    pub rescheduling_reason: Option<String>,
    /// Why it was canceled. The reason of a declined booking is not returned.
    pub cancellation_reason: Option<String>,
    /// The address of the person who canceled it, if known.
    pub canceled_by: Option<String>,
    /// The iCalendar UID of the first booking in a chain of moves, which never changes.
    pub ics_uid: Option<String>,
    /// The host was absent.
    pub host_absent: bool,
    /// The seat that this response is about.
    pub seat_uid: Option<String>,
    /// The series it belongs to.
    pub recurring_uid: Option<String>,
    /// The attendee's rating, from 1 to 5.
    pub rating: Option<i64>,
}

quiet_debug!(Booking {
    id,
    status,
    starts_at,
    ends_at,
    event_type_id,
    updated_at
});

/// The status of a booking.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum BookingStatus {
    /// Accepted.
    Accepted,
    /// It waits for the host's confirmation.
    Pending,
    /// Canceled or moved: see `rescheduled_to_uid`.
    Canceled,
    /// The host declined it.
    Rejected,
    /// An unknown value.
    Other(String),
}

/// The hosts.
#[derive(Clone, PartialEq, Eq)]
pub struct Host {
    /// The user's id.
    pub id: Option<i64>,
    /// Shown to attendees.
    pub name: Option<String>,
    /// The real address, without a platform's client id.
    pub email: Option<String>,
    /// Part of their public links.
    pub username: Option<String>,
    /// An IANA time zone.
    pub time_zone: Option<String>,
}

quiet_debug!(Host { id, time_zone });

/// The attendees.
#[derive(Clone, PartialEq, Eq)]
pub struct Attendee {
    /// Empty for a guest, and always after a move.
    pub name: String,
    /// The real address. `None` when only a phone number was given.
    pub email: Option<String>,
    /// An IANA time zone.
    pub time_zone: Option<String>,
    /// A language code, such as `en`.
    pub language: Option<String>,
    /// The phone number as given.
    pub phone_number: Option<String>,
    /// The attendee was absent.
    pub absent: bool,
    /// The attendee's seat.
    pub seat_uid: Option<String>,
}

quiet_debug!(Attendee { time_zone, absent });

/// The bookings of one response: one booking, or all of a series. Never empty.
#[derive(Debug, Clone, PartialEq)]
pub struct Bookings(Vec<Booking>);

impl Bookings {
    /// The only booking, or the first of the series.
    #[must_use]
    pub fn first(&self) -> &Booking {
        self.0.first().expect("made with at least one")
    }

    /// The booking with that uid, else the first.
    #[must_use]
    pub fn into_one(mut self, uid: &str) -> Booking {
        let at = self
            .0
            .iter()
            .position(|booking| booking.uid == uid)
            .unwrap_or_default();
        self.0.swap_remove(at)
    }

    /// The only booking, or the first of the series.
    #[must_use]
    pub fn into_first(mut self) -> Booking {
        self.0.swap_remove(0)
    }

    /// All bookings, in Cal.com's order.
    #[must_use]
    pub fn into_vec(self) -> Vec<Booking> {
        self.0
    }

    /// All bookings, in Cal.com's order.
    pub fn iter(&self) -> std::slice::Iter<'_, Booking> {
        self.0.iter()
    }
}

impl FromValue for Bookings {
    fn from_value(value: Value) -> Option<Self> {
        let Value::Array(items) = value else {
            return Some(Self(vec![Booking::from_value(value)?]));
        };
        // All occurrences must be readable: a missing one would look canceled.
        let all: Option<Vec<Booking>> = items.into_iter().map(Booking::from_value).collect();
        all.filter(|all| !all.is_empty()).map(Self)
    }
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Wire {
    id: Lenient<i64>,
    uid: Lenient<String>,
    title: Lenient<String>,
    description: Lenient<String>,
    hosts: Lenient<Vec<Host>>,
    status: Lenient<String>,
    cancellation_reason: Lenient<String>,
    cancelled_by_email: Lenient<String>,
    rescheduling_reason: Lenient<String>,
    rescheduled_by_email: Lenient<String>,
    rescheduled_from_uid: Lenient<String>,
    rescheduled_to_uid: Lenient<String>,
    start: Lenient<DateTime<Utc>>,
    end: Lenient<DateTime<Utc>>,
    duration: Lenient<i64>,
    event_type_id: Lenient<i64>,
    event_type: Lenient<EventType>,
    meeting_url: Lenient<String>,
    location: Lenient<String>,
    absent_host: Lenient<bool>,
    created_at: Lenient<DateTime<Utc>>,
    updated_at: Lenient<DateTime<Utc>>,
    metadata: Lenient<BTreeMap<String, String>>,
    rating: Lenient<i64>,
    ics_uid: Lenient<String>,
    attendees: Lenient<Vec<Attendee>>,
    guests: Lenient<Vec<String>>,
    booking_fields_responses: Lenient<BTreeMap<String, Value>>,
    recurring_booking_uid: Lenient<String>,
    seat_uid: Lenient<String>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct EventType {
    id: Lenient<i64>,
    slug: Lenient<String>,
}

impl FromValue for EventType {
    fn from_value(value: Value) -> Option<Self> {
        object(value)
    }
}

impl FromValue for Booking {
    /// A booking requires a uid, a status and a time; all other fields are optional.
    fn from_value(value: Value) -> Option<Self> {
        let wire: Wire = object(value)?;
        let starts_at = wire.start.0?;
        let ends_at = wire.end.0.or_else(|| {
            let length =
                chrono::TimeDelta::try_minutes(wire.duration.0.filter(|minutes| *minutes > 0)?)?;
            starts_at.checked_add_signed(length)
        })?;
        let event_type = wire.event_type.0.unwrap_or_default();
        Some(Self {
            uid: wire.uid.filled()?,
            id: wire.id.0,
            title: wire.title.filled(),
            description: wire.description.filled(),
            status: BookingStatus::named(wire.status.filled()?),
            starts_at,
            ends_at,
            event_type_id: wire.event_type_id.0.or(event_type.id.0),
            event_type_slug: event_type.slug.filled(),
            hosts: wire.hosts.0.unwrap_or_default(),
            attendees: wire.attendees.0.unwrap_or_default(),
            guests: wire.guests.0.unwrap_or_default(),
            location: wire.location.filled(),
            meeting_url: wire
                .meeting_url
                .filled()
                .filter(|url| url.starts_with("http")),
            metadata: wire.metadata.0.unwrap_or_default(),
            answers: wire.booking_fields_responses.0.unwrap_or_default(),
            created_at: wire.created_at.0,
            updated_at: wire.updated_at.0,
            rescheduled_from_uid: wire.rescheduled_from_uid.filled(),
            rescheduled_to_uid: wire.rescheduled_to_uid.filled(),
            rescheduled_by: wire.rescheduled_by_email.filled(),
            rescheduling_reason: wire.rescheduling_reason.filled(),
            cancellation_reason: wire.cancellation_reason.filled(),
            canceled_by: wire.cancelled_by_email.filled(),
            ics_uid: wire.ics_uid.filled(),
            host_absent: wire.absent_host.0.unwrap_or_default(),
            seat_uid: wire.seat_uid.filled(),
            recurring_uid: wire.recurring_booking_uid.filled(),
            rating: wire.rating.0,
        })
    }
}

impl BookingStatus {
    fn named(name: String) -> Self {
        match name.to_ascii_lowercase().as_str() {
            "accepted" => Self::Accepted,
            "pending" => Self::Pending,
            "cancelled" | "canceled" => Self::Canceled,
            "rejected" => Self::Rejected,
            _ => Self::Other(name),
        }
    }
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Person {
    id: Lenient<i64>,
    name: Lenient<String>,
    email: Lenient<String>,
    display_email: Lenient<String>,
    username: Lenient<String>,
    time_zone: Lenient<String>,
    language: Lenient<String>,
    phone_number: Lenient<String>,
    absent: Lenient<bool>,
    seat_uid: Lenient<String>,
}

impl FromValue for Host {
    fn from_value(value: Value) -> Option<Self> {
        let person: Person = object(value)?;
        Some(Self {
            id: person.id.0,
            name: person.name.filled(),
            email: person
                .display_email
                .filled()
                .or_else(|| person.email.filled()),
            username: person.username.filled(),
            time_zone: person.time_zone.filled(),
        })
    }
}

impl FromValue for Attendee {
    fn from_value(value: Value) -> Option<Self> {
        let person: Person = object(value)?;
        Some(Self {
            name: person.name.filled().unwrap_or_default(),
            email: person
                .display_email
                .filled()
                .or_else(|| person.email.filled()),
            time_zone: person.time_zone.filled(),
            language: person.language.filled(),
            phone_number: person.phone_number.filled(),
            absent: person.absent.0.unwrap_or_default(),
            seat_uid: person.seat_uid.filled(),
        })
    }
}
