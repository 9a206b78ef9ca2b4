//! Inputs of the operations on one booking.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::Value;

/// A booking to create.
#[derive(Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NewBooking {
    /// The event type to book.
    #[serde(flatten)]
    pub event_type: EventTypeKey,
    /// The start. Use an offered slot: Cal.com also accepts starts between them.
    pub start: DateTime<Utc>,
    /// The attendees.
    pub attendee: NewAttendee,
    /// The addresses of guests.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub guests: Vec<String>,
    /// Answers by the question's slug. Cal.com drops unknown slugs.
    #[serde(
        rename = "bookingFieldsResponses",
        skip_serializing_if = "BTreeMap::is_empty"
    )]
    pub answers: BTreeMap<String, Value>,
    /// Up to 50 texts of up to 500 characters under names of up to 40. Put an id of our own here:
    /// it is the only way to find the booking when the response is lost.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub metadata: BTreeMap<String, String>,
    /// The location, if the event type offers several.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub location: Option<Location>,
    /// Only for an event type with several lengths; any other refuses it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub length_in_minutes: Option<i64>,
    /// The number of occurrences of a recurring event type; all if not given. Cal.com checks only
    /// the first for being free.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recurrence_count: Option<i64>,
    /// An instant meeting with the first team member who accepts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instant: Option<bool>,
    /// The code that verifies the attendee's address, if the event type requires it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email_verification_code: Option<String>,
}

quiet_debug!(NewBooking {
    event_type,
    start,
    length_in_minutes,
    recurrence_count
});

impl NewBooking {
    /// A booking with only the required fields.
    #[must_use]
    pub fn new(event_type: EventTypeKey, start: DateTime<Utc>, attendee: NewAttendee) -> Self {
        Self {
            event_type,
            start,
            attendee,
            guests: Vec::new(),
            answers: BTreeMap::new(),
            metadata: BTreeMap::new(),
            location: None,
            length_in_minutes: None,
            recurrence_count: None,
            instant: None,
            email_verification_code: None,
        }
    }
}

/// The event type.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
#[serde(untagged, rename_all_fields = "camelCase")]
pub enum EventTypeKey {
    /// By its numeric id.
    Id {
        /// Cal.com's id.
        event_type_id: i64,
    },
    /// By a person's public link. It changes with the person's mail address.
    OfUser {
        /// The event type's slug.
        event_type_slug: String,
        /// The person's username.
        username: String,
        /// For a person in an organization.
        #[serde(skip_serializing_if = "Option::is_none")]
        organization_slug: Option<String>,
    },
    /// By a team's public link.
    OfTeam {
        /// The event type's slug.
        event_type_slug: String,
        /// The team's slug.
        team_slug: String,
        /// For a team in an organization.
        #[serde(skip_serializing_if = "Option::is_none")]
        organization_slug: Option<String>,
    },
}

impl EventTypeKey {
    /// By its numeric id.
    #[must_use]
    pub const fn id(event_type_id: i64) -> Self {
        Self::Id { event_type_id }
    }
}

/// The attendees.
#[derive(Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NewAttendee {
    /// The name that the host sees.
    pub name: String,
    /// An IANA time zone; others are refused.
    pub time_zone: String,
    /// The mail address. Required unless the event type does not ask for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// A phone number in E.164 format.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phone_number: Option<String>,
    /// The language; `en` if not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
}

quiet_debug!(NewAttendee {
    time_zone,
    language
});

/// The location that the attendee chooses.
#[derive(Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "type", rename_all = "camelCase")]
pub enum Location {
    /// The host's address, if there is only one.
    Address {
        /// A new address; only for a change.
        #[serde(skip_serializing_if = "Option::is_none")]
        address: Option<String>,
    },
    /// The host's link, if there is only one.
    Link {
        /// A new link; only for a change.
        #[serde(skip_serializing_if = "Option::is_none")]
        link: Option<String>,
    },
    /// The host's phone number.
    Phone {
        /// A new number; only for a change.
        #[serde(skip_serializing_if = "Option::is_none")]
        phone: Option<String>,
    },
    /// The host calls this number.
    AttendeePhone {
        /// A phone number in E.164 format.
        phone: String,
    },
    /// The attendee's address.
    AttendeeAddress {
        /// Free text.
        address: String,
    },
    /// Another place.
    AttendeeDefined {
        /// Free text.
        location: String,
    },
    /// A video app.
    Integration {
        /// Cal.com's name of the app, such as `cal-video`, `google-meet` or `zoom`.
        integration: String,
    },
    /// The host's own choice.
    OrganizersDefaultApp,
}

impl std::fmt::Debug for Location {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Address { .. } => "Address",
            Self::Link { .. } => "Link",
            Self::Phone { .. } => "Phone",
            Self::AttendeePhone { .. } => "AttendeePhone",
            Self::AttendeeAddress { .. } => "AttendeeAddress",
            Self::AttendeeDefined { .. } => "AttendeeDefined",
            Self::Integration { integration } => return write!(f, "Integration({integration})"),
            Self::OrganizersDefaultApp => "OrganizersDefaultApp",
        })
    }
}

/// Parameters of a move.
#[derive(Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Reschedule {
    /// The new start. The current one is allowed and also results in a new uid.
    pub start: DateTime<Utc>,
    /// The address of the person who moves it. For an event type with approval, the host's own
    /// address keeps the booking accepted; any other makes it pending again and frees its old time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rescheduled_by: Option<String>,
    /// The reason, which the other side receives. Not for a seat.
    #[serde(rename = "reschedulingReason", skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Moves this seat only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seat_uid: Option<String>,
    /// The code that verifies the attendee's address, if the event type requires it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email_verification_code: Option<String>,
}

quiet_debug!(Reschedule { start });

impl Reschedule {
    /// A move to `start` without a reason.
    #[must_use]
    pub const fn to(start: DateTime<Utc>) -> Self {
        Self {
            start,
            rescheduled_by: None,
            reason: None,
            seat_uid: None,
            email_verification_code: None,
        }
    }
}

/// Parameters of a cancellation.
#[derive(Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Cancel {
    /// The reason, which the other side receives.
    #[serde(rename = "cancellationReason", skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// With `true`, also all later occurrences of the series.
    #[serde(
        rename = "cancelSubsequentBookings",
        skip_serializing_if = "Option::is_none"
    )]
    pub and_following: Option<bool>,
    /// Cancels this seat only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seat_uid: Option<String>,
}

quiet_debug!(Cancel { and_following });

/// The absences to mark. What is `None` or not listed stays unchanged.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct MarkAbsent {
    /// The host. Cal.com accepts it from any managed user of the organization, so check the caller.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host: Option<bool>,
    /// Attendees.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub attendees: Vec<AttendeeAbsence>,
}

/// Whether an attendee was absent.
#[derive(Clone, PartialEq, Eq, Serialize)]
pub struct AttendeeAbsence {
    /// An address of the booking; any other results in a 500.
    pub email: String,
    /// `false` removes the mark.
    pub absent: bool,
}

quiet_debug!(AttendeeAbsence { absent });

/// A guest to add to a booking.
#[derive(Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NewGuest {
    /// The address that receives the invitation.
    pub email: String,
    /// The name that the host sees.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// An IANA time zone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time_zone: Option<String>,
    /// A phone number in E.164 format.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phone_number: Option<String>,
    /// A language code, such as `en`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
}

impl NewGuest {
    /// A guest with only an address.
    #[must_use]
    pub fn by_email(email: &str) -> Self {
        Self {
            email: email.to_owned(),
            name: None,
            time_zone: None,
            phone_number: None,
            language: None,
        }
    }
}

quiet_debug!(NewGuest { time_zone });
