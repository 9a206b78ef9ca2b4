//! Schedules: weekly hours and overrides of single days. All times are local times in the
//! schedule's zone.
//!
//! Cal.com validates only the format and accepts hours that overlap or end before they begin: check
//! before writing.

use chrono::{NaiveDate, NaiveTime, Weekday};
use serde::{Deserialize, Serialize, Serializer};
use serde_json::Value;

use super::client::Client;
use super::credential::Credential;
use super::request::Request;
use crate::cal_com::Error;
use crate::lenient::{FromValue, Lenient, object};

/// A user's schedule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schedule {
    /// Cal.com's id.
    pub id: i64,
    /// The owner's user id.
    pub owner_id: Option<i64>,
    /// The name, shown to its owner only.
    pub name: String,
    /// An IANA time zone.
    pub time_zone: String,
    /// It is the schedule of event types that name none.
    pub is_default: bool,
    /// The weekly hours.
    pub availability: Vec<Hours>,
    /// The overrides of single days.
    pub overrides: Vec<DayOverride>,
}

/// Hours of some weekdays.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Hours {
    /// The weekdays.
    #[serde(serialize_with = "weekdays")]
    pub days: Vec<Weekday>,
    /// The start.
    #[serde(rename = "startTime", serialize_with = "serialize_time")]
    pub starts: NaiveTime,
    /// The end. Midnight at the end of a day is 23:59 here.
    #[serde(rename = "endTime", serialize_with = "serialize_time")]
    pub ends: NaiveTime,
}

/// The hours of one date, which replace the weekly ones.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DayOverride {
    /// The date, in the schedule's zone.
    pub date: NaiveDate,
    /// The start.
    #[serde(rename = "startTime", serialize_with = "serialize_time")]
    pub starts: NaiveTime,
    /// The end. Start and end at 00:00 mean a day off.
    #[serde(rename = "endTime", serialize_with = "serialize_time")]
    pub ends: NaiveTime,
}

impl DayOverride {
    /// A day off.
    #[must_use]
    pub const fn off(date: NaiveDate) -> Self {
        Self {
            date,
            starts: NaiveTime::MIN,
            ends: NaiveTime::MIN,
        }
    }

    /// Whether it is a day off.
    #[must_use]
    pub fn is_off(&self) -> bool {
        self.starts == NaiveTime::MIN && self.ends == NaiveTime::MIN
    }
}

/// A schedule to create, or the changes to one; `None` leaves a field unchanged. To create, name,
/// zone and `is_default` are required; the default hours are Monday to Friday, 09:00 to 17:00.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ScheduleChange {
    /// The name, shown to its owner only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// An IANA time zone; others are refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time_zone: Option<String>,
    /// With `true`, the previous default schedule no longer is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub is_default: Option<bool>,
    /// Replaces all entries.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub availability: Option<Vec<Hours>>,
    /// Replaces all entries.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub overrides: Option<Vec<DayOverride>>,
}

impl Client {
    /// # Errors
    /// See [`Client`].
    pub async fn list_schedules(&self, credential: &Credential) -> Result<Vec<Schedule>, Error> {
        self.call(credential, Request::read("GET /v2/schedules"))
            .await?
            .all("schedule")
    }

    /// The default schedule; `None` when there is none, and therefore no slots.
    ///
    /// # Errors
    /// See [`Client`].
    pub async fn find_default_schedule(
        &self,
        credential: &Credential,
    ) -> Result<Option<Schedule>, Error> {
        self.call(credential, Request::read("GET /v2/schedules/default"))
            .await?
            .optional("schedule")
    }

    /// # Errors
    /// See [`Client`]; `UnknownSchedule`, or `NotOwner` when it belongs to another user.
    pub async fn get_schedule(&self, credential: &Credential, id: i64) -> Result<Schedule, Error> {
        self.call(credential, Request::read("GET /v2/schedules/{id}").fill(id))
            .await?
            .one("schedule")
    }

    /// # Errors
    /// See [`Client`].
    pub async fn create_schedule(
        &self,
        credential: &Credential,
        schedule: &ScheduleChange,
    ) -> Result<Schedule, Error> {
        self.call(
            credential,
            Request::once("POST /v2/schedules").json(schedule),
        )
        .await?
        .one("schedule")
    }

    /// # Errors
    /// See [`Client`]; `UnknownSchedule`, or `NotOwner` when it belongs to another user.
    pub async fn update_schedule(
        &self,
        credential: &Credential,
        id: i64,
        change: &ScheduleChange,
    ) -> Result<Schedule, Error> {
        let request = Request::idempotent("PATCH /v2/schedules/{id}")
            .fill(id)
            .json(change);
        self.call(credential, request).await?.one("schedule")
    }

    /// # Errors
    /// See [`Client`]; `UnknownSchedule`, or `NotOwner` when it belongs to another user.
    pub async fn delete_schedule(&self, credential: &Credential, id: i64) -> Result<(), Error> {
        self.call(
            credential,
            Request::idempotent("DELETE /v2/schedules/{id}").fill(id),
        )
        .await
        .map(drop)
    }
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde passes a reference"
)]
fn serialize_time<S: Serializer>(time: &NaiveTime, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&time.format("%H:%M"))
}

fn weekdays<S: Serializer>(days: &[Weekday], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(days.iter().map(|day| match day {
        Weekday::Mon => "Monday",
        Weekday::Tue => "Tuesday",
        Weekday::Wed => "Wednesday",
        Weekday::Thu => "Thursday",
        Weekday::Fri => "Friday",
        Weekday::Sat => "Saturday",
        Weekday::Sun => "Sunday",
    }))
}

fn time(text: &str) -> Option<NaiveTime> {
    let text = text.trim();
    if matches!(text, "24:00" | "24:00:00") {
        return NaiveTime::from_hms_opt(23, 59, 0);
    }
    NaiveTime::parse_from_str(text, "%H:%M")
        .or_else(|_| NaiveTime::parse_from_str(text, "%H:%M:%S%.f"))
        .ok()
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Wire {
    id: Lenient<i64>,
    owner_id: Lenient<i64>,
    name: Lenient<String>,
    time_zone: Lenient<String>,
    is_default: Lenient<bool>,
    availability: Vec<Part>,
    overrides: Vec<Part>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Part {
    days: Vec<String>,
    date: Lenient<String>,
    start_time: Lenient<String>,
    end_time: Lenient<String>,
}

impl FromValue for Schedule {
    /// All hours must be readable: a missing entry would look like time off.
    fn from_value(value: Value) -> Option<Self> {
        let wire: Wire = object(value)?;
        Some(Self {
            id: wire.id.0?,
            owner_id: wire.owner_id.0,
            name: wire.name.filled().unwrap_or_default(),
            time_zone: wire.time_zone.filled()?,
            is_default: wire.is_default.0.unwrap_or_default(),
            availability: wire
                .availability
                .into_iter()
                .map(Part::hours)
                .collect::<Option<_>>()?,
            overrides: wire
                .overrides
                .into_iter()
                .map(Part::day)
                .collect::<Option<_>>()?,
        })
    }
}

impl Part {
    fn hours(self) -> Option<Hours> {
        let days = self
            .days
            .iter()
            .map(|day| day.trim().parse().ok())
            .collect::<Option<_>>()?;
        Some(Hours {
            days,
            starts: time(&self.start_time.0?)?,
            ends: time(&self.end_time.0?)?,
        })
    }

    fn day(self) -> Option<DayOverride> {
        let date = self.date.0?;
        // Some versions return an instant at midnight.
        let date = date.trim().split('T').next()?.parse().ok()?;
        Some(DayOverride {
            date,
            starts: time(&self.start_time.0?)?,
            ends: time(&self.end_time.0?)?,
        })
    }
}
