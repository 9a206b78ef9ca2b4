//! Hours: when a coach works, week by week, and the days that differ. All times are wall clock in
//! the schedule's zone.
//!
//! Cal.com takes anything of the right form, even hours that end before they begin or overlap:
//! check before writing.

use chrono::{NaiveDate, NaiveTime, Weekday};
use serde::{Deserialize, Serialize, Serializer};
use serde_json::Value;

use super::client::Client;
use super::credential::Credential;
use super::lax::{FromValue, Lax, object};
use super::request::Request;
use crate::error::Error;

/// Somebody's hours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schedule {
    /// Theirs.
    pub id: i64,
    /// Whose.
    pub owner_id: Option<i64>,
    /// For the owner.
    pub name: String,
    /// IANA.
    pub time_zone: String,
    /// Event types that name no schedule have this one.
    pub is_default: bool,
    /// Week by week.
    pub availability: Vec<Hours>,
    /// Days that differ.
    pub overrides: Vec<DayOverride>,
}

/// Hours of some weekdays.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Hours {
    /// On these days.
    #[serde(serialize_with = "weekdays")]
    pub days: Vec<Weekday>,
    /// From.
    #[serde(rename = "startTime", serialize_with = "wall")]
    pub starts: NaiveTime,
    /// To. Midnight at the end of a day is 23:59 here.
    #[serde(rename = "endTime", serialize_with = "wall")]
    pub ends: NaiveTime,
}

/// Hours of one day, in place of the weekly ones.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DayOverride {
    /// In the schedule's zone.
    pub date: NaiveDate,
    /// From.
    #[serde(rename = "startTime", serialize_with = "wall")]
    pub starts: NaiveTime,
    /// To. Both at 00:00 is a day off.
    #[serde(rename = "endTime", serialize_with = "wall")]
    pub ends: NaiveTime,
}

impl DayOverride {
    /// No hours on that day.
    #[must_use]
    pub const fn off(date: NaiveDate) -> Self {
        Self {
            date,
            starts: NaiveTime::MIN,
            ends: NaiveTime::MIN,
        }
    }

    /// Are there no hours on that day?
    #[must_use]
    pub fn is_off(&self) -> bool {
        self.starts == NaiveTime::MIN && self.ends == NaiveTime::MIN
    }
}

/// Hours to make, or what is changed of some; `None` stays as it is. To make, name, zone and
/// `is_default` are required; hours that are not given are Monday to Friday, 09:00 to 17:00.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ScheduleChange {
    /// For the owner.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// IANA; others are refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time_zone: Option<String>,
    /// `true` takes it from the one that was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub is_default: Option<bool>,
    /// Replaces all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub availability: Option<Vec<Hours>>,
    /// Replaces all.
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

    /// The default one; `None` when there is none, and so no slots.
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
    /// See [`Client`]; `NotOwner` for somebody else's, `UnknownSchedule`.
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
    /// See [`Client`]; `NotOwner` for somebody else's, `UnknownSchedule`.
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
    /// See [`Client`]; `NotOwner` for somebody else's, `UnknownSchedule`.
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
fn wall<S: Serializer>(time: &NaiveTime, serializer: S) -> Result<S::Ok, S::Error> {
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
    id: Lax<i64>,
    owner_id: Lax<i64>,
    name: Lax<String>,
    time_zone: Lax<String>,
    is_default: Lax<bool>,
    availability: Vec<Part>,
    overrides: Vec<Part>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Part {
    days: Vec<String>,
    date: Lax<String>,
    start_time: Lax<String>,
    end_time: Lax<String>,
}

impl FromValue for Schedule {
    /// Hours must be readable to the last: half of them would close the other half.
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
        // Some versions write an instant at midnight.
        let date = date.trim().split('T').next()?.parse().ok()?;
        Some(DayOverride {
            date,
            starts: time(&self.start_time.0?)?,
            ends: time(&self.end_time.0?)?,
        })
    }
}
