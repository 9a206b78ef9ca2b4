//! Normalised events: instants in UTC, `None` instead of null or empty, one type per trigger
//! family.

use std::collections::BTreeMap;
use std::fmt;

use chrono::{DateTime, Utc};

use super::trigger::Trigger;
use crate::cal_com::plain_email;

/// One event that Cal.com reported.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Event {
    /// A booking changed.
    Booking {
        /// The trigger.
        kind: BookingTrigger,
        /// The booking at the time of the delivery.
        booking: Box<Booking>,
    },
    /// Attendees were marked absent, or the mark was removed. Absence of the host is not reported.
    NoShow {
        /// The booking.
        booking_uid: String,
        /// Cal.com's numeric id.
        booking_id: Option<i64>,
        /// The attendees.
        attendees: Vec<AttendeeNoShow>,
    },
    /// The scheduled start or end of a meeting passed.
    Meeting {
        /// Start or end.
        kind: MeetingTrigger,
        /// The booking at its **creation**; it may have been moved or cancelled since.
        booking: Box<MeetingSnapshot>,
    },
    /// Another event of a booking (recording, transcript, no-show, wrong assignment, instant
    /// meeting). Read the booking for details.
    OtherBooking {
        /// The trigger.
        trigger: Trigger,
        /// The booking's uid, if it is named.
        booking_uid: Option<String>,
    },
    /// A host is out of office: their slots changed.
    OutOfOffice(OutOfOffice),
    /// A routing form was submitted.
    Form {
        /// Cal.com's id of the form.
        form_id: Option<String>,
        /// Its name.
        form_name: Option<String>,
        /// Whether no booking followed.
        without_booking: bool,
    },
    /// An organisation's access to its members' calendars failed.
    DelegationError,
    /// The test button.
    Ping,
    /// An unknown trigger, or a body that is not Cal.com's.
    Unknown {
        /// Its name, `UNKNOWN` if it had none.
        name: String,
    },
}

/// How a booking changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BookingTrigger {
    /// It was created and accepted. Also sent when a request is confirmed.
    Created,
    /// It waits for the host's confirmation.
    Requested,
    /// It was moved; `reschedule_uid` is the uid it had before. Nothing is sent for that old uid.
    Rescheduled,
    /// It was cancelled. For a series this is the only delivery, and for a booking with seats it
    /// may be one seat.
    Cancelled,
    /// The host declined it.
    Rejected,
    /// A payment was started.
    PaymentInitiated,
    /// A payment was completed.
    Paid,
}

/// Whether a meeting started or ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MeetingTrigger {
    /// `starts_at` has passed.
    Started,
    /// `ends_at` has passed.
    Ended,
}

/// A booking as one delivery describes it. `None` means that the delivery does not contain the
/// field, not that it is unset.
///
/// `Debug` shows no names, addresses, answers or uids.
#[derive(Clone, PartialEq)]
pub struct Booking {
    /// Cal.com's id. Whoever knows it may read, move and cancel the booking, so it is never shown
    /// to others.
    pub uid: String,
    /// Cal.com's numeric id.
    pub id: Option<i64>,
    /// When Cal.com created the delivery.
    pub created_at: Option<DateTime<Utc>>,
    /// The uid before it was moved.
    pub reschedule_uid: Option<String>,
    /// The start before it was moved.
    pub reschedule_starts_at: Option<DateTime<Utc>>,
    /// The end before it was moved.
    pub reschedule_ends_at: Option<DateTime<Utc>>,
    /// The address of the person who moved it, possibly in Cal.com's format, see [`plain_email`].
    pub rescheduled_by: Option<String>,
    /// The start.
    pub starts_at: DateTime<Utc>,
    /// The end, later than the start.
    pub ends_at: DateTime<Utc>,
    /// As in "Coaching session between Ann and Bob".
    pub title: Option<String>,
    /// The status.
    pub status: Option<Status>,
    /// The event type.
    pub event_type: EventType,
    /// The host.
    pub organizer: Organizer,
    /// The attendees, beginning with the person who booked. For a cancelled seat only the person
    /// who left.
    pub attendees: Vec<Attendee>,
    /// The iCalendar UID. It stays the same when the booking is moved, but several triggers do not
    /// contain it.
    pub ical_uid: Option<String>,
    /// The iCalendar sequence, incremented by every change.
    pub ical_sequence: Option<i64>,
    /// An address, a phone number, a link or the name of an app (`integrations:daily`).
    pub location: Option<String>,
    /// The video link, if there is one yet. Always http or https.
    pub video_url: Option<String>,
    /// The metadata of the creation. `Cancelled`, `Rejected` and confirmations do not contain it.
    pub metadata: BTreeMap<String, String>,
    /// The number of seats, for an event type with seats.
    pub seats_per_slot: Option<i64>,
    /// The seat this is about. A cancelled seat does not contain it.
    pub attendee_seat_id: Option<String>,
    /// Whether it is part of a series.
    pub recurring: bool,
    /// The answers to the booking form, without unanswered questions.
    pub responses: Vec<Answer>,
    /// Why it was cancelled.
    pub cancellation_reason: Option<String>,
    /// The address of the person who cancelled it, if known.
    pub cancelled_by: Option<String>,
    /// Why it was declined.
    pub rejection_reason: Option<String>,
    /// Whether the host cancelled it to request another time.
    pub request_reschedule: bool,
    /// Cal.com's numeric id of the payment, for the two payment triggers.
    pub payment_id: Option<i64>,
    /// The platform client that created the organizer's account.
    pub platform_client_id: Option<String>,
}

impl fmt::Debug for Booking {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Booking")
            .field("id", &self.id)
            .field("starts_at", &self.starts_at)
            .field("ends_at", &self.ends_at)
            .field("status", &self.status)
            .finish_non_exhaustive()
    }
}

impl Booking {
    /// The organizer's real address, see [`plain_email`].
    #[must_use]
    pub fn organizer_email(&self) -> Option<String> {
        let email = self.organizer.email.as_deref()?;
        Some(plain_email(email, self.platform_client_id.as_deref()))
    }
}

/// The status of a booking.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Status {
    /// Accepted.
    Accepted,
    /// It waits for the host's confirmation.
    Pending,
    /// Cancelled.
    Cancelled,
    /// The host declined it.
    Rejected,
    /// An unknown value.
    Other(String),
}

/// An event type.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EventType {
    /// Cal.com's numeric id.
    pub id: Option<i64>,
    /// The slug.
    pub slug: Option<String>,
    /// Its name.
    pub title: Option<String>,
    /// The length in minutes.
    pub length_minutes: Option<i64>,
    /// The price in minor units of `currency`. 0 is free.
    pub price_minor: Option<i64>,
    /// ISO 4217, in upper case.
    pub currency: Option<String>,
    /// Whether the host must confirm bookings.
    pub requires_confirmation: Option<bool>,
}

/// The host.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Organizer {
    /// Cal.com's numeric id of the account.
    pub id: Option<i64>,
    /// The display name.
    pub name: Option<String>,
    /// The address in Cal.com's format, see [`plain_email`].
    pub email: Option<String>,
    /// The username in public links.
    pub username: Option<String>,
    /// An IANA time zone.
    pub time_zone: Option<String>,
}

impl fmt::Debug for Organizer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Organizer")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

/// An attendee.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Attendee {
    /// The address as typed. Compare with [`crate::normalised_email`].
    pub email: String,
    /// The name; guests have none.
    pub name: Option<String>,
    /// An IANA time zone.
    pub time_zone: Option<String>,
    /// Free text.
    pub phone: Option<String>,
    /// The language, as in `en` or `pt-BR`.
    pub locale: Option<String>,
}

impl fmt::Debug for Attendee {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Attendee").finish_non_exhaustive()
    }
}

/// Whether an attendee was absent.
#[derive(Clone, PartialEq, Eq)]
pub struct AttendeeNoShow {
    /// The address as typed.
    pub email: String,
    /// `false` removes the mark.
    pub no_show: bool,
}

impl fmt::Debug for AttendeeNoShow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AttendeeNoShow")
            .field("no_show", &self.no_show)
            .finish_non_exhaustive()
    }
}

/// One answer to the booking form.
#[derive(Clone, PartialEq, Eq)]
pub struct Answer {
    /// The question's identifier.
    pub slug: String,
    /// The question, or the name of its translation (`your_name`).
    pub label: Option<String>,
    /// The answer.
    pub value: AnswerValue,
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answer")
            .field("slug", &self.slug)
            .finish_non_exhaustive()
    }
}

/// An answer. It has no `Debug`, since it is free text of a person.
#[derive(Clone, PartialEq, Eq)]
pub enum AnswerValue {
    /// A text, a number or a flag.
    One(String),
    /// Several choices or guests.
    Many(Vec<String>),
}

/// A booking at its creation.
#[derive(Clone, PartialEq)]
pub struct MeetingSnapshot {
    /// See [`Booking::uid`].
    pub uid: String,
    /// Cal.com's numeric id.
    pub id: Option<i64>,
    /// The start.
    pub starts_at: DateTime<Utc>,
    /// The end, later than the start.
    pub ends_at: DateTime<Utc>,
    /// The status.
    pub status: Option<Status>,
    /// The iCalendar UID.
    pub ical_uid: Option<String>,
    /// See [`Booking::ical_sequence`].
    pub ical_sequence: Option<i64>,
    /// Cal.com's numeric id of the event type.
    pub event_type_id: Option<i64>,
    /// The host.
    pub organizer: Organizer,
    /// The attendees, beginning with the person who booked.
    pub attendees: Vec<Attendee>,
    /// The metadata of the creation.
    pub metadata: BTreeMap<String, String>,
    /// When the booking was created.
    pub created_at: Option<DateTime<Utc>>,
}

impl fmt::Debug for MeetingSnapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MeetingSnapshot")
            .field("id", &self.id)
            .field("starts_at", &self.starts_at)
            .field("ends_at", &self.ends_at)
            .finish_non_exhaustive()
    }
}

/// A host's absence.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct OutOfOffice {
    /// Cal.com's id of the entry.
    pub uuid: Option<String>,
    /// Cal.com's numeric id of the account.
    pub user_id: Option<i64>,
    /// The address of the account.
    pub user_email: Option<String>,
    /// The start.
    pub starts_at: Option<DateTime<Utc>>,
    /// The end.
    pub ends_at: Option<DateTime<Utc>>,
    /// The reason, such as `vacation`.
    pub reason: Option<String>,
}

impl fmt::Debug for OutOfOffice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OutOfOffice")
            .field("user_id", &self.user_id)
            .finish_non_exhaustive()
    }
}
