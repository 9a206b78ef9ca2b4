//! Hours in our words and in Cal.com's. Theirs are checked here: they take anything of the right form.

use std::collections::BTreeMap;

use chrono::{NaiveDate, NaiveTime, Timelike, Weekday};
use entity::schedule::{Model, Weekly, WeeklyRule};
use entity::schedule_override;
use providers::cal_com::{DayOverride, Hours, Schedule, ScheduleChange};
use serde::Serialize;

use crate::domain::scheduling::native::{self, Minute};

/// What both sides can say about hours. Days that are over are left out: they are no news to either side.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Week {
    pub(crate) name: String,
    pub(crate) time_zone: String,
    /// By weekday from 1, Monday, and start, in minutes of the day.
    pub(crate) weekly: Vec<(u8, u16, u16)>,
    /// None at all is a day off.
    pub(crate) dates: BTreeMap<NaiveDate, Vec<(u16, u16)>>,
}

const DAY: u16 = 24 * 60;

impl Week {
    /// Hours of ours, with those of their dates that are still to come.
    pub(crate) fn ours(row: &Model, dates: &[schedule_override::Model], today: NaiveDate) -> Self {
        let coming = dates.iter().filter(|date| date.date >= today);
        Self {
            name: row.name.clone(),
            time_zone: row.time_zone.clone(),
            weekly: row.weekly.0.iter().map(|rule| (rule.weekday, rule.from, rule.until)).collect(),
            dates: coming.map(|date| (date.date, date.hours.0.clone())).collect(),
        }
    }

    /// Hours of theirs.
    pub(crate) fn theirs(schedule: &Schedule, today: NaiveDate) -> Self {
        let each = schedule
            .availability
            .iter()
            .flat_map(|hours| hours.days.iter().map(|day| (number(*day), minute(hours.starts), end(hours.ends))));
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
        Self { name: schedule.name.clone(), time_zone: schedule.time_zone.clone(), weekly, dates }
    }

    /// What is to be written there so that it says the same.
    pub(crate) fn change(&self) -> ScheduleChange {
        let weekly = self.weekly.iter().filter_map(|&(day, from, until)| {
            Some(Hours { days: vec![weekday(day)?], starts: time(from)?, ends: time(until)? })
        });
        let dates = self.dates.iter().flat_map(|(date, hours)| {
            let open = hours.iter().filter_map(|&(from, until)| {
                Some(DayOverride { date: *date, starts: time(from)?, ends: time(until)? })
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

    /// What is wrong with hours that were made there, for their coach.
    pub(crate) fn problem(&self) -> Option<String> {
        let Ok(zone) = self.time_zone.parse() else { return Some("the time zone is not known here".to_owned()) };
        let rules = self.weekly.iter().map(|&(day, from, until)| {
            Some(native::WeeklyRule { weekday: weekday(day)?, from: Minute::new(from)?, until: Minute::new(until)? })
        });
        let dates = self.dates.iter().map(|(date, hours)| {
            let hours = hours.iter().map(|&(from, until)| Some((Minute::new(from)?, Minute::new(until)?)));
            Some(native::Override { date: *date, hours: hours.collect::<Option<_>>()? })
        });
        let (Some(weekly), Some(overrides)) = (rules.collect::<Option<_>>(), dates.collect::<Option<_>>()) else {
            return Some("there is a time that no clock shows".to_owned());
        };
        let wrong = native::Hours { zone, weekly, overrides }.check().err()?;
        wrong.first().map(ToString::to_string)
    }

    /// The weekly hours as a column keeps them.
    pub(crate) fn weekly(&self) -> Weekly {
        Weekly(self.weekly.iter().map(|&(weekday, from, until)| WeeklyRule { weekday, from, until }).collect())
    }
}

fn number(day: Weekday) -> u8 {
    u8::try_from(day.number_from_monday()).expect("a week has seven days")
}

fn weekday(number: u8) -> Option<Weekday> {
    Weekday::try_from(number.checked_sub(1)?).ok()
}

/// Their days end at 23:59.
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
