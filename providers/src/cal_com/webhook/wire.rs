//! Cal.com's JSON, field by field, under their names. Nothing in here is required.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::Value;

use crate::cal_com::lax::{FromValue, Lax, object};

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Booking {
    pub(super) uid: Lax<String>,
    pub(super) booking_id: Lax<i64>,
    pub(super) title: Lax<String>,
    pub(super) status: Lax<String>,
    pub(super) start_time: Lax<DateTime<Utc>>,
    pub(super) end_time: Lax<DateTime<Utc>>,
    pub(super) reschedule_uid: Lax<String>,
    pub(super) reschedule_start_time: Lax<DateTime<Utc>>,
    pub(super) reschedule_end_time: Lax<DateTime<Utc>>,
    pub(super) rescheduled_by: Lax<String>,
    /// The slug of the event type.
    #[serde(rename = "type")]
    pub(super) slug: Lax<String>,
    pub(super) event_type_id: Lax<i64>,
    pub(super) event_title: Lax<String>,
    pub(super) length: Lax<i64>,
    pub(super) price: Lax<i64>,
    pub(super) currency: Lax<String>,
    pub(super) requires_confirmation: Lax<bool>,
    pub(super) organizer: Lax<Person>,
    pub(super) attendees: Lax<Vec<Person>>,
    #[serde(rename = "iCalUID")]
    pub(super) ical_uid: Lax<String>,
    #[serde(rename = "iCalSequence")]
    pub(super) ical_sequence: Lax<i64>,
    pub(super) location: Lax<String>,
    pub(super) video_call_data: Lax<VideoCall>,
    pub(super) metadata: Lax<BTreeMap<String, String>>,
    pub(super) seats_per_time_slot: Lax<i64>,
    pub(super) attendee_seat_id: Lax<String>,
    pub(super) recurring_event: Lax<Value>,
    pub(super) responses: Lax<BTreeMap<String, Response>>,
    pub(super) cancellation_reason: Lax<String>,
    pub(super) cancelled_by: Lax<String>,
    pub(super) rejection_reason: Lax<String>,
    pub(super) request_reschedule: Lax<bool>,
    pub(super) payment_id: Lax<i64>,
    pub(super) platform_client_id: Lax<String>,
}

/// An organizer, an attendee, or the `user` of a row.
#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Person {
    pub(super) id: Lax<i64>,
    pub(super) name: Lax<String>,
    pub(super) email: Lax<String>,
    pub(super) username: Lax<String>,
    pub(super) time_zone: Lax<String>,
    pub(super) phone_number: Lax<String>,
    /// In an event: `{"locale": "en"}`.
    pub(super) language: Lax<Language>,
    /// In a row.
    pub(super) locale: Lax<String>,
    pub(super) no_show: Lax<bool>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Language {
    pub(super) locale: Lax<String>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct VideoCall {
    pub(super) url: Lax<String>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Response {
    pub(super) label: Lax<String>,
    /// A text, a number, a flag, a list, or `{value, optionValue}`.
    pub(super) value: Lax<Value>,
}

/// `BOOKING_NO_SHOW_UPDATED`, and whatever else names a booking one way or another.
#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Mention {
    pub(super) uid: Lax<String>,
    pub(super) booking_uid: Lax<String>,
    pub(super) booking_id: Lax<i64>,
    pub(super) booking: Lax<Nested>,
    pub(super) attendees: Lax<Vec<Person>>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Nested {
    pub(super) uid: Lax<String>,
}

/// `MEETING_STARTED` and `MEETING_ENDED`: a row of their table, without an envelope.
#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Meeting {
    pub(super) id: Lax<i64>,
    pub(super) uid: Lax<String>,
    pub(super) user_id: Lax<i64>,
    pub(super) user_primary_email: Lax<String>,
    pub(super) event_type_id: Lax<i64>,
    pub(super) start_time: Lax<DateTime<Utc>>,
    pub(super) end_time: Lax<DateTime<Utc>>,
    pub(super) created_at: Lax<DateTime<Utc>>,
    pub(super) status: Lax<String>,
    pub(super) metadata: Lax<BTreeMap<String, String>>,
    #[serde(rename = "iCalUID")]
    pub(super) ical_uid: Lax<String>,
    #[serde(rename = "iCalSequence")]
    pub(super) ical_sequence: Lax<i64>,
    pub(super) user: Lax<Person>,
    pub(super) attendees: Lax<Vec<Person>>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct OutOfOffice {
    pub(super) ooo_entry: Lax<OooEntry>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct OooEntry {
    pub(super) uuid: Lax<String>,
    pub(super) start: Lax<DateTime<Utc>>,
    pub(super) end: Lax<DateTime<Utc>>,
    pub(super) reason: Lax<OooReason>,
    pub(super) user: Lax<Person>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct OooReason {
    pub(super) reason: Lax<String>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Form {
    pub(super) form_id: Lax<String>,
    pub(super) form_name: Lax<String>,
}

macro_rules! lax_objects {
    ($($name:ty),+) => { $(
        impl FromValue for $name {
            fn from_value(value: Value) -> Option<Self> {
                object(value)
            }
        }
    )+ };
}

lax_objects!(
    Person, Language, VideoCall, Response, Nested, OooEntry, OooReason
);
