//! Compares the engine with the naive computation, around every clock change of every zone.

use std::collections::HashMap;

use chrono::{DateTime, Offset, TimeDelta, TimeZone, Utc};
use zones::Zone;

use super::chance::Chance;
use super::{all_zones, instant, zone};
use crate::domain::scheduling::native::{Interval, Slot, clock, naive, offers, slots};

/// How far to either side of a change starts are compared, in minutes.
const REACH: i64 = 30 * 60;
/// The longest session, in minutes.
const MAX_SESSION: i64 = 25 * 60;
/// Cases per change for the first of several zones with equal behaviour; each further zone gets one
/// per change.
const CASES: usize = 10;

/// Totals of the comparison.
#[derive(Debug, Default)]
struct Tally {
    cases: usize,
    slots: usize,
    with_slots: usize,
    questions: usize,
    mismatches: Vec<String>,
}

fn offset(zone: Zone, at: DateTime<Utc>) -> i32 {
    zone.offset_from_utc_datetime(&at.naive_utc())
        .fix()
        .local_minus_utc()
}

/// The first offset, and each instant at which another one begins, sampled once an hour.
fn behaviour(
    zone: Zone,
    from: DateTime<Utc>,
    until: DateTime<Utc>,
) -> (i32, Vec<(DateTime<Utc>, i32)>) {
    let first = offset(zone, from);
    let (mut at, mut current, mut changes) = (from, first, Vec::new());
    while at < until {
        let hour_later = at + TimeDelta::hours(1);
        let next = offset(zone, hour_later);
        if next != current {
            let mut change = at;
            while offset(zone, change) == current {
                change += TimeDelta::seconds(60);
            }
            assert_eq!(
                offset(zone, change - TimeDelta::seconds(1)),
                current,
                "{zone} changes on a whole minute"
            );
            changes.push((change, next));
        }
        (at, current) = (hour_later, next);
    }
    (first, changes)
}

fn tape_around(zone: Zone, change: DateTime<Utc>) -> Vec<naive::Reading> {
    naive::tape(
        zone,
        change - TimeDelta::minutes(REACH),
        change + TimeDelta::minutes(REACH + MAX_SESSION),
    )
}

/// One random case around the change.
fn compare(
    zone: Zone,
    change: DateTime<Utc>,
    tape: &[naive::Reading],
    chance: &mut Chance,
    tally: &mut Tally,
) {
    let date = change.with_timezone(&zone).date_naive();
    let (hours, terms) = (chance.hours(zone, date), chance.terms(date, MAX_SESSION));
    let busy = chance.busy(change);
    let second_or_not = if chance.one_in(3) {
        chance.number(-999_999_999, 999_999_999)
    } else {
        0
    };
    let somewhere = |chance: &mut Chance, low, high| {
        change
            + TimeDelta::minutes(chance.number(low, high))
            + TimeDelta::nanoseconds(second_or_not)
    };
    let range = if chance.one_in(2) {
        Interval {
            from: change - TimeDelta::minutes(REACH),
            until: change + TimeDelta::minutes(REACH),
        }
    } else {
        Interval {
            from: somewhere(chance, 1 - REACH, 600),
            until: somewhere(chance, 0, REACH - 1),
        }
    };
    let now = if chance.one_in(2) {
        change - TimeDelta::days(3)
    } else {
        somewhere(chance, -2 * REACH, 120)
    };

    let expected = naive::slots(tape, &hours, &terms, &busy, range, now);
    let found = slots(&hours, &terms, &busy, range, now);
    tally.cases += 1;
    tally.slots += expected.len();
    tally.with_slots += usize::from(!expected.is_empty());
    if found != expected {
        tally.mismatches.push(format!(
            "slots {hours:?} {terms:?} {busy:?} {range:?} {now}: {found:?}, not {expected:?}"
        ));
    }
    let mut ask = |start: DateTime<Utc>| {
        let listed = expected.iter().any(|slot: &Slot| slot.starts_at == start);
        tally.questions += 1;
        if offers(&hours, &terms, &busy, start, now) != listed {
            tally.mismatches.push(format!(
                "offers {hours:?} {terms:?} {busy:?} {start} {now}: not {listed}"
            ));
        }
    };
    for _ in 0..6 {
        let minute =
            chance.pick(&[0, 1, 15, 30]) + 60 * chance.number(1 - REACH / 60, REACH / 60 - 1);
        let start = change + TimeDelta::minutes(minute);
        if range.from <= start && start < range.until {
            ask(start);
        }
        if !expected.is_empty() {
            let slot = chance.pick(&expected);
            ask(slot.starts_at);
            ask(slot.starts_at + TimeDelta::nanoseconds(1));
        }
    }
}

#[test]
fn every_zone_agrees_with_the_naive_computation_around_every_change_of_2025_to_2028() {
    let (from, until) = (
        instant("2025-01-01T00:00:00Z"),
        instant("2029-01-01T00:00:00Z"),
    );
    let mut alike: HashMap<_, Vec<Zone>> = HashMap::new();
    let all = all_zones();
    for &zone in &all {
        alike
            .entry(behaviour(zone, from, until))
            .or_default()
            .push(zone);
    }
    let mut groups: Vec<_> = alike.into_iter().collect();
    groups.sort_by_key(|(_, zones)| zones[0].name());
    let mut tally = Tally::default();
    let (mut kinds_of_change, mut changes_of_zones) = (0, 0);
    for (seed, ((_, changes), zones)) in groups.iter().enumerate() {
        let mut chance = Chance::new(seed as u64 + 1);
        for pair in changes.windows(2) {
            let apart = (pair[1].0 - pair[0].0).num_seconds();
            assert!(
                apart > clock::STRIDE,
                "{} changes twice within the stride",
                zones[0]
            );
        }
        kinds_of_change += changes.len();
        changes_of_zones += changes.len() * zones.len();
        // A zone without changes is compared around any instant.
        let unchanged = [(from + TimeDelta::minutes(chance.number(0, 2_000_000)), 0)];
        for &(change, _) in if changes.is_empty() {
            &unchanged
        } else {
            &changes[..]
        } {
            let tape = tape_around(zones[0], change);
            for zone in std::iter::repeat_n(zones[0], CASES - 1).chain(zones.iter().copied()) {
                compare(zone, change, &tape, &mut chance, &mut tally);
            }
        }
    }
    eprintln!(
        "{} zones in {} groups; {changes_of_zones} changes, {kinds_of_change} of them different; {} cases ({} with slots, {} slots), \
         {} single questions; {} mismatches",
        all.len(),
        groups.len(),
        tally.cases,
        tally.with_slots,
        tally.slots,
        tally.questions,
        tally.mismatches.len(),
    );
    assert_eq!(tally.mismatches.first(), None);
    assert!(
        changes_of_zones > 1000 && tally.with_slots * 2 > tally.cases,
        "the cases say something: {tally:?}"
    );
}

/// Days that a zone skipped or repeated, changes by other than an hour, and changes at one minute
/// past midnight.
#[test]
fn famous_changes_of_the_past_agree_with_the_naive_computation() {
    let changes = [
        (zone("Pacific/Apia"), "2011-12-30T10:00:00Z"),
        (zone("Pacific/Fakaofo"), "2011-12-30T11:00:00Z"),
        (zone("Pacific/Kiritimati"), "1994-12-31T10:00:00Z"),
        (zone("Pacific/Kwajalein"), "1993-08-21T12:00:00Z"),
        (zone("America/St_Johns"), "1988-04-03T03:31:00Z"),
        (zone("America/St_Johns"), "1988-10-30T01:31:00Z"),
        (zone("America/Caracas"), "2007-12-09T07:00:00Z"),
        (zone("Asia/Pyongyang"), "2018-05-04T15:00:00Z"),
        (zone("Antarctica/Casey"), "2018-03-10T17:00:00Z"),
        (zone("Europe/London"), "1968-02-18T02:00:00Z"),
    ];
    let mut tally = Tally::default();
    let mut chance = Chance::new(2011);
    for (zone, change) in changes {
        let change = instant(change);
        assert_ne!(
            offset(zone, change),
            offset(zone, change - TimeDelta::seconds(1)),
            "{zone} changes at {change}"
        );
        let tape = tape_around(zone, change);
        for _ in 0..4 * CASES {
            compare(zone, change, &tape, &mut chance, &mut tally);
        }
    }
    assert_eq!(tally.mismatches.first(), None);
    assert!(
        tally.with_slots * 2 > tally.cases,
        "the cases say something: {tally:?}"
    );
}
