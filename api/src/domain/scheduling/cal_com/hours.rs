//! Converts hours between our model and Cal.com's. Validates theirs, because Cal.com accepts
//! anything well-formed.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use chrono::{Datelike, NaiveDate, NaiveDateTime, NaiveTime, Timelike, Weekday};
use entity::schedule::{Model, Weekly, WeeklyRule};
use entity::schedule_override;
use providers::cal_com::{DayOverride, Hours, Schedule, ScheduleChange};
use serde::Serialize;
use zones::Zone;

use crate::domain::scheduling::native::{self, Interval, Minute};

/// The fields of hours that both sides store. Past dates are left out: they cause no sync.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Week {
    pub(crate) name: String,
    pub(crate) time_zone: String,
    /// Weekly hours: weekday (1 is Monday), start and end in minutes of the day.
    pub(crate) weekly: Vec<(u8, u16, u16)>,
    /// Date overrides; an empty list is a day off.
    pub(crate) dates: BTreeMap<NaiveDate, Vec<(u16, u16)>>,
}

const DAY: u16 = 24 * 60;

impl Week {
    /// Our hours, with the dates that are not past.
    pub(crate) fn ours(row: &Model, dates: &[schedule_override::Model], today: NaiveDate) -> Self {
        let coming = dates.iter().filter(|date| date.date >= today);
        Self {
            name: row.name.clone(),
            time_zone: row.time_zone.clone(),
            weekly: row
                .weekly
                .0
                .iter()
                .map(|rule| (rule.weekday, rule.from, rule.until))
                .collect(),
            dates: coming
                .map(|date| (date.date, date.hours.0.clone()))
                .collect(),
        }
    }

    /// Cal.com's hours.
    pub(crate) fn theirs(schedule: &Schedule, today: NaiveDate) -> Self {
        let each = schedule.availability.iter().flat_map(|hours| {
            hours
                .days
                .iter()
                .map(|day| (number(*day), minute(hours.starts), end(hours.ends)))
        });
        let mut weekly: Vec<_> = each.collect();
        weekly.sort_unstable();
        let mut dates: BTreeMap<NaiveDate, Vec<(u16, u16)>> = BTreeMap::new();
        for day in schedule.overrides.iter().filter(|day| day.date >= today) {
            let hours = dates.entry(day.date).or_default();
            if !day.is_off() {
                hours.push((minute(day.starts), end(day.ends)));
                hours.sort_unstable();
            }
        }
        Self {
            name: schedule.name.clone(),
            time_zone: schedule.time_zone.clone(),
            weekly,
            dates,
        }
    }

    /// Closes the dates on which the coach is absent, unless they are past.
    pub(crate) fn without(mut self, away: &[Interval], today: NaiveDate) -> Self {
        let Ok(zone) = self.time_zone.parse::<Zone>() else {
            return self;
        };
        for away in away {
            let (from, until) = (
                away.from.with_timezone(&zone).naive_local(),
                away.until.with_timezone(&zone).naive_local(),
            );
            let days = from
                .date()
                .max(today)
                .iter_days()
                .take_while(|day| *day <= until.date());
            for day in days {
                let open = self.hours_of(day);
                let left: Vec<_> = open
                    .iter()
                    .flat_map(|hours| less(*hours, minutes(day, from), minutes(day, until)))
                    .collect();
                if left != open {
                    self.dates.insert(day, left);
                }
            }
        }
        self
    }

    /// The hours of one day.
    fn hours_of(&self, day: NaiveDate) -> Vec<(u16, u16)> {
        let of_week = || {
            let weekday = number(day.weekday());
            let rules = self.weekly.iter().filter(|rule| rule.0 == weekday);
            rules.map(|&(_, from, until)| (from, until)).collect()
        };
        self.dates.get(&day).cloned().unwrap_or_else(of_week)
    }

    /// Restores the dates that [`without`](Self::without) closed: `own` is the state before, `told`
    /// the state after. A date that differs from `told` was changed at Cal.com, and stays.
    pub(crate) fn reopened(mut self, own: &Self, told: &Self) -> Self {
        for (day, hours) in &told.dates {
            if own.dates.get(day) != Some(hours) && self.dates.get(day) == Some(hours) {
                match own.dates.get(day) {
                    Some(hours) => self.dates.insert(*day, hours.clone()),
                    None => self.dates.remove(day),
                };
            }
        }
        self
    }

    /// The change that brings Cal.com's schedule to these hours.
    pub(crate) fn change(&self) -> ScheduleChange {
        let weekly = self.weekly.iter().filter_map(|&(day, from, until)| {
            Some(Hours {
                days: vec![weekday(day)?],
                starts: time(from)?,
                ends: time(until)?,
            })
        });
        let dates = self.dates.iter().flat_map(|(date, hours)| {
            let open = hours.iter().filter_map(|&(from, until)| {
                Some(DayOverride {
                    date: *date,
                    starts: time(from)?,
                    ends: time(until)?,
                })
            });
            let off = hours.is_empty().then(|| DayOverride::off(*date));
            open.chain(off).collect::<Vec<_>>()
        });
        ScheduleChange {
            name: Some(self.name.clone()),
            time_zone: Some(self.time_zone.clone()),
            is_default: None,
            availability: Some(weekly.collect()),
            overrides: Some(dates.collect()),
        }
    }

    /// Why hours that were made at Cal.com are invalid, as a message for their coach.
    pub(crate) fn problem(&self) -> Option<String> {
        let Ok(zone) = self.time_zone.parse() else {
            return Some("the time zone is not known here".to_owned());
        };
        let rules = self.weekly.iter().map(|&(day, from, until)| {
            Some(native::WeeklyRule {
                weekday: weekday(day)?,
                from: Minute::new(from)?,
                until: Minute::new(until)?,
            })
        });
        let dates = self.dates.iter().map(|(date, hours)| {
            let hours = hours
                .iter()
                .map(|&(from, until)| Some((Minute::new(from)?, Minute::new(until)?)));
            Some(native::Override {
                date: *date,
                hours: hours.collect::<Option<_>>()?,
            })
        });
        let (Some(weekly), Some(overrides)) =
            (rules.collect::<Option<_>>(), dates.collect::<Option<_>>())
        else {
            return Some("there is a time that no clock shows".to_owned());
        };
        let wrong = native::Hours {
            zone,
            weekly,
            overrides,
        }
        .check()
        .err()?;
        wrong.first().map(ToString::to_string)
    }

    /// The weekly hours in the form of the database column.
    pub(crate) fn weekly(&self) -> Weekly {
        Weekly(
            self.weekly
                .iter()
                .map(|&(weekday, from, until)| WeeklyRule {
                    weekday,
                    from,
                    until,
                })
                .collect(),
        )
    }
}

/// The minute of a day for a wall-clock time, clamped to the start or the end of the day.
fn minutes(day: NaiveDate, wall: NaiveDateTime) -> u16 {
    match wall.date().cmp(&day) {
        Ordering::Less => 0,
        Ordering::Greater => DAY,
        Ordering::Equal => minute(wall.time()),
    }
}

/// Subtracts an interval from hours.
fn less(
    (from, until): (u16, u16),
    gone_from: u16,
    gone_until: u16,
) -> impl Iterator<Item = (u16, u16)> {
    let parts = if gone_from >= gone_until {
        [(from, until), (0, 0)]
    } else {
        [(from, until.min(gone_from)), (from.max(gone_until), until)]
    };
    parts.into_iter().filter(|(from, until)| from < until)
}

fn number(day: Weekday) -> u8 {
    u8::try_from(day.number_from_monday()).expect("a week has seven days")
}

fn weekday(number: u8) -> Option<Weekday> {
    Weekday::try_from(number.checked_sub(1)?).ok()
}

/// The end of a day is 23:59 at Cal.com.
fn time(minute: u16) -> Option<NaiveTime> {
    let minute = u32::from(if minute >= DAY { DAY - 1 } else { minute });
    NaiveTime::from_hms_opt(minute / 60, minute % 60, 0)
}

fn minute(time: NaiveTime) -> u16 {
    u16::try_from(time.hour() * 60 + time.minute()).expect("a day has 1440 minutes")
}

fn end(time: NaiveTime) -> u16 {
    let minute = minute(time);
    if minute == DAY - 1 { DAY } else { minute }
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, Utc};

    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().expect("a literal date")
    }

    fn away(from: &str, until: &str) -> [Interval; 1] {
        let at = |text: &str| text.parse::<DateTime<Utc>>().expect("a literal instant");
        [Interval {
            from: at(from),
            until: at(until),
        }]
    }

    /// Monday to Wednesday, nine to five in New York; the last Wednesday of 2026 in the evening.
    fn own() -> Week {
        Week {
            name: "Hours".to_owned(),
            time_zone: "America/New_York".to_owned(),
            weekly: (1..=3).map(|weekday| (weekday, 9 * 60, 17 * 60)).collect(),
            dates: BTreeMap::from([(day("2026-12-30"), vec![(18 * 60, 20 * 60)])]),
        }
    }

    #[test]
    fn days_away_are_closed_where_there_would_be_hours() {
        let today = day("2026-11-21");
        // Whole days of the same zone, Monday 28th to Sunday.
        let closed = own().without(&away("2026-12-28T05:00:00Z", "2027-01-04T05:00:00Z"), today);
        let off = ["2026-12-28", "2026-12-29", "2026-12-30"].map(|text| (day(text), Vec::new()));
        assert_eq!(closed.dates, BTreeMap::from(off));
        // Days in Berlin, clipped to New York's hours: there the previous day at 18:00 is past
        // 17:00.
        let partly = own().without(&away("2026-12-28T23:00:00Z", "2026-12-30T23:00:00Z"), today);
        assert_eq!(partly.dates[&day("2026-12-29")], Vec::new());
        assert_eq!(
            partly.dates[&day("2026-12-30")],
            [(18 * 60, 20 * 60)],
            "it ends at 18:00 in New York"
        );
        assert_eq!(partly.dates.len(), 2);
        let noon = own().without(&away("2026-12-28T17:00:00Z", "2026-12-28T18:00:00Z"), today);
        assert_eq!(
            noon.dates[&day("2026-12-28")],
            [(9 * 60, 12 * 60), (13 * 60, 17 * 60)]
        );
        assert_eq!(
            own().without(&away("2026-11-16T05:00:00Z", "2026-11-18T05:00:00Z"), today),
            own(),
            "it is over"
        );
    }

    #[test]
    fn what_was_closed_is_put_back_and_what_they_changed_is_not() {
        let (own, today) = (own(), day("2026-11-21"));
        let told = own
            .clone()
            .without(&away("2026-12-28T05:00:00Z", "2026-12-31T05:00:00Z"), today);
        assert_eq!(told.clone().reopened(&own, &told), own);
        let mut theirs = told.clone();
        theirs.dates.insert(day("2026-12-29"), vec![(600, 660)]);
        theirs.dates.insert(day("2027-01-04"), Vec::new());
        let mut expected = own.clone();
        expected.dates.insert(day("2026-12-29"), vec![(600, 660)]);
        expected.dates.insert(day("2027-01-04"), Vec::new());
        assert_eq!(theirs.reopened(&own, &told), expected);
    }
}
