//! Validation of hours and terms, with the error messages.

use chrono::{NaiveDate, TimeDelta, Weekday};
use zones::Zone;

use super::{plain, time};
use crate::domain::scheduling::native::{
    Day, Hours, HoursError, Override, Term, Terms, TermsError, WeeklyRule, Window,
};

fn date(text: &str) -> NaiveDate {
    text.parse().expect("a date")
}

#[test]
fn every_violation_of_hours_is_reported() {
    let rule = |weekday, from, until| WeeklyRule {
        weekday,
        from: time(from),
        until: time(until),
    };
    let hours = Hours {
        zone: Zone::UTC,
        weekly: vec![
            rule(Weekday::Tue, "09:00", "17:00"),
            rule(Weekday::Tue, "10:00", "11:00"),
            rule(Weekday::Tue, "16:59", "18:00"),
            rule(Weekday::Tue, "18:00", "24:00"),
            rule(Weekday::Mon, "22:00", "02:00"),
            rule(Weekday::Sun, "00:00", "00:00"),
        ],
        overrides: vec![
            Override {
                date: date("2026-12-31"),
                hours: vec![(time("12:00"), time("13:00"))],
            },
            Override {
                date: date("2026-12-25"),
                hours: Vec::new(),
            },
            Override {
                date: date("2026-12-31"),
                hours: Vec::new(),
            },
        ],
    };
    let messages: Vec<String> = hours
        .check()
        .expect_err("five faults")
        .iter()
        .map(|error| error.to_string())
        .collect();
    assert_eq!(
        messages,
        [
            "Monday: 22:00-02:00 must end after it starts; use 24:00 for the end of the day",
            "Tuesday: 09:00-17:00 and 10:00-11:00 overlap",
            "Tuesday: 09:00-17:00 and 16:59-18:00 overlap",
            "Sunday: 00:00-00:00 must end after it starts; use 24:00 for the end of the day",
            "2026-12-31 has more than one override",
        ]
    );
}

#[test]
fn overlaps_within_an_override_are_refused_and_touching_ranges_allowed() {
    let with = |hours: &[(&str, &str)]| {
        let hours = hours
            .iter()
            .map(|(from, until)| (time(from), time(until)))
            .collect();
        Hours {
            zone: Zone::UTC,
            weekly: Vec::new(),
            overrides: vec![Override {
                date: date("2026-01-01"),
                hours,
            }],
        }
        .check()
    };
    assert_eq!(with(&[]), Ok(()));
    assert_eq!(with(&[("12:00", "24:00"), ("00:00", "12:00")]), Ok(()));
    let twice = (time("09:00"), time("10:00"));
    let overlap = HoursError::Overlap {
        day: Day::Date(date("2026-01-01")),
        first: twice,
        second: twice,
    };
    assert_eq!(
        with(&[("09:00", "10:00"), ("09:00", "10:00")]),
        Err(vec![overlap])
    );
}

#[test]
fn every_violation_of_terms_is_reported() {
    let minutes = TimeDelta::minutes;
    let terms = Terms {
        length: TimeDelta::zero(),
        interval: minutes(24 * 60 + 1),
        buffer_before: minutes(-1),
        buffer_after: TimeDelta::seconds(30),
        minimum_notice: TimeDelta::milliseconds(60_001),
        window: Window::Range {
            from: date("2026-02-02"),
            until: date("2026-02-01"),
        },
    };
    let errors = terms.check().expect_err("six faults");
    let named: Vec<Term> = errors.iter().map(TermsError::term).collect();
    let fields = [
        Term::Length,
        Term::Interval,
        Term::BufferBefore,
        Term::BufferAfter,
        Term::MinimumNotice,
        Term::Window,
    ];
    assert_eq!(named, fields);
    assert_eq!(
        errors[1].to_string(),
        "interval must be from 1 to 1440 minutes"
    );
    assert_eq!(
        errors[3].to_string(),
        "buffer after must be a whole number of minutes"
    );
    assert_eq!(
        errors[5].to_string(),
        "window ends on 2026-02-01, before it starts on 2026-02-02"
    );
}

#[test]
fn the_limits_of_terms_are_allowed() {
    let days = TimeDelta::days;
    let one_day = Window::Range {
        from: date("2026-02-01"),
        until: date("2026-02-01"),
    };
    let most = Terms {
        buffer_before: days(31),
        buffer_after: days(31),
        minimum_notice: days(3660),
        window: one_day,
        ..plain(31 * 1440, 1440)
    };
    assert_eq!(most.check(), Ok(()));
    assert_eq!(plain(1, 1).check(), Ok(()));
    assert!(
        Terms {
            length: most.length + TimeDelta::minutes(1),
            ..most
        }
        .check()
        .is_err()
    );
}
