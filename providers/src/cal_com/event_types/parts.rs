//! The parts of an event type's settings, as they name them.

use serde::{Deserialize, Serialize, Serializer};
use serde_json::{Value, json};

use crate::cal_com::lax::FromValue;

/// Something that can be switched off; they say `{"disabled":true}` for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Toggle<T> {
    /// Switched off.
    Off,
    /// Switched on, like this.
    On(T),
}

impl<T> Toggle<T> {
    /// What is switched on.
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

/// Where it may take place, as the host sets it.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(
    tag = "type",
    rename_all = "camelCase",
    rename_all_fields = "camelCase"
)]
pub enum EventLocation {
    /// At an address.
    Address {
        /// As typed.
        address: String,
        /// Shown before booking.
        #[serde(default)]
        public: bool,
    },
    /// At a link.
    Link {
        /// A URL.
        link: String,
        /// Shown before booking.
        #[serde(default)]
        public: bool,
    },
    /// The attendee calls this number.
    Phone {
        /// E.164.
        phone: String,
        /// Shown before booking.
        #[serde(default)]
        public: bool,
    },
    /// An app for video. It must be connected, but for `cal-video`.
    Integration {
        /// Their name of it, such as `cal-video`, `google-meet`, `zoom` or `office365-video`.
        integration: String,
    },
    /// The host comes to the attendee.
    AttendeeAddress,
    /// The host calls the attendee.
    AttendeePhone,
    /// The attendee says where.
    AttendeeDefined,
    /// The host's own choice. To read only, for people.
    OrganizersDefaultApp,
    /// One we do not know.
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

/// Something that attendees are asked.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Question {
    /// `phone`, `address`, `text`, `number`, `textarea`, `select`, `multiselect`, `multiemail`,
    /// `checkbox`, `radio`, `boolean`, `url`, or `name` and `email` for theirs.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// The key of the answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub slug: Option<String>,
    /// For people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// Bookings without an answer are refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub required: Option<bool>,
    /// For people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub placeholder: Option<String>,
    /// To choose from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub options: Option<Vec<String>>,
    /// Not shown on their page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hidden: Option<bool>,
    /// For their own page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disable_on_prefill: Option<bool>,
    /// One that every event type has. To read only.
    #[serde(skip_serializing)]
    pub is_default: bool,
}

/// How many in which time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct PeriodLimits {
    /// A day.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub day: Option<i64>,
    /// A week.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub week: Option<i64>,
    /// A month.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub month: Option<i64>,
    /// A year.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub year: Option<i64>,
}

/// How many coming bookings one attendee may have.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ActiveBookingsLimit {
    /// At most.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub maximum_active_bookings: Option<i64>,
    /// Offer to move the last one instead.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub offer_reschedule: Option<bool>,
}

/// How far ahead can be booked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "camelCase")]
pub enum HorizonRule {
    /// So many working days.
    BusinessDays {
        /// Days.
        value: i64,
        /// See [`HorizonRule::CalendarDays`].
        #[serde(default, skip_serializing_if = "Option::is_none")]
        rolling: Option<bool>,
    },
    /// So many days.
    CalendarDays {
        /// Days.
        value: i64,
        /// With `true` they count days that have a free time, and never look further than 61 days.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        rolling: Option<bool>,
    },
    /// From one day to another.
    Range {
        /// The first and the last, as `YYYY-MM-DD`.
        value: Vec<String>,
    },
}

/// For their own page.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct BookerLayouts {
    /// `month`, `week` or `column`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default_layout: Option<String>,
    /// Those to choose from.
    pub enabled_layouts: Vec<String>,
}

/// When bookings wait for the host's consent.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Confirmation {
    /// `always`, or `time` for those at short notice.
    #[serde(rename = "type")]
    pub kind: String,
    /// What short notice is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub notice_threshold: Option<NoticeThreshold>,
    /// A waiting booking takes its time away from others.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub block_unconfirmed_bookings_in_booker: Option<bool>,
}

/// What short notice is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct NoticeThreshold {
    /// `minutes`, `hours` or `days`.
    pub unit: String,
    /// So many.
    pub count: i64,
}

/// How a series repeats.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recurrence {
    /// Every so many.
    pub interval: i64,
    /// At most so many.
    pub occurrences: i64,
    /// `weekly`, `monthly` or `yearly`.
    pub frequency: String,
}

/// How attendees share a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Seats {
    /// So many.
    pub seats_per_time_slot: i64,
    /// Attendees see each other.
    #[serde(default)]
    pub show_attendee_info: bool,
    /// Attendees see how many are left.
    #[serde(default)]
    pub show_availability_count: bool,
}

/// For their own calendar.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Color {
    /// `#RRGGBB`.
    pub light_theme_hex: String,
    /// `#RRGGBB`.
    pub dark_theme_hex: String,
}

/// Into which calendar events are written. `Debug` does not show which.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DestinationCalendar {
    /// Such as `google_calendar`.
    pub integration: String,
    /// The calendar's own id, often an address.
    pub external_id: String,
}

quiet_debug!(DestinationCalendar { integration });

/// May attendees cancel?
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Cancelling {
    /// They may not.
    pub disabled: bool,
}

/// May attendees move?
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Rescheduling {
    /// They may not.
    pub disabled: bool,
    /// They may not when there are fewer minutes left.
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
