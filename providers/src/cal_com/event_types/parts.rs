//! The parts of an event type's settings, under Cal.com's names.

use serde::{Deserialize, Serialize, Serializer};
use serde_json::{Value, json};

use crate::lenient::FromValue;

/// A setting that can be disabled, which is `{"disabled":true}` in JSON.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Toggle<T> {
    /// Disabled.
    Off,
    /// Enabled with this value.
    On(T),
}

impl<T> Toggle<T> {
    /// The value, if enabled.
    pub const fn on(&self) -> Option<&T> {
        match self {
            Self::Off => None,
            Self::On(value) => Some(value),
        }
    }
}

impl<T: Serialize> Serialize for Toggle<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Off => json!({ "disabled": true }).serialize(serializer),
            Self::On(value) => value.serialize(serializer),
        }
    }
}

impl<T: FromValue> FromValue for Toggle<T> {
    fn from_value(value: Value) -> Option<Self> {
        if value.get("disabled") == Some(&Value::Bool(true)) {
            Some(Self::Off)
        } else {
            T::from_value(value).map(Self::On)
        }
    }
}

/// A location that the host offers.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(
    tag = "type",
    rename_all = "camelCase",
    rename_all_fields = "camelCase"
)]
pub enum EventLocation {
    /// An address.
    Address {
        /// Free text.
        address: String,
        /// Shown before booking.
        #[serde(default)]
        public: bool,
    },
    /// A link.
    Link {
        /// A URL.
        link: String,
        /// Shown before booking.
        #[serde(default)]
        public: bool,
    },
    /// The attendee calls this number.
    Phone {
        /// A phone number in E.164 format.
        phone: String,
        /// Shown before booking.
        #[serde(default)]
        public: bool,
    },
    /// A video app. It must be connected, except `cal-video`.
    Integration {
        /// Cal.com's name of the app, such as `cal-video`, `google-meet`, `zoom` or
        /// `office365-video`.
        integration: String,
    },
    /// The attendee's address.
    AttendeeAddress,
    /// The host calls the attendee.
    AttendeePhone,
    /// The attendee chooses the place.
    AttendeeDefined,
    /// The host's own choice: a display name. Read-only.
    OrganizersDefaultApp,
    /// An unknown value.
    #[serde(untagged)]
    Other(Value),
}

impl std::fmt::Debug for EventLocation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Address { .. } => "Address",
            Self::Link { .. } => "Link",
            Self::Phone { .. } => "Phone",
            Self::Integration { integration } => return write!(f, "Integration({integration})"),
            Self::AttendeeAddress => "AttendeeAddress",
            Self::AttendeePhone => "AttendeePhone",
            Self::AttendeeDefined => "AttendeeDefined",
            Self::OrganizersDefaultApp => "OrganizersDefaultApp",
            Self::Other(_) => "Other",
        })
    }
}

/// A question of the booking form.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Question {
    /// `phone`, `address`, `text`, `number`, `textarea`, `select`, `multiselect`, `multiemail`,
    /// `checkbox`, `radio`, `boolean`, `url`, or `name` and `email` for the built-in ones.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// The key of the answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub slug: Option<String>,
    /// The display name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// An answer is required.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub required: Option<bool>,
    /// The display name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub placeholder: Option<String>,
    /// The options.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub options: Option<Vec<String>>,
    /// Hidden on Cal.com's booking page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hidden: Option<bool>,
    /// For Cal.com's own booking page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disable_on_prefill: Option<bool>,
    /// A built-in question of every event type. Read-only.
    #[serde(skip_serializing)]
    pub is_default: bool,
}

/// Limits per period.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct PeriodLimits {
    /// Per day.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub day: Option<i64>,
    /// Per week.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub week: Option<i64>,
    /// Per month.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub month: Option<i64>,
    /// Per year.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub year: Option<i64>,
}

/// The maximum number of upcoming bookings of one attendee.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ActiveBookingsLimit {
    /// The maximum.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub maximum_active_bookings: Option<i64>,
    /// Offers to move the last booking instead.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub offer_reschedule: Option<bool>,
}

/// The booking window.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "camelCase")]
pub enum HorizonRule {
    /// A number of working days.
    BusinessDays {
        /// The number of days.
        value: i64,
        /// See [`HorizonRule::CalendarDays`].
        #[serde(default, skip_serializing_if = "Option::is_none")]
        rolling: Option<bool>,
    },
    /// A number of days.
    CalendarDays {
        /// The number of days.
        value: i64,
        /// With `true` only days with a free time count, up to 61 days ahead.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        rolling: Option<bool>,
    },
    /// A range of dates.
    Range {
        /// The first and the last date, as `YYYY-MM-DD`.
        value: Vec<String>,
    },
}

/// For Cal.com's own booking page.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct BookerLayouts {
    /// `month`, `week` or `column`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default_layout: Option<String>,
    /// The available layouts.
    pub enabled_layouts: Vec<String>,
}

/// When bookings require the host's confirmation.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Confirmation {
    /// `always`, or `time` for bookings at short notice.
    #[serde(rename = "type")]
    pub kind: String,
    /// The threshold of short notice.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub notice_threshold: Option<NoticeThreshold>,
    /// A pending booking blocks its time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub block_unconfirmed_bookings_in_booker: Option<bool>,
}

/// The threshold of short notice.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct NoticeThreshold {
    /// `minutes`, `hours` or `days`.
    pub unit: String,
    /// The number.
    pub count: i64,
}

/// The recurrence of a series.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recurrence {
    /// The interval.
    pub interval: i64,
    /// The maximum number of occurrences.
    pub occurrences: i64,
    /// `weekly`, `monthly` or `yearly`.
    pub frequency: String,
}

/// Seats: several attendees share a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Seats {
    /// The number.
    pub seats_per_time_slot: i64,
    /// Attendees see each other.
    #[serde(default)]
    pub show_attendee_info: bool,
    /// Attendees see the number of free seats.
    #[serde(default)]
    pub show_availability_count: bool,
}

/// The color in Cal.com's own calendar view.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Color {
    /// `#RRGGBB`.
    pub light_theme_hex: String,
    /// `#RRGGBB`.
    pub dark_theme_hex: String,
}

/// The calendar that events are written to. `Debug` does not show which.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DestinationCalendar {
    /// Cal.com's type, such as `google_calendar`.
    pub integration: String,
    /// The calendar's own id, often an address.
    pub external_id: String,
}

quiet_debug!(DestinationCalendar { integration });

/// Whether attendees may cancel.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Cancelling {
    /// Disabled.
    pub disabled: bool,
}

/// Whether attendees may move.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Rescheduling {
    /// Disabled.
    pub disabled: bool,
    /// Disabled when fewer minutes are left.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub minutes_before: Option<i64>,
}

macro_rules! by_serde {
    ($($type:ty),* $(,)?) => {
        $(impl FromValue for $type {
            fn from_value(value: Value) -> Option<Self> {
                if value.is_object() { serde_json::from_value(value).ok() } else { None }
            }
        })*
    };
}

by_serde!(
    EventLocation,
    Question,
    PeriodLimits,
    ActiveBookingsLimit,
    HorizonRule,
    BookerLayouts,
    Confirmation,
    Recurrence,
    Seats,
    Color,
    DestinationCalendar,
    Cancelling,
    Rescheduling,
);
