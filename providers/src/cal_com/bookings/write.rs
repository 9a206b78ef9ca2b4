//! What is asked of Cal.com about one booking.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::Value;

/// A booking to make.
#[derive(Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NewBooking {
    /// What is booked.
    #[serde(flatten)]
    pub event_type: EventTypeKey,
    /// When it begins. Take one that the slots offer: Cal.com also accepts starts between them.
    pub start: DateTime<Utc>,
    /// Who comes.
    pub attendee: NewAttendee,
    /// Further addresses.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub guests: Vec<String>,
    /// Answers by the question's slug. Unknown slugs are dropped.
    #[serde(
        rename = "bookingFieldsResponses",
        skip_serializing_if = "BTreeMap::is_empty"
    )]
    pub answers: BTreeMap<String, Value>,
    /// Up to 50 texts of up to 500 characters under names of up to 40. Put an id of our own here:
    /// it is the only way to recognise the booking when the answer is lost.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub metadata: BTreeMap<String, String>,
    /// One of those that the event type offers, if it offers several.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub location: Option<Location>,
    /// Only for an event type with several lengths; any other refuses it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub length_in_minutes: Option<i64>,
    /// How many occurrences of a recurring event type; all that it has if not given. Only the first
    /// is checked for being free.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recurrence_count: Option<i64>,
    /// Book at once with whoever of a team answers first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instant: Option<bool>,
    /// For an event type that wants the address proved.
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
    /// The least there can be.
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

/// Which event type.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
#[serde(untagged, rename_all_fields = "camelCase")]
pub enum EventTypeKey {
    /// By its number.
    Id {
        /// Theirs.
        event_type_id: i64,
    },
    /// By a person's public link. It changes with the person's address.
    OfUser {
        /// The event type's slug.
        event_type_slug: String,
        /// The person's.
        username: String,
        /// For a person in an organization.
        #[serde(skip_serializing_if = "Option::is_none")]
        organization_slug: Option<String>,
    },
    /// By a team's public link.
    OfTeam {
        /// The event type's slug.
        event_type_slug: String,
        /// The team's.
        team_slug: String,
        /// For a team in an organization.
        #[serde(skip_serializing_if = "Option::is_none")]
        organization_slug: Option<String>,
    },
}

impl EventTypeKey {
    /// By its number.
    #[must_use]
    pub const fn id(event_type_id: i64) -> Self {
        Self::Id { event_type_id }
    }
}

/// Who comes.
#[derive(Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NewAttendee {
    /// As the host will see it.
    pub name: String,
    /// IANA; others are refused.
    pub time_zone: String,
    /// Required unless the event type's own question for it is off.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// E.164.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phone_number: Option<String>,
    /// Such as `en`, which is what they take if not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
}

quiet_debug!(NewAttendee {
    time_zone,
    language
});

/// Where a booking takes place, as its maker chooses.
#[derive(Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "type", rename_all = "camelCase")]
pub enum Location {
    /// At the host's address, if there is only one.
    Address {
        /// A new address; only for a change.
        #[serde(skip_serializing_if = "Option::is_none")]
        address: Option<String>,
    },
    /// At the host's link, if there is only one.
    Link {
        /// A new link; only for a change.
        #[serde(skip_serializing_if = "Option::is_none")]
        link: Option<String>,
    },
    /// The host's number.
    Phone {
        /// A new number; only for a change.
        #[serde(skip_serializing_if = "Option::is_none")]
        phone: Option<String>,
    },
    /// The host calls this number.
    AttendeePhone {
        /// E.164.
        phone: String,
    },
    /// The host comes here.
    AttendeeAddress {
        /// As typed.
        address: String,
    },
    /// Wherever this says.
    AttendeeDefined {
        /// As typed.
        location: String,
    },
    /// An app for video.
    Integration {
        /// Their name of it, such as `cal-video`, `google-meet` or `zoom`.
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

/// How a booking is moved.
#[derive(Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Reschedule {
    /// When it begins now. The time it has is allowed, and makes a new uid too.
    pub start: DateTime<Utc>,
    /// The address of who moves it. For an event type with approval the host's own address keeps
    /// the booking accepted; any other makes it pending again, with its old time given up.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rescheduled_by: Option<String>,
    /// Told to the other side. Not for a seat.
    #[serde(rename = "reschedulingReason", skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Moves this seat only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seat_uid: Option<String>,
    /// For an event type that wants the address proved.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email_verification_code: Option<String>,
}

quiet_debug!(Reschedule { start });

impl Reschedule {
    /// To `start`, without a word.
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

/// How a booking is canceled.
#[derive(Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Cancel {
    /// Told to the other side.
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

/// Who did not come. What is not named stays as it is; nothing named changes nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct MarkAbsent {
    /// The host. Cal.com takes it from any managed user of the organization, so check who asks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host: Option<bool>,
    /// Attendees.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub attendees: Vec<AttendeeAbsence>,
}

/// Did this attendee come?
#[derive(Clone, PartialEq, Eq, Serialize)]
pub struct AttendeeAbsence {
    /// An address that the booking has; any other is answered as a failure of their server.
    pub email: String,
    /// `false` takes the mark back.
    pub absent: bool,
}

quiet_debug!(AttendeeAbsence { absent });

/// Somebody to add to a booking.
#[derive(Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NewGuest {
    /// Where the invitation goes.
    pub email: String,
    /// As the host will see it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// IANA.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time_zone: Option<String>,
    /// E.164.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phone_number: Option<String>,
    /// Such as `en`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
}

impl NewGuest {
    /// Somebody of whom only the address is known.
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
