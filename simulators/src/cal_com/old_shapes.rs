//! What the oldest version answers where a newer one was meant: 200, and another shape.

use chrono::{DateTime, NaiveTime, SecondsFormat, TimeDelta, Utc};
use serde_json::{Map, Value, json};

use super::reply::iso;
use super::state::{EventType, Schedule, State};

const DAYS: [&str; 7] = [
    "Sunday",
    "Monday",
    "Tuesday",
    "Wednesday",
    "Thursday",
    "Friday",
    "Saturday",
];

/// A schedule of 2024-04-15: minutes of the day and days by number.
pub(super) fn schedule(state: &State, schedule: &Schedule, now: DateTime<Utc>) -> Value {
    let rows: Vec<Row> = schedule
        .availability
        .iter()
        .chain(&schedule.overrides)
        .map(Row::read)
        .collect();
    let weekly = || rows.iter().filter(|row| row.date.is_none());
    let at =
        |day: &str, minutes: i64| format!("{day}T{:02}:{:02}:00.000Z", minutes / 60, minutes % 60);
    let today = now.format("%Y-%m-%d").to_string();
    let default = state
        .users
        .get(&schedule.owner)
        .and_then(|owner| owner.default_schedule_id);
    let availability: Vec<Value> = (0..7)
        .map(|day| {
            let windows = weekly().filter(|row| row.days.contains(&day));
            windows
                .map(|row| json!({ "start": at(&today, row.start), "end": at(&today, row.end) }))
                .collect()
        })
        .collect();
    json!({
        "id": schedule.id,
        "name": schedule.name,
        "isManaged": false,
        "workingHours": weekly().filter(|row| row.start < row.end).map(|row| json!({
            "days": row.days, "startTime": row.start, "endTime": row.end, "userId": schedule.owner,
        })).collect::<Vec<_>>(),
        "schedule": rows.iter().enumerate().map(|(index, row)| json!({
            "id": index + 1,
            "userId": schedule.owner,
            "eventTypeId": null,
            "days": row.days,
            "startTime": at("1970-01-01", row.start),
            "endTime": at("1970-01-01", row.end),
            "date": row.date.as_ref().map(|date| at(date, 0)),
            "scheduleId": schedule.id,
        })).collect::<Vec<_>>(),
        "availability": availability,
        "timeZone": schedule.time_zone,
        "isDefault": default == Some(schedule.id),
        "dateOverrides": rows.iter().filter_map(|row| {
            let date = row.date.as_ref()?;
            Some(json!({ "ranges": [{ "start": at(date, row.start), "end": at(date, row.end) }] }))
        }).collect::<Vec<_>>(),
        "readOnly": false,
        "isLastSchedule": false,
        "userId": schedule.owner,
    })
}

struct Row {
    days: Vec<usize>,
    start: i64,
    end: i64,
    date: Option<String>,
}

impl Row {
    fn read(row: &Value) -> Self {
        let minutes = |name: &str| {
            let time = NaiveTime::parse_from_str(row[name].as_str().unwrap_or_default(), "%H:%M");
            time.map_or(0, |time| (time - NaiveTime::MIN).num_minutes())
        };
        let named = row["days"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str);
        Self {
            days: named
                .filter_map(|name| DAYS.iter().position(|day| *day == name))
                .collect(),
            start: minutes("startTime"),
            end: minutes("endTime"),
            date: row["date"].as_str().map(str::to_owned),
        }
    }
}

/// The grouped list of event types of 2024-04-15, without the many columns that only its own pages
/// read.
pub(super) fn event_types(state: &State, user: u64, own: &[&EventType]) -> Value {
    let user = &state.users[&user];
    let profile = json!({ "slug": user.username, "name": user.name, "image": user.avatar_url });
    let rows: Vec<Value> = own
        .iter()
        .map(|event_type| event_type_row(event_type, &user.time_zone))
        .collect();
    let mut listed = profile.clone();
    for (name, value) in [
        ("membershipCount", json!(1)),
        ("readOnly", json!(false)),
        ("teamId", Value::Null),
        ("membershipRole", Value::Null),
    ] {
        listed[name] = value;
    }
    json!({
        "eventTypeGroups": [{
            "teamId": null,
            "bookerUrl": state.web_url,
            "membershipRole": null,
            "profile": profile,
            "eventTypes": rows,
        }],
        "profiles": [listed],
        "allUsersAcrossAllEventTypes": {},
    })
}

fn event_type_row(event_type: &EventType, zone: &str) -> Value {
    let mut row = Map::new();
    for name in [
        "description",
        "hidden",
        "slug",
        "title",
        "minimumBookingNotice",
        "beforeEventBuffer",
        "afterEventBuffer",
        "slotInterval",
        "price",
        "currency",
        "scheduleId",
        "offsetStart",
    ] {
        row.insert(
            name.to_owned(),
            event_type.fields.get(name).cloned().unwrap_or_default(),
        );
    }
    row.insert("id".to_owned(), event_type.id.into());
    row.insert("userId".to_owned(), event_type.owner.into());
    row.insert("length".to_owned(), event_type.length().into());
    row.insert(
        "requiresConfirmation".to_owned(),
        event_type.needs_confirmation().into(),
    );
    row.insert("owner".to_owned(), json!({ "timeZone": zone }));
    row.into()
}

/// What the old booking endpoint says to the newer body: three fields it does not find.
pub(super) fn booking_complaint(body: &Value) -> Vec<Value> {
    let mut target = Map::new();
    for name in ["eventTypeId", "start", "timeZone", "language", "metadata"] {
        if let Some(value) = body.get(name) {
            target.insert(name.to_owned(), value.clone());
        }
    }
    let target = Value::from(target);
    let needs = [
        (
            "timeZone",
            "isTimeZone",
            "timeZone must be a valid IANA time-zone",
        ),
        ("language", "isString", "language must be a string"),
        ("metadata", "isObject", "metadata must be an object"),
    ];
    let missing = needs
        .iter()
        .filter(|(name, _, _)| target.get(*name).is_none());
    missing
        .map(|(name, rule, text)| {
            super::reply::violation(&target, name, &[(rule, (*text).to_owned())])
        })
        .collect()
}

/// An instant in a zone, with milliseconds; `Z` for UTC.
pub(super) fn in_zone(instant: DateTime<Utc>, zone: zones::Zone) -> String {
    if zone == zones::Zone::UTC {
        return iso(instant);
    }
    instant
        .with_timezone(&zone)
        .to_rfc3339_opts(SecondsFormat::Millis, true)
}

/// Minutes between a zone and UTC at an instant.
pub(super) fn offset_minutes(instant: DateTime<Utc>, zone: zones::Zone) -> i64 {
    let local = instant.with_timezone(&zone).naive_local();
    (local - instant.naive_utc() + TimeDelta::zero()).num_minutes()
}
