//! A booking as Cal.com answers it.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::Value;

use crate::cal_com::lax::{FromValue, Lax, object};

/// A booking, as an answer describes it. What they leave empty is `None`.
///
/// `Debug` shows no names, addresses, answers or uids.
#[derive(Clone, PartialEq)]
pub struct Booking {
    /// Whoever knows it may read, move and cancel the booking, so it is never shown to others. All
    /// seats of one time share it.
    pub uid: String,
    /// Their number.
    pub id: Option<i64>,
    /// As they compose it.
    pub title: Option<String>,
    /// The event type's description, or the attendee's notes.
    pub description: Option<String>,
    /// Where it stands.
    pub status: BookingStatus,
    /// When it begins.
    pub starts_at: DateTime<Utc>,
    /// When it ends.
    pub ends_at: DateTime<Utc>,
    /// What was booked.
    pub event_type_id: Option<i64>,
    /// What was booked.
    pub event_type_slug: Option<String>,
    /// Whose time it is.
    pub hosts: Vec<Host>,
    /// Who comes, the person who booked first. For a booking with seats read without its host's
    /// credential, only the seats the reader may see.
    pub attendees: Vec<Attendee>,
    /// The addresses of those whom the attendee brings; they are attendees too.
    pub guests: Vec<String>,
    /// Where it takes place: an address, a phone number or a URL. After a change of location their
    /// answer may still tell the old video link.
    pub location: Option<String>,
    /// The location if it is a URL. Outdated on their side, and the same.
    pub meeting_url: Option<String>,
    /// What was put there at creation; it survives a move. Texts only.
    pub metadata: BTreeMap<String, String>,
    /// Answers by the question's slug, as they keep them. Unanswered questions are left out.
    pub answers: BTreeMap<String, Value>,
    /// When the row was made.
    pub created_at: Option<DateTime<Utc>>,
    /// When the row changed last.
    pub updated_at: Option<DateTime<Utc>>,
    /// The uid it had before it was moved.
    pub rescheduled_from_uid: Option<String>,
    /// The uid it has after it was moved; this one is then canceled.
    pub rescheduled_to_uid: Option<String>,
    /// Who moved it, in their spelling: a platform's client id is in it even if it is an
    /// attendee's.
    pub rescheduled_by: Option<String>,
    /// Why it was moved.
    pub rescheduling_reason: Option<String>,
    /// Why it was canceled. The reason of a declined booking is not told.
    pub cancellation_reason: Option<String>,
    /// Who canceled it, if they say.
    pub canceled_by: Option<String>,
    /// Of the first booking in a chain of moves: the one name that stays.
    pub ics_uid: Option<String>,
    /// The host did not come.
    pub host_absent: bool,
    /// The seat that this answer is about.
    pub seat_uid: Option<String>,
    /// The series it belongs to.
    pub recurring_uid: Option<String>,
    /// From 1 to 5.
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

/// Where a booking stands.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum BookingStatus {
    /// It takes place.
    Accepted,
    /// It waits for the host's consent.
    Pending,
    /// It is off, or was moved: see `rescheduled_to_uid`.
    Canceled,
    /// The host declined.
    Rejected,
    /// One we do not know.
    Other(String),
}

/// Whose time it is.
#[derive(Clone, PartialEq, Eq)]
pub struct Host {
    /// The user's id.
    pub id: Option<i64>,
    /// As shown to attendees.
    pub name: Option<String>,
    /// As a person knows it, without a platform's client id.
    pub email: Option<String>,
    /// Part of their public links.
    pub username: Option<String>,
    /// IANA.
    pub time_zone: Option<String>,
}

quiet_debug!(Host { id, time_zone });

/// Who comes.
#[derive(Clone, PartialEq, Eq)]
pub struct Attendee {
    /// Empty for a guest, always so after a move.
    pub name: String,
    /// As a person knows it. `None` when a phone number is all they gave.
    pub email: Option<String>,
    /// IANA.
    pub time_zone: Option<String>,
    /// Such as `en`.
    pub language: Option<String>,
    /// As given.
    pub phone_number: Option<String>,
    /// They did not come.
    pub absent: bool,
    /// Their seat.
    pub seat_uid: Option<String>,
}

quiet_debug!(Attendee { time_zone, absent });

/// What one call answered: one booking, or all of a series. Never empty.
#[derive(Debug, Clone, PartialEq)]
pub struct Bookings(Vec<Booking>);

impl Bookings {
    /// The only one, or the first of the series.
    #[must_use]
    pub fn first(&self) -> &Booking {
        self.0.first().expect("made with at least one")
    }

    /// The one with that uid, else the first.
    #[must_use]
    pub fn into_one(mut self, uid: &str) -> Booking {
        let at = self
            .0
            .iter()
            .position(|booking| booking.uid == uid)
            .unwrap_or_default();
        self.0.swap_remove(at)
    }

    /// The only one, or the first of the series.
    #[must_use]
    pub fn into_first(mut self) -> Booking {
        self.0.swap_remove(0)
    }

    /// All, in their order.
    #[must_use]
    pub fn into_vec(self) -> Vec<Booking> {
        self.0
    }

    /// All, in their order.
    pub fn iter(&self) -> std::slice::Iter<'_, Booking> {
        self.0.iter()
    }
}

impl FromValue for Bookings {
    fn from_value(value: Value) -> Option<Self> {
        let Value::Array(items) = value else {
            return Some(Self(vec![Booking::from_value(value)?]));
        };
        // One occurrence less would look like one occurrence canceled.
        let all: Option<Vec<Booking>> = items.into_iter().map(Booking::from_value).collect();
        all.filter(|all| !all.is_empty()).map(Self)
    }
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Wire {
    id: Lax<i64>,
    uid: Lax<String>,
    title: Lax<String>,
    description: Lax<String>,
    hosts: Lax<Vec<Host>>,
    status: Lax<String>,
    cancellation_reason: Lax<String>,
    cancelled_by_email: Lax<String>,
    rescheduling_reason: Lax<String>,
    rescheduled_by_email: Lax<String>,
    rescheduled_from_uid: Lax<String>,
    rescheduled_to_uid: Lax<String>,
    start: Lax<DateTime<Utc>>,
    end: Lax<DateTime<Utc>>,
    duration: Lax<i64>,
    event_type_id: Lax<i64>,
    event_type: Lax<EventType>,
    meeting_url: Lax<String>,
    location: Lax<String>,
    absent_host: Lax<bool>,
    created_at: Lax<DateTime<Utc>>,
    updated_at: Lax<DateTime<Utc>>,
    metadata: Lax<BTreeMap<String, String>>,
    rating: Lax<i64>,
    ics_uid: Lax<String>,
    attendees: Lax<Vec<Attendee>>,
    guests: Lax<Vec<String>>,
    booking_fields_responses: Lax<BTreeMap<String, Value>>,
    recurring_booking_uid: Lax<String>,
    seat_uid: Lax<String>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct EventType {
    id: Lax<i64>,
    slug: Lax<String>,
}

impl FromValue for EventType {
    fn from_value(value: Value) -> Option<Self> {
        object(value)
    }
}

impl FromValue for Booking {
    /// Its uid, its status and its time make a booking; the rest may be missing.
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
    id: Lax<i64>,
    name: Lax<String>,
    email: Lax<String>,
    display_email: Lax<String>,
    username: Lax<String>,
    time_zone: Lax<String>,
    language: Lax<String>,
    phone_number: Lax<String>,
    absent: Lax<bool>,
    seat_uid: Lax<String>,
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
