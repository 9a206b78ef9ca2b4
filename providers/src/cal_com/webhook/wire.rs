//! Cal.com's JSON under its own names. No field is required.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::Value;

use crate::lenient::{FromValue, Lenient, object};

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Booking {
    pub(super) uid: Lenient<String>,
    pub(super) booking_id: Lenient<i64>,
    pub(super) title: Lenient<String>,
    pub(super) status: Lenient<String>,
    pub(super) start_time: Lenient<DateTime<Utc>>,
    pub(super) end_time: Lenient<DateTime<Utc>>,
    pub(super) reschedule_uid: Lenient<String>,
    pub(super) reschedule_start_time: Lenient<DateTime<Utc>>,
    pub(super) reschedule_end_time: Lenient<DateTime<Utc>>,
    pub(super) rescheduled_by: Lenient<String>,
    /// The slug of the event type.
    #[serde(rename = "type")]
    pub(super) slug: Lenient<String>,
    pub(super) event_type_id: Lenient<i64>,
    pub(super) event_title: Lenient<String>,
    pub(super) length: Lenient<i64>,
    pub(super) price: Lenient<i64>,
    pub(super) currency: Lenient<String>,
    pub(super) requires_confirmation: Lenient<bool>,
    pub(super) organizer: Lenient<Person>,
    pub(super) attendees: Lenient<Vec<Person>>,
    #[serde(rename = "iCalUID")]
    pub(super) ical_uid: Lenient<String>,
    #[serde(rename = "iCalSequence")]
    pub(super) ical_sequence: Lenient<i64>,
    pub(super) location: Lenient<String>,
    pub(super) video_call_data: Lenient<VideoCall>,
    pub(super) metadata: Lenient<BTreeMap<String, String>>,
    pub(super) seats_per_time_slot: Lenient<i64>,
    pub(super) attendee_seat_id: Lenient<String>,
    pub(super) recurring_event: Lenient<Value>,
    pub(super) responses: Lenient<BTreeMap<String, Response>>,
    pub(super) cancellation_reason: Lenient<String>,
    pub(super) cancelled_by: Lenient<String>,
    pub(super) rejection_reason: Lenient<String>,
    pub(super) request_reschedule: Lenient<bool>,
    pub(super) payment_id: Lenient<i64>,
    pub(super) platform_client_id: Lenient<String>,
}

/// An organizer, an attendee, or the `user` of a row.
#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Person {
    pub(super) id: Lenient<i64>,
    pub(super) name: Lenient<String>,
    pub(super) email: Lenient<String>,
    pub(super) username: Lenient<String>,
    pub(super) time_zone: Lenient<String>,
    pub(super) phone_number: Lenient<String>,
    /// In an event: `{"locale": "en"}`.
    pub(super) language: Lenient<Language>,
    /// In a row.
    pub(super) locale: Lenient<String>,
    pub(super) no_show: Lenient<bool>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Language {
    pub(super) locale: Lenient<String>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct VideoCall {
    pub(super) url: Lenient<String>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Response {
    pub(super) label: Lenient<String>,
    /// A text, a number, a flag, a list, or `{value, optionValue}`.
    pub(super) value: Lenient<Value>,
}

/// `BOOKING_NO_SHOW_UPDATED`, and other triggers that name a booking in one of these fields.
#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Mention {
    pub(super) uid: Lenient<String>,
    pub(super) booking_uid: Lenient<String>,
    pub(super) booking_id: Lenient<i64>,
    pub(super) booking: Lenient<Nested>,
    pub(super) attendees: Lenient<Vec<Person>>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Nested {
    pub(super) uid: Lenient<String>,
}

/// `MEETING_STARTED` and `MEETING_ENDED`: a database row of Cal.com, without an envelope.
#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Meeting {
    pub(super) id: Lenient<i64>,
    pub(super) uid: Lenient<String>,
    pub(super) user_id: Lenient<i64>,
    pub(super) user_primary_email: Lenient<String>,
    pub(super) event_type_id: Lenient<i64>,
    pub(super) start_time: Lenient<DateTime<Utc>>,
    pub(super) end_time: Lenient<DateTime<Utc>>,
    pub(super) created_at: Lenient<DateTime<Utc>>,
    pub(super) status: Lenient<String>,
    pub(super) metadata: Lenient<BTreeMap<String, String>>,
    #[serde(rename = "iCalUID")]
    pub(super) ical_uid: Lenient<String>,
    #[serde(rename = "iCalSequence")]
    pub(super) ical_sequence: Lenient<i64>,
    pub(super) user: Lenient<Person>,
    pub(super) attendees: Lenient<Vec<Person>>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct OutOfOffice {
    pub(super) ooo_entry: Lenient<OooEntry>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct OooEntry {
    pub(super) uuid: Lenient<String>,
    pub(super) start: Lenient<DateTime<Utc>>,
    pub(super) end: Lenient<DateTime<Utc>>,
    pub(super) reason: Lenient<OooReason>,
    pub(super) user: Lenient<Person>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct OooReason {
    pub(super) reason: Lenient<String>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Form {
    pub(super) form_id: Lenient<String>,
    pub(super) form_name: Lenient<String>,
}

macro_rules! lenient_objects {
    ($($name:ty),+) => { $(
        impl FromValue for $name {
            fn from_value(value: Value) -> Option<Self> {
                object(value)
            }
        }
    )+ };
}

lenient_objects!(
    Person, Language, VideoCall, Response, Nested, OooEntry, OooReason
);
