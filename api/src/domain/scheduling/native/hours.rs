use std::fmt;

use chrono::{NaiveDate, Weekday};
use zones::Zone;

use super::Minute;

/// Opening hours of a coach: weekly hours in the coach's own zone, and overrides of single dates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hours {
    pub zone: Zone,
    pub weekly: Vec<WeeklyRule>,
    pub overrides: Vec<Override>,
}

/// Open from one wall-clock time until another, every week on this day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WeeklyRule {
    pub weekday: Weekday,
    pub from: Minute,
    pub until: Minute,
}

/// Hours of one date in the coach's zone, in place of the weekly ones. Empty: closed that day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Override {
    pub date: NaiveDate,
    pub hours: Vec<(Minute, Minute)>,
}

/// The day of an error in hours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Day {
    Weekly(Weekday),
    Date(NaiveDate),
}

/// Why hours are invalid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HoursError {
    /// The range is empty or runs backwards. A night is two ranges: until 24:00, and from 00:00 the
    /// next day.
    EndNotAfterStart {
        day: Day,
        from: Minute,
        until: Minute,
    },
    /// Two ranges of one day overlap. Ranges that touch do not.
    Overlap {
        day: Day,
        first: (Minute, Minute),
        second: (Minute, Minute),
    },
    /// A date has more than one override.
    DuplicateDate { date: NaiveDate },
}

impl Hours {
    /// Validates the hours: weekly rules first, then overrides by date.
    ///
    /// Slots of invalid hours are still well defined, see [`super::slots()`]: a backwards range is
    /// closed, overlapping ranges are merged, and overrides of one date add up.
    ///
    /// # Errors
    /// One per backwards range, overlapping pair of neighbours, and date with more than one
    /// override.
    pub fn check(&self) -> Result<(), Vec<HoursError>> {
        let mut errors = Vec::new();
        let mut weekday = Weekday::Mon;
        for _ in 0..7 {
            let rules = self.weekly.iter().filter(|rule| rule.weekday == weekday);
            check_day(
                Day::Weekly(weekday),
                rules.map(|rule| (rule.from, rule.until)).collect(),
                &mut errors,
            );
            weekday = weekday.succ();
        }
        let mut overrides: Vec<_> = self.overrides.iter().collect();
        overrides.sort_by_key(|entry| entry.date);
        for same_date in overrides.chunk_by(|a, b| a.date == b.date) {
            let date = same_date[0].date;
            if same_date.len() > 1 {
                errors.push(HoursError::DuplicateDate { date });
            }
            for entry in same_date {
                check_day(Day::Date(date), entry.hours.clone(), &mut errors);
            }
        }
        if errors.is_empty() {
            Ok(())
        } else {
            Err(errors)
        }
    }
}

fn check_day(day: Day, mut ranges: Vec<(Minute, Minute)>, errors: &mut Vec<HoursError>) {
    ranges.sort_unstable();
    ranges.retain(|&(from, until)| {
        if from >= until {
            errors.push(HoursError::EndNotAfterStart { day, from, until });
        }
        from < until
    });
    // Compares with the range that ends last, not the previous one: a long range may cover several
    // that follow it.
    let mut ranges = ranges.into_iter();
    let Some(mut first) = ranges.next() else {
        return;
    };
    for second in ranges {
        if second.0 < first.1 {
            errors.push(HoursError::Overlap { day, first, second });
        }
        if second.1 > first.1 {
            first = second;
        }
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Day::Weekly(weekday) => f.write_str(match weekday {
                Weekday::Mon => "Monday",
                Weekday::Tue => "Tuesday",
                Weekday::Wed => "Wednesday",
                Weekday::Thu => "Thursday",
                Weekday::Fri => "Friday",
                Weekday::Sat => "Saturday",
                Weekday::Sun => "Sunday",
            }),
            Day::Date(date) => date.fmt(f),
        }
    }
}

impl fmt::Display for HoursError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            HoursError::EndNotAfterStart { day, from, until } => {
                write!(
                    f,
                    "{day}: {from}-{until} must end after it starts; use 24:00 for the end of the day"
                )
            }
            HoursError::Overlap { day, first, second } => {
                write!(
                    f,
                    "{day}: {}-{} and {}-{} overlap",
                    first.0, first.1, second.0, second.1
                )
            }
            HoursError::DuplicateDate { date } => write!(f, "{date} has more than one override"),
        }
    }
}

impl std::error::Error for HoursError {}
