//! When somebody can be booked: working hours less what is taken.

use chrono::{DateTime, Datelike as _, Days, NaiveDate, NaiveTime, TimeDelta, TimeZone as _, Utc};
use serde_json::Value;
use zones::Zone;

use super::state::{Booking, EventType, Schedule, State, Status, zone};

/// Half open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) start: DateTime<Utc>,
    pub(super) end: DateTime<Utc>,
}

impl Span {
    pub(super) fn overlaps(self, other: Self) -> bool {
        self.start < other.end && other.start < self.end
    }

    fn holds(self, other: Self) -> bool {
        self.start <= other.start && other.end <= self.end
    }
}

/// The longest a rolling window looks ahead, in days from today.
const HORIZON: u64 = 60;

impl State {
    /// Whether a booking may lie there, as far as hours and other bookings go.
    pub(super) fn is_free(&self, event_type: &EventType, span: Span, except: Option<&str>) -> bool {
        let around = Span {
            start: span.start - TimeDelta::days(1),
            end: span.end + TimeDelta::days(1),
        };
        self.free(event_type, around, except)
            .into_iter()
            .any(|free| free.holds(span))
    }

    /// The stretches in which bookings of this type may lie, in order, as far as they touch
    /// `range`.
    pub(super) fn free(
        &self,
        event_type: &EventType,
        range: Span,
        except: Option<&str>,
    ) -> Vec<Span> {
        let Some(schedule) = self.schedule_for(event_type) else {
            return Vec::new();
        };
        let mut taken: Vec<Span> = self
            .taken(event_type, except)
            .filter(|span| span.overlaps(range))
            .collect();
        taken.sort_by_key(|span| span.start);
        let mut free = Vec::new();
        for window in working(schedule, range) {
            let mut from = window.start;
            for span in taken.iter().filter(|span| span.overlaps(window)) {
                if span.start > from {
                    free.push(Span {
                        start: from,
                        end: span.start,
                    });
                }
                from = from.max(span.end);
            }
            if from < window.end {
                free.push(Span {
                    start: from,
                    end: window.end,
                });
            }
        }
        free
    }

    /// Bookings of the host with the free time around them, absences, and what their calendars say.
    fn taken<'s>(
        &'s self,
        event_type: &'s EventType,
        except: Option<&'s str>,
    ) -> impl Iterator<Item = Span> + 's {
        let (before, after) = event_type.buffers();
        let bookings = self.bookings.values().filter(move |booking| {
            let shared = booking.seated && booking.event_type == event_type.id;
            booking.host == event_type.owner
                && !shared
                && Some(booking.uid.as_str()) != except
                && self.blocks(booking)
        });
        let bookings = bookings.map(move |booking| {
            let (own_before, own_after) = self.event_type_of(booking).buffers();
            Span {
                start: booking.start - TimeDelta::minutes(own_before + after),
                end: booking.end + TimeDelta::minutes(own_after + before),
            }
        });
        let absences = self
            .out_of_office
            .iter()
            .filter(move |absence| absence.user == event_type.owner);
        // Their dates in UTC are taken for dates of the zone that the hours are in.
        let home = self
            .schedule_for(event_type)
            .map_or(Zone::UTC, |schedule| zone(&schedule.time_zone));
        let absences = absences.map(move |absence| Span {
            start: midnight(absence.start.date_naive(), home),
            end: midnight(absence.end.date_naive() + Days::new(1), home),
        });
        bookings
            .chain(absences)
            .chain(self.busy_elsewhere(event_type.owner))
    }

    fn blocks(&self, booking: &Booking) -> bool {
        match booking.status {
            Status::Accepted => true,
            Status::Pending => self.event_type_of(booking).pending_blocks(),
            Status::Cancelled | Status::Rejected => false,
        }
    }

    /// From when to when a booking of this type may start: after the notice, inside the window.
    pub(super) fn bookable(&self, event_type: &EventType, now: DateTime<Utc>, zone: Zone) -> Span {
        let start = now + TimeDelta::minutes(event_type.notice());
        let window = &event_type.fields["bookingWindow"];
        let today = now.with_timezone(&zone).date_naive();
        let days = window["value"].as_u64().unwrap_or(0);
        let last = match window["type"].as_str() {
            Some("range") => {
                let bounds = window["value"]
                    .as_array()
                    .into_iter()
                    .flatten()
                    .filter_map(Value::as_str);
                let bounds: Vec<NaiveDate> = bounds
                    .filter_map(|date| date.get(..10)?.parse().ok())
                    .collect();
                let [from, to] = bounds[..] else {
                    return Span { start, end: start };
                };
                return Span {
                    start: start.max(midnight(from, zone)),
                    end: midnight(to + Days::new(1), zone),
                };
            }
            Some(_) if window["rolling"] == true => self.rolling(event_type, today, days),
            Some("businessDays") => today
                .iter_days()
                .filter(|day| is_business(*day))
                .nth(days as usize),
            Some(_) => Some(today + Days::new(days)),
            None => None,
        };
        let end = last.map_or(DateTime::<Utc>::MAX_UTC, |last| {
            midnight(last + Days::new(1), zone)
        });
        Span { start, end }
    }

    /// The last of the next so many days that have hours, but never further than the horizon.
    fn rolling(&self, event_type: &EventType, today: NaiveDate, days: u64) -> Option<NaiveDate> {
        let schedule = self.schedule_for(event_type)?;
        let ahead = today.iter_days().take(HORIZON as usize + 1);
        let open = ahead.filter(|day| !windows_of(schedule, *day).is_empty());
        open.take((days as usize).max(1)).last()
    }
}

fn is_business(day: NaiveDate) -> bool {
    day.weekday().number_from_monday() <= 5
}

/// The instant a day begins in a zone.
pub(super) fn midnight(day: NaiveDate, zone: Zone) -> DateTime<Utc> {
    instant(day, NaiveTime::MIN, zone)
}

/// A wall-clock time as an instant; the earlier of two, and an hour on for one that a clock change
/// skips.
fn instant(day: NaiveDate, time: NaiveTime, zone: Zone) -> DateTime<Utc> {
    let local = day.and_time(time);
    let found = zone.from_local_datetime(&local).earliest();
    let found = found.or_else(|| {
        zone.from_local_datetime(&(local + TimeDelta::hours(1)))
            .earliest()
    });
    found.map_or_else(|| local.and_utc(), |found| found.with_timezone(&Utc))
}

/// The hours of a schedule around a range, merged and in order.
fn working(schedule: &Schedule, range: Span) -> Vec<Span> {
    let zone = zone(&schedule.time_zone);
    let first = range.start.with_timezone(&zone).date_naive();
    let last = range.end.with_timezone(&zone).date_naive();
    let days = first.iter_days().take_while(|day| *day <= last);
    let mut windows: Vec<Span> = days
        .flat_map(|day| {
            let times = windows_of(schedule, day);
            times.into_iter().map(move |(from, to)| Span {
                start: instant(day, from, zone),
                end: instant(day, to, zone),
            })
        })
        .collect();
    windows.sort_by_key(|window| window.start);
    let mut merged: Vec<Span> = Vec::new();
    for window in windows {
        match merged.last_mut() {
            Some(last) if window.start <= last.end => last.end = last.end.max(window.end),
            _ => merged.push(window),
        }
    }
    merged
}

/// The hours of one day. An override replaces what the week says; one from midnight to midnight is
/// a day off.
fn windows_of(schedule: &Schedule, day: NaiveDate) -> Vec<(NaiveTime, NaiveTime)> {
    let date = day.format("%Y-%m-%d").to_string();
    let special: Vec<&Value> = schedule
        .overrides
        .iter()
        .filter(|row| row["date"] == date.as_str())
        .collect();
    let name = day.format("%A").to_string();
    let rows: Vec<&Value> = if special.is_empty() {
        let on_day = |row: &&Value| {
            row["days"]
                .as_array()
                .is_some_and(|days| days.iter().any(|day| *day == name.as_str()))
        };
        schedule.availability.iter().filter(on_day).collect()
    } else {
        special
    };
    let time =
        |row: &Value, name: &str| NaiveTime::parse_from_str(row[name].as_str()?, "%H:%M").ok();
    let windows = rows
        .into_iter()
        .filter_map(|row| Some((time(row, "startTime")?, time(row, "endTime")?)));
    windows.filter(|(from, to)| from < to).collect()
}
