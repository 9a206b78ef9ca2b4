//! Clock changes worked out by hand: every expected instant is written down.

use chrono::Weekday;
use zones::Zone;

use super::{between, instant, plain, time, zone};
use crate::domain::scheduling::native::{Hours, Override, Terms, WeeklyRule, Window, slots};

const EVERY_DAY: [Weekday; 7] = [
    Weekday::Mon,
    Weekday::Tue,
    Weekday::Wed,
    Weekday::Thu,
    Weekday::Fri,
    Weekday::Sat,
    Weekday::Sun,
];

/// The same ranges every day.
fn daily(zone: Zone, ranges: &[(&str, &str)]) -> Hours {
    let rules = EVERY_DAY.iter().flat_map(|&weekday| {
        ranges.iter().map(move |(from, until)| WeeklyRule {
            weekday,
            from: time(from),
            until: time(until),
        })
    });
    let hours = Hours {
        zone,
        weekly: rules.collect(),
        overrides: Vec::new(),
    };
    assert_eq!(hours.check(), Ok(()));
    hours
}

/// The starts between two instants, computed as of a year before, as `month-day hour:minute` in
/// UTC.
fn starts(hours: &Hours, terms: &Terms, from: &str, until: &str) -> Vec<String> {
    let range = between(from, until);
    slots(
        hours,
        terms,
        &[],
        range,
        range.from - chrono::TimeDelta::days(365),
    )
    .iter()
    .map(|slot| {
        assert_eq!(slot.ends_at - slot.starts_at, terms.length);
        slot.starts_at.format("%m-%d %H:%M").to_string()
    })
    .collect()
}

#[test]
fn new_york_spring_skips_the_missing_hour() {
    let night = daily(zone("America/New_York"), &[("00:00", "05:00")]);
    let found = starts(
        &night,
        &plain(60, 60),
        "2026-03-08T05:00:00Z",
        "2026-03-09T04:00:00Z",
    );
    // 00:00 and 01:00 EST, no 02:00, 03:00 and 04:00 EDT.
    assert_eq!(
        found,
        ["03-08 05:00", "03-08 06:00", "03-08 07:00", "03-08 08:00"]
    );
    // Every second hour: 02:00 is missing, and 04:00 stays at 04:00.
    let found = starts(
        &night,
        &plain(60, 120),
        "2026-03-08T05:00:00Z",
        "2026-03-09T04:00:00Z",
    );
    assert_eq!(found, ["03-08 05:00", "03-08 08:00"]);
}

#[test]
fn new_york_spring_ranges_that_begin_or_end_in_the_gap_do_so_at_its_edge() {
    let until_half_past = daily(zone("America/New_York"), &[("01:00", "02:30")]);
    let found = starts(
        &until_half_past,
        &plain(30, 30),
        "2026-03-08T05:00:00Z",
        "2026-03-09T04:00:00Z",
    );
    assert_eq!(found, ["03-08 06:00", "03-08 06:30"]);
    let from_half_past = daily(zone("America/New_York"), &[("02:30", "04:00")]);
    let found = starts(
        &from_half_past,
        &plain(30, 30),
        "2026-03-08T05:00:00Z",
        "2026-03-09T04:00:00Z",
    );
    assert_eq!(found, ["03-08 07:00", "03-08 07:30"]);
    let within = daily(zone("America/New_York"), &[("02:00", "03:00")]);
    assert!(
        starts(
            &within,
            &plain(15, 15),
            "2026-03-08T05:00:00Z",
            "2026-03-09T04:00:00Z"
        )
        .is_empty()
    );
}

#[test]
fn new_york_autumn_has_one_o_clock_twice() {
    let night = daily(zone("America/New_York"), &[("00:00", "03:00")]);
    let found = starts(
        &night,
        &plain(60, 60),
        "2026-11-01T04:00:00Z",
        "2026-11-02T05:00:00Z",
    );
    // 00:00 and 01:00 EDT, 01:00 and 02:00 EST.
    assert_eq!(
        found,
        ["11-01 04:00", "11-01 05:00", "11-01 06:00", "11-01 07:00"]
    );
}

#[test]
fn new_york_autumn_never_places_a_session_where_the_clock_shows_closed_time() {
    let until_half_past = daily(zone("America/New_York"), &[("00:00", "01:30")]);
    let found = starts(
        &until_half_past,
        &plain(30, 30),
        "2026-11-01T04:00:00Z",
        "2026-11-02T05:00:00Z",
    );
    assert_eq!(
        found,
        ["11-01 04:00", "11-01 04:30", "11-01 05:00", "11-01 06:00"]
    );
    // A break from 01:15 to 01:45 is kept in both passes.
    let with_break = daily(
        zone("America/New_York"),
        &[("00:00", "01:15"), ("01:45", "04:00")],
    );
    let found = starts(
        &with_break,
        &plain(15, 15),
        "2026-11-01T04:30:00Z",
        "2026-11-01T07:15:00Z",
    );
    let expected = [
        "04:30", "04:45", "05:00", "05:45", "06:00", "06:45", "07:00",
    ]
    .map(|t| format!("11-01 {t}"));
    assert_eq!(found, expected);
}

#[test]
fn wall_clock_times_are_stable_across_the_change() {
    let ten = daily(zone("America/New_York"), &[("10:00", "11:00")]);
    let found = starts(
        &ten,
        &plain(30, 30),
        "2026-03-07T00:00:00Z",
        "2026-03-09T00:00:00Z",
    );
    assert_eq!(
        found,
        ["03-07 15:00", "03-07 15:30", "03-08 14:00", "03-08 14:30"]
    );
}

#[test]
fn lord_howe_moves_by_half_an_hour_and_starts_stay_on_the_hour() {
    let night = daily(zone("Australia/Lord_Howe"), &[("00:00", "04:00")]);
    // 02:00 becomes 01:30: 00:00 and 01:00 at +11:00, 02:00 and 03:00 at +10:30.
    let found = starts(
        &night,
        &plain(60, 60),
        "2026-04-04T13:00:00Z",
        "2026-04-05T13:00:00Z",
    );
    assert_eq!(
        found,
        ["04-04 13:00", "04-04 14:00", "04-04 15:30", "04-04 16:30"]
    );
    // 02:00 becomes 02:30: 00:00 and 01:00 at +10:30, 03:00 at +11:00.
    let found = starts(
        &night,
        &plain(60, 60),
        "2026-10-03T13:30:00Z",
        "2026-10-04T12:30:00Z",
    );
    assert_eq!(found, ["10-03 13:30", "10-03 14:30", "10-03 16:00"]);
}

#[test]
fn apia_skipped_a_whole_day() {
    let morning = daily(zone("Pacific/Apia"), &[("09:00", "11:00")]);
    // The 29th at -10:00, the 31st at +14:00, and no 30th.
    let found = starts(
        &morning,
        &plain(60, 60),
        "2011-12-29T10:00:00Z",
        "2011-12-31T10:00:00Z",
    );
    assert_eq!(
        found,
        ["12-29 19:00", "12-29 20:00", "12-30 19:00", "12-30 20:00"]
    );
    let the_30th = time_window("2011-12-30", "2011-12-30");
    let all_day = daily(zone("Pacific/Apia"), &[("00:00", "24:00")]);
    let terms = Terms {
        window: the_30th,
        ..plain(60, 60)
    };
    assert!(
        starts(
            &all_day,
            &terms,
            "2011-12-27T00:00:00Z",
            "2012-01-03T00:00:00Z"
        )
        .is_empty()
    );
    // A session runs on from the 29th into the 31st.
    let found = starts(
        &all_day,
        &plain(120, 60),
        "2011-12-30T09:00:00Z",
        "2011-12-30T11:00:00Z",
    );
    assert_eq!(found, ["12-30 09:00", "12-30 10:00"]);
}

fn time_window(from: &str, until: &str) -> Window {
    let date = |text: &str| text.parse().expect("a date");
    Window::Range {
        from: date(from),
        until: date(until),
    }
}

#[test]
fn cairo_changes_at_midnight() {
    let evening = daily(
        zone("Africa/Cairo"),
        &[("22:00", "24:00"), ("00:00", "03:00")],
    );
    // Friday begins at 01:00: 22:00 and 23:00 at +02:00, 01:00 and 02:00 at +03:00.
    let found = starts(
        &evening,
        &plain(60, 60),
        "2026-04-23T20:00:00Z",
        "2026-04-24T06:00:00Z",
    );
    assert_eq!(
        found,
        ["04-23 20:00", "04-23 21:00", "04-23 22:00", "04-23 23:00"]
    );
    // The third crosses both midnight and the gap; the fourth would end at 03:30.
    let found = starts(
        &evening,
        &plain(90, 60),
        "2026-04-23T20:00:00Z",
        "2026-04-24T06:00:00Z",
    );
    assert_eq!(found, ["04-23 20:00", "04-23 21:00", "04-23 22:00"]);
    // Thursday has 23:00 twice: at +03:00 and at +02:00.
    let found = starts(
        &evening,
        &plain(60, 180),
        "2026-10-29T19:00:00Z",
        "2026-10-30T06:00:00Z",
    );
    assert_eq!(found, ["10-29 19:00", "10-29 22:00"]);
    let found = starts(
        &evening,
        &plain(60, 60),
        "2026-10-29T19:00:00Z",
        "2026-10-29T23:00:00Z",
    );
    assert_eq!(
        found,
        ["10-29 19:00", "10-29 20:00", "10-29 21:00", "10-29 22:00"]
    );
}

#[test]
fn dublin_has_negative_winter_time() {
    let night = daily(zone("Europe/Dublin"), &[("00:00", "03:00")]);
    let found = starts(
        &night,
        &plain(30, 30),
        "2026-03-29T00:00:00Z",
        "2026-03-29T12:00:00Z",
    );
    assert_eq!(
        found,
        ["03-29 00:00", "03-29 00:30", "03-29 01:00", "03-29 01:30"]
    );
    let night = daily(zone("Europe/Dublin"), &[("00:00", "02:00")]);
    let found = starts(
        &night,
        &plain(30, 30),
        "2026-10-24T12:00:00Z",
        "2026-10-25T12:00:00Z",
    );
    assert_eq!(
        found,
        [
            "10-24 23:00",
            "10-24 23:30",
            "10-25 00:00",
            "10-25 00:30",
            "10-25 01:00",
            "10-25 01:30"
        ]
    );
}

#[test]
fn ranges_that_touch_are_one_for_a_session_and_two_for_the_grid() {
    let day = daily(Zone::UTC, &[("09:00", "10:45"), ("10:45", "12:00")]);
    let found = starts(
        &day,
        &plain(60, 30),
        "2026-06-01T00:00:00Z",
        "2026-06-02T00:00:00Z",
    );
    assert_eq!(
        found,
        [
            "06-01 09:00",
            "06-01 09:30",
            "06-01 10:00",
            "06-01 10:30",
            "06-01 10:45"
        ]
    );
    let apart = daily(Zone::UTC, &[("09:00", "10:45"), ("10:46", "12:00")]);
    let found = starts(
        &apart,
        &plain(60, 30),
        "2026-06-01T00:00:00Z",
        "2026-06-02T00:00:00Z",
    );
    assert_eq!(found, ["06-01 09:00", "06-01 09:30", "06-01 10:46"]);
}

#[test]
fn an_override_replaces_the_hours_of_its_date_alone() {
    let mut hours = daily(zone("Europe/Dublin"), &[("09:00", "10:00")]);
    let date = |text: &str| text.parse().expect("a date");
    hours.overrides = vec![
        Override {
            date: date("2026-01-07"),
            hours: Vec::new(),
        },
        Override {
            date: date("2026-01-06"),
            hours: vec![
                (time("18:00"), time("19:00")),
                (time("07:00"), time("08:00")),
            ],
        },
    ];
    assert_eq!(hours.check(), Ok(()));
    let found = starts(
        &hours,
        &plain(60, 60),
        "2026-01-05T00:00:00Z",
        "2026-01-09T00:00:00Z",
    );
    assert_eq!(
        found,
        ["01-05 09:00", "01-06 07:00", "01-06 18:00", "01-08 09:00"]
    );
    let asked = between("2026-01-05T00:00:00Z", "2026-01-09T00:00:00Z");
    assert_eq!(
        slots(
            &hours,
            &plain(60, 60),
            &[],
            asked,
            instant("2026-01-08T09:00:01Z")
        ),
        []
    );
}

/// British Columbia keeps its summer time since 2026.
#[test]
fn vancouver_stays_seven_hours_behind_in_winter() {
    let morning = daily(zone("America/Vancouver"), &[("09:00", "11:00")]);
    let found = starts(
        &morning,
        &plain(60, 60),
        "2026-12-07T08:00:00Z",
        "2026-12-08T08:00:00Z",
    );
    assert_eq!(found, ["12-07 16:00", "12-07 17:00"]);
}
