//! Starts that are on offer: `/v2/slots`.

use chrono::{DateTime, NaiveDate, TimeDelta, Timelike as _, Utc};
use serde_json::{Map, Value, json};
use zones::Zone;

use super::call::{Call, Version};
use super::hours::{Span, midnight};
use super::old_shapes::in_zone;
use super::reply::{Answer, Failure, plain};
use super::state::{EventType, State, Status, zone};

pub(super) fn route(state: &mut State, call: &Call, parts: &[&str]) -> Option<Answer> {
    match (call.method.as_str(), parts, call.version) {
        ("GET", [], Version::V20240904) => Some(list(state, call, ["start", "end"])),
        (
            "GET",
            ["available"],
            Version::V20240415 | Version::V20240611 | Version::V20240614 | Version::V20240813,
        ) => Some(
            list(state, call, ["startTime", "endTime"]).map(|mut reply| {
                if let Some(body) = &mut reply.body {
                    body["data"] = json!({ "slots": old_shape(&body["data"]) });
                }
                reply
            }),
        ),
        _ => None,
    }
}

fn list(state: &State, call: &Call, names: [&str; 2]) -> Answer {
    let [start, end] = names;
    let from = moment(call, start, false)?;
    let to = moment(call, end, true)?;
    let zone = match call.param("timeZone").map(str::parse::<Zone>) {
        None => Zone::UTC,
        Some(Ok(zone)) => zone,
        Some(Err(_)) => {
            return Err(Failure::bad_request(
                "timeZone property is wrong,timeZone must be a valid IANA time-zone ",
            ));
        }
    };
    let event_type =
        wanted(state, call).ok_or_else(|| Failure::not_found("Event Type not found"))?;
    let length = call
        .number("duration")
        .map_or(event_type.length(), |minutes| minutes as i64);
    let except = call.param("bookingUidToReschedule");
    let ranges = call.param("format") == Some("range");
    // A rolling window goes by whole days of the zone: what lies before the asked start on its day
    // comes too.
    let rolls = event_type.fields["bookingWindow"]["rolling"] == true;
    let first = midnight(from.min(to).with_timezone(&zone).date_naive(), zone);
    let range = Span {
        start: if rolls || to < from { first } else { from },
        end: to,
    };
    let mut days = Map::new();
    for start in state.starts(event_type, length, range, (call.now, zone), except) {
        let day = start.with_timezone(&zone).format("%Y-%m-%d").to_string();
        let mut slot = json!({ "start": in_zone(start, zone) });
        if ranges {
            slot["end"] = in_zone(start + TimeDelta::minutes(length), zone).into();
        }
        if let Some(total) = event_type.seats() {
            state.count_seats(event_type, start, total, &mut slot);
        }
        let day = days.entry(day).or_insert_with(|| json!([]));
        day.as_array_mut().expect("a day is a list").push(slot);
    }
    plain(200, json!({ "data": days, "status": "success" }))
}

fn old_shape(days: &Value) -> Value {
    let days = days.as_object().into_iter().flatten().map(|(day, slots)| {
        let slots = slots.as_array().into_iter().flatten();
        (
            day.clone(),
            slots
                .map(|slot| json!({ "time": slot["start"] }))
                .collect::<Value>(),
        )
    });
    days.collect::<Map<_, _>>().into()
}

/// An instant, or a day of UTC that counts from its start or to its end.
fn moment(call: &Call, name: &str, to_the_end: bool) -> Result<DateTime<Utc>, Failure> {
    let text = call.param(name).unwrap_or_default();
    if let Ok(day) = text.parse::<NaiveDate>() {
        let start = midnight(day, Zone::UTC);
        return Ok(if to_the_end {
            start + TimeDelta::days(1) - TimeDelta::milliseconds(1)
        } else {
            start
        });
    }
    let read = text.parse::<DateTime<Utc>>();
    read.map_err(|_| {
        Failure::bad_request(format!(
            "{name} property is wrong,{name} must be a valid ISO 8601 date string "
        ))
    })
}

fn wanted<'s>(state: &'s State, call: &Call) -> Option<&'s EventType> {
    if let Some(id) = call.number("eventTypeId") {
        return state.event_types.get(&id);
    }
    state.event_type_by_slug(call.param("username")?, call.param("eventTypeSlug")?)
}

impl State {
    pub(super) fn event_type_by_slug(&self, username: &str, slug: &str) -> Option<&EventType> {
        let owner = self
            .users
            .values()
            .find(|user| user.username == username)?
            .id;
        self.event_types
            .values()
            .find(|event_type| event_type.owner == owner && event_type.slug() == slug)
    }

    fn starts(
        &self,
        event_type: &EventType,
        length: i64,
        range: Span,
        (now, viewer): (DateTime<Utc>, Zone),
        except: Option<&str>,
    ) -> Vec<DateTime<Utc>> {
        let step = event_type.interval().unwrap_or(length).max(1);
        let bookable = self.bookable(event_type, now, viewer);
        let home = self
            .schedule_for(event_type)
            .map_or(Zone::UTC, |schedule| zone(&schedule.time_zone));
        let length = TimeDelta::minutes(length);
        let mut starts = Vec::new();
        for free in self.free(event_type, range, except) {
            let first = align(free.start.max(bookable.start), step, home);
            let mut start = first + TimeDelta::minutes(event_type.offset());
            while start + length <= free.end {
                let fits = range.start <= start && start <= range.end && start < bookable.end;
                if fits
                    && !self.is_reserved(
                        event_type,
                        Span {
                            start,
                            end: start + length,
                        },
                        now,
                    )
                {
                    starts.push(start);
                }
                start += TimeDelta::minutes(step);
            }
        }
        starts
    }

    /// A reservation takes its own time only, without the buffers.
    fn is_reserved(&self, event_type: &EventType, span: Span, now: DateTime<Utc>) -> bool {
        self.reservations.iter().any(|reservation| {
            let held = Span {
                start: reservation.start,
                end: reservation.end,
            };
            reservation.host == event_type.owner && reservation.until > now && held.overlaps(span)
        })
    }

    fn count_seats(
        &self,
        event_type: &EventType,
        start: DateTime<Utc>,
        total: u64,
        slot: &mut Value,
    ) {
        let group = self.bookings.values().find(|booking| {
            booking.event_type == event_type.id
                && booking.start == start
                && booking.status == Status::Accepted
        });
        let booked = group.map_or(0, |group| group.attendees.len() as u64);
        slot["seatsBooked"] = booked.into();
        slot["seatsRemaining"] = total.saturating_sub(booked).into();
        slot["seatsTotal"] = total.into();
        if let Some(group) = group {
            slot["bookingUid"] = group.uid.clone().into();
        }
    }
}

/// The next start on the grid that the step implies: 60, 30, 20, 15, 10 or 5 minutes past the hour.
fn align(instant: DateTime<Utc>, step: i64, zone: Zone) -> DateTime<Utc> {
    let grid = [60, 30, 20, 15, 10, 5]
        .into_iter()
        .find(|grid| step % grid == 0)
        .unwrap_or(1);
    let local = instant.with_timezone(&zone);
    let past = i64::from(local.minute());
    let exact = past % grid == 0 && local.second() == 0 && local.nanosecond() == 0;
    if exact {
        return instant;
    }
    let hour = instant
        - TimeDelta::minutes(past)
        - TimeDelta::seconds(i64::from(local.second()))
        - TimeDelta::nanoseconds(i64::from(local.nanosecond()));
    hour + TimeDelta::minutes((past / grid + 1) * grid)
}
