//! What Cal.com says, in our words: instants in UTC, absent instead of null or empty, one shape for
//! every trigger.

use std::collections::BTreeMap;
use std::fmt;

use chrono::{DateTime, Utc};

use super::trigger::Trigger;
use crate::cal_com::plain_email;

/// One thing that Cal.com says has happened.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Event {
    /// Something happened to a booking, and here it is.
    Booking {
        /// What happened.
        kind: BookingTrigger,
        /// The booking as it was when they wrote.
        booking: Box<Booking>,
    },
    /// Attendees were marked absent, or the mark was taken back. Absence of the host is not told.
    NoShow {
        /// The booking.
        booking_uid: String,
        /// Cal.com's number for it.
        booking_id: Option<i64>,
        /// Who.
        attendees: Vec<AttendeeNoShow>,
    },
    /// A meeting began or ended, by the clock.
    Meeting {
        /// Which of the two.
        kind: MeetingTrigger,
        /// The booking as it was **made**; it may have been moved or cancelled since.
        booking: Box<MeetingSnapshot>,
    },
    /// Something else about a booking (recording, transcript, nobody came, wrong person, instant
    /// meeting). Look it up.
    OtherBooking {
        /// What happened.
        trigger: Trigger,
        /// The booking, if they say which.
        booking_uid: Option<String>,
    },
    /// A host will be away: their slots changed.
    OutOfOffice(OutOfOffice),
    /// Somebody sent in a routing form.
    Form {
        /// Cal.com's id of the form.
        form_id: Option<String>,
        /// Its name.
        form_name: Option<String>,
        /// Was nothing booked after it?
        without_booking: bool,
    },
    /// An organisation's access to its members' calendars fails.
    DelegationError,
    /// The test button.
    Ping,
    /// A trigger we do not know, or a body that is not Cal.com's.
    Unknown {
        /// Its name, `UNKNOWN` if it had none.
        name: String,
    },
}

/// What happened to a booking.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BookingTrigger {
    /// It is made and certain. Sent again when a request is confirmed.
    Created,
    /// It waits for consent.
    Requested,
    /// It was moved; `reschedule_uid` is the uid it had before. Nothing is sent for that old uid.
    Rescheduled,
    /// It is off. For a series this is the only message, and for a booking with seats it may be one
    /// seat.
    Cancelled,
    /// The host declined.
    Rejected,
    /// Payment began.
    PaymentInitiated,
    /// Payment is done.
    Paid,
}

/// What the clock did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MeetingTrigger {
    /// `starts_at` has passed.
    Started,
    /// `ends_at` has passed.
    Ended,
}

/// A booking, as one delivery describes it. A field that is `None` was not said; that does not mean
/// it is unset.
///
/// `Debug` shows no names, addresses, answers or uids.
#[derive(Clone, PartialEq)]
pub struct Booking {
    /// Cal.com's id. Whoever knows it may read, move and cancel the booking there, so it is never
    /// shown to others.
    pub uid: String,
    /// Cal.com's number.
    pub id: Option<i64>,
    /// When Cal.com wrote this.
    pub created_at: Option<DateTime<Utc>>,
    /// The uid before it was moved.
    pub reschedule_uid: Option<String>,
    /// The start before it was moved.
    pub reschedule_starts_at: Option<DateTime<Utc>>,
    /// The end before it was moved.
    pub reschedule_ends_at: Option<DateTime<Utc>>,
    /// Who moved it: an address, perhaps in the form that [`plain_email`] undoes.
    pub rescheduled_by: Option<String>,
    /// The start.
    pub starts_at: DateTime<Utc>,
    /// The end, later than the start.
    pub ends_at: DateTime<Utc>,
    /// As in "Coaching session between Ann and Bob".
    pub title: Option<String>,
    /// Where it stands.
    pub status: Option<Status>,
    /// What was booked.
    pub event_type: EventType,
    /// Whose calendar it is in.
    pub organizer: Organizer,
    /// Who booked, first, and whom they brought. For a cancelled seat only the person who left.
    pub attendees: Vec<Attendee>,
    /// The id in calendar files. It stays when the booking is moved, but several triggers do not
    /// tell it.
    pub ical_uid: Option<String>,
    /// Goes up with every change, where it is told.
    pub ical_sequence: Option<i64>,
    /// An address, a phone number, a link or the name of an app (`integrations:daily`).
    pub location: Option<String>,
    /// Where to meet by video, if it is by video and known yet. Always http or https.
    pub video_url: Option<String>,
    /// What whoever made the booking attached to it. `Cancelled`, `Rejected` and confirmations do
    /// not tell it.
    pub metadata: BTreeMap<String, String>,
    /// Places in the meeting, when places are sold one by one.
    pub seats_per_slot: Option<i64>,
    /// Which place this is about. A cancelled seat does not say.
    pub attendee_seat_id: Option<String>,
    /// Is it one of a series?
    pub recurring: bool,
    /// The answers to the booking form that were given, by slug.
    pub responses: Vec<Answer>,
    /// Why it was cancelled.
    pub cancellation_reason: Option<String>,
    /// Who cancelled it: an address, if Cal.com was told.
    pub cancelled_by: Option<String>,
    /// Why it was declined.
    pub rejection_reason: Option<String>,
    /// Did the host ask the attendee to choose another time when cancelling?
    pub request_reschedule: bool,
    /// Cal.com's number of the payment, for the two payment triggers.
    pub payment_id: Option<i64>,
    /// The platform through which the organizer's account was made.
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
    /// The organizer's address as they know it, see [`plain_email`].
    #[must_use]
    pub fn organizer_email(&self) -> Option<String> {
        let email = self.organizer.email.as_deref()?;
        Some(plain_email(email, self.platform_client_id.as_deref()))
    }
}

/// Where a booking stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Status {
    /// It will take place, or did.
    Accepted,
    /// It waits for the host.
    Pending,
    /// It is off.
    Cancelled,
    /// The host declined.
    Rejected,
    /// A word we do not know.
    Other(String),
}

/// What is sold: a kind of meeting.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EventType {
    /// Cal.com's number.
    pub id: Option<i64>,
    /// The last part of its address.
    pub slug: Option<String>,
    /// Its name.
    pub title: Option<String>,
    /// Minutes.
    pub length_minutes: Option<i64>,
    /// The price as Cal.com keeps it: minor units of `currency`. 0 is free.
    pub price_minor: Option<i64>,
    /// ISO 4217, in capitals.
    pub currency: Option<String>,
    /// Must the host consent?
    pub requires_confirmation: Option<bool>,
}

/// The host.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Organizer {
    /// Cal.com's number of the account.
    pub id: Option<i64>,
    /// The display name.
    pub name: Option<String>,
    /// The address as Cal.com keeps it, see [`plain_email`].
    pub email: Option<String>,
    /// The name in links.
    pub username: Option<String>,
    /// IANA name.
    pub time_zone: Option<String>,
}

impl fmt::Debug for Organizer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Organizer")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

/// A guest.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Attendee {
    /// The address as typed. Compare with [`crate::cal_com::normalised_email`].
    pub email: String,
    /// The name; additional guests have none.
    pub name: Option<String>,
    /// IANA name.
    pub time_zone: Option<String>,
    /// As typed.
    pub phone: Option<String>,
    /// The language, as in `en` or `pt-BR`.
    pub locale: Option<String>,
}

impl fmt::Debug for Attendee {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Attendee").finish_non_exhaustive()
    }
}

/// Did this guest stay away?
#[derive(Clone, PartialEq, Eq)]
pub struct AttendeeNoShow {
    /// The address as typed.
    pub email: String,
    /// False takes the mark back.
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
    /// What was answered.
    pub value: AnswerValue,
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answer")
            .field("slug", &self.slug)
            .finish_non_exhaustive()
    }
}

/// What was answered. No `Debug`: it is whatever a person wrote.
#[derive(Clone, PartialEq, Eq)]
pub enum AnswerValue {
    /// A text, a number or a yes.
    One(String),
    /// Several choices or guests.
    Many(Vec<String>),
}

/// A booking as it was when it was made.
#[derive(Clone, PartialEq)]
pub struct MeetingSnapshot {
    /// See [`Booking::uid`].
    pub uid: String,
    /// Cal.com's number.
    pub id: Option<i64>,
    /// The start.
    pub starts_at: DateTime<Utc>,
    /// The end, later than the start.
    pub ends_at: DateTime<Utc>,
    /// Where it stood.
    pub status: Option<Status>,
    /// The id in calendar files.
    pub ical_uid: Option<String>,
    /// See [`Booking::ical_sequence`].
    pub ical_sequence: Option<i64>,
    /// Cal.com's number of what was booked.
    pub event_type_id: Option<i64>,
    /// Whose calendar it is in.
    pub organizer: Organizer,
    /// Who booked, and whom they brought.
    pub attendees: Vec<Attendee>,
    /// What whoever made the booking attached to it.
    pub metadata: BTreeMap<String, String>,
    /// When the booking was made.
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
    /// Cal.com's number of the account.
    pub user_id: Option<i64>,
    /// The address of the account.
    pub user_email: Option<String>,
    /// From.
    pub starts_at: Option<DateTime<Utc>>,
    /// Until.
    pub ends_at: Option<DateTime<Utc>>,
    /// As in `vacation`.
    pub reason: Option<String>,
}

impl fmt::Debug for OutOfOffice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OutOfOffice")
            .field("user_id", &self.user_id)
            .finish_non_exhaustive()
    }
}
