//! Converts days of a zone to intervals of instants.

use chrono::{DateTime, Days, NaiveDate, NaiveTime, TimeDelta, TimeZone as _, Utc};
use entity::coach;
use zones::Zone;

use super::native::Interval;

/// The longest gap in any zone's clock in quarters of an hour, with a margin.
const MAX_GAP_QUARTERS: i32 = 4 * 26;

/// The coach's own zone.
pub(in crate::domain) fn zone(coach: &coach::Model) -> Zone {
    coach.time_zone.parse().unwrap_or(Zone::UTC)
}

/// The current day in the coach's zone.
#[must_use]
pub fn today(coach: &coach::Model, now: DateTime<Utc>) -> NaiveDate {
    now.with_timezone(&zone(coach)).date_naive()
}

/// From the start of the first day to the end of the last one.
pub(in crate::domain) fn stretch(zone: Zone, first: NaiveDate, last: NaiveDate) -> Interval {
    let next = last.checked_add_days(Days::new(1)).unwrap_or(last);
    Interval {
        from: start_of_day(zone, first),
        until: start_of_day(zone, next),
    }
}

/// The first instant of a day; where the clock skips midnight, the end of the gap.
fn start_of_day(zone: Zone, day: NaiveDate) -> DateTime<Utc> {
    let midnight = day.and_time(NaiveTime::MIN);
    let found = (0..=MAX_GAP_QUARTERS)
        .filter_map(|quarter| midnight.checked_add_signed(TimeDelta::minutes(15) * quarter))
        .find_map(|local| zone.from_local_datetime(&local).earliest());
    found.map_or_else(|| midnight.and_utc(), |local| local.with_timezone(&Utc))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(zone: &str, day: &str) -> (String, i64) {
        let zone = zone.parse().expect("a zone of the database");
        let day: NaiveDate = day.parse().expect("a literal date");
        let found = stretch(zone, day, day);
        (
            found.from.format("%FT%R").to_string(),
            (found.until - found.from).num_minutes(),
        )
    }

    #[test]
    fn day_length_follows_clock_changes() {
        assert_eq!(
            of("America/New_York", "2026-12-21"),
            ("2026-12-21T05:00".to_owned(), 24 * 60)
        );
        assert_eq!(
            of("America/New_York", "2026-11-01"),
            ("2026-11-01T04:00".to_owned(), 25 * 60)
        );
        assert_eq!(
            of("America/New_York", "2027-03-14"),
            ("2027-03-14T05:00".to_owned(), 23 * 60)
        );
        assert_eq!(
            of("Asia/Beirut", "2026-03-29"),
            ("2026-03-28T22:00".to_owned(), 23 * 60),
            "it begins at one"
        );
        assert_eq!(
            of("Asia/Kolkata", "2026-12-21"),
            ("2026-12-20T18:30".to_owned(), 24 * 60)
        );
        assert_eq!(
            of("Pacific/Apia", "2011-12-30").1,
            0,
            "the day that Samoa skipped"
        );
    }
}
