//! Boundaries of busy time, notice, windows and the calendar itself.

use chrono::{DateTime, NaiveDate, TimeDelta, Utc, Weekday};
use zones::Zone;

use super::chance::Chance;
use super::{all_zones, between, instant, plain, time, zone};
use crate::domain::scheduling::native::{
    Hours, Interval, Override, Terms, WeeklyRule, Window, offers, slots, upcoming,
};

/// Mondays 09:00 to 12:00 UTC. 2026-06-01 is one.
fn mondays() -> Hours {
    let rule = WeeklyRule {
        weekday: Weekday::Mon,
        from: time("09:00"),
        until: time("12:00"),
    };
    Hours {
        zone: Zone::UTC,
        weekly: vec![rule],
        overrides: Vec::new(),
    }
}

fn starts(terms: &Terms, busy: &[Interval], now: &str) -> Vec<String> {
    let range = between("2026-06-01T00:00:00Z", "2026-06-02T00:00:00Z");
    let found = slots(&mondays(), terms, busy, range, instant(now));
    found
        .iter()
        .map(|slot| slot.starts_at.format("%H:%M").to_string())
        .collect()
}

const LONG_BEFORE: &str = "2026-05-01T00:00:00Z";

#[test]
fn claims_may_touch_but_not_overlap_busy_time() {
    let terms = Terms {
        buffer_before: TimeDelta::minutes(15),
        buffer_after: TimeDelta::minutes(30),
        ..plain(30, 30)
    };
    // Claims: 09:30 takes 09:15-10:30, 11:00 takes 10:45-12:00.
    let exactly_between = [between("2026-06-01T10:30:00Z", "2026-06-01T10:45:00Z")];
    assert_eq!(
        starts(&terms, &exactly_between, LONG_BEFORE),
        ["09:00", "09:30", "11:00", "11:30"]
    );
    let a_moment_sooner = [between(
        "2026-06-01T10:29:59.999999999Z",
        "2026-06-01T10:45:00Z",
    )];
    assert_eq!(
        starts(&terms, &a_moment_sooner, LONG_BEFORE),
        ["09:00", "11:00", "11:30"]
    );
    let a_moment_longer = [between(
        "2026-06-01T10:30:00Z",
        "2026-06-01T10:45:00.000000001Z",
    )];
    assert_eq!(
        starts(&terms, &a_moment_longer, LONG_BEFORE),
        ["09:00", "09:30", "11:30"]
    );
}

#[test]
fn buffers_reach_into_closed_hours_and_busy_time_there_counts() {
    let terms = Terms {
        buffer_before: TimeDelta::minutes(60),
        buffer_after: TimeDelta::minutes(60),
        ..plain(60, 60)
    };
    assert_eq!(
        starts(&terms, &[], LONG_BEFORE),
        ["09:00", "10:00", "11:00"]
    );
    let early = between("2026-06-01T07:00:00Z", "2026-06-01T08:01:00Z");
    let late = between("2026-06-01T12:59:00Z", "2026-06-01T14:00:00Z");
    assert_eq!(starts(&terms, &[late, early], LONG_BEFORE), ["10:00"]);
}

#[test]
fn empty_and_backwards_busy_time_blocks_nothing() {
    let odd = [
        between("2026-06-01T10:15:00Z", "2026-06-01T10:15:00Z"),
        between("2026-06-01T12:00:00Z", "2026-06-01T09:00:00Z"),
    ];
    assert_eq!(
        starts(&plain(60, 60), &odd, LONG_BEFORE),
        ["09:00", "10:00", "11:00"]
    );
}

/// The database's rule: a booking is refused if its claim intersects another booking's claim.
#[test]
fn slots_are_the_bookings_whose_claims_intersect_no_other_claim() {
    let mut chance = Chance::new(7);
    let (mut offered, mut refused) = (0, 0);
    for _ in 0..300 {
        let monday = instant("2026-06-01T00:00:00Z").date_naive();
        let booked = chance
            .terms(monday, 120)
            .claim(instant("2026-06-01T09:00:00Z") + TimeDelta::minutes(chance.number(-90, 200)));
        let booked = booked.expect("far from the calendar's end");
        let terms = Terms {
            minimum_notice: TimeDelta::zero(),
            window: Window::Unlimited,
            ..chance.terms(monday, 120)
        };
        let without = starts(&terms, &[], LONG_BEFORE);
        let with = starts(&terms, &[booked], LONG_BEFORE);
        for start in without {
            let claim = terms
                .claim(instant(&format!("2026-06-01T{start}:00Z")))
                .expect("far from the calendar's end");
            let free = claim.until <= booked.from || booked.until <= claim.from;
            assert_eq!(free, !claim.intersects(&booked));
            assert_eq!(free, with.contains(&start), "{terms:?} {booked:?} {start}");
            if free { offered += 1 } else { refused += 1 }
        }
    }
    assert!(
        offered > 100 && refused > 100,
        "{offered} offered, {refused} refused"
    );
}

#[test]
fn notice_counts_from_the_exact_instant() {
    let terms = Terms {
        minimum_notice: TimeDelta::minutes(60),
        ..plain(60, 60)
    };
    assert_eq!(
        starts(&terms, &[], "2026-06-01T09:00:00Z"),
        ["10:00", "11:00"]
    );
    assert_eq!(
        starts(&terms, &[], "2026-06-01T09:00:00.000000001Z"),
        ["11:00"]
    );
    assert_eq!(
        starts(&plain(60, 60), &[], "2026-06-01T10:00:00Z"),
        ["10:00", "11:00"]
    );
}

#[test]
fn window_days_are_the_coachs_days() {
    // In Auckland it is Monday from 12:00 UTC on Sunday.
    let rules = [Weekday::Mon, Weekday::Tue].map(|weekday| WeeklyRule {
        weekday,
        from: time("08:00"),
        until: time("09:00"),
    });
    let hours = Hours {
        zone: zone("Pacific/Auckland"),
        weekly: rules.to_vec(),
        overrides: Vec::new(),
    };
    let range = between("2026-05-30T00:00:00Z", "2026-06-05T00:00:00Z");
    let count = |days, now| {
        let terms = Terms {
            window: Window::Days(days),
            ..plain(60, 60)
        };
        slots(&hours, &terms, &[], range, instant(now)).len()
    };
    assert_eq!(
        [
            count(0, "2026-05-31T11:59:59Z"),
            count(1, "2026-05-31T11:59:59Z"),
            count(2, "2026-05-31T11:59:59Z")
        ],
        [0, 1, 2]
    );
    assert_eq!(
        [
            count(0, "2026-05-31T12:00:00Z"),
            count(1, "2026-05-31T12:00:00Z"),
            count(u32::MAX, "2026-05-31T12:00:00Z")
        ],
        [1, 2, 2]
    );
}

#[test]
fn the_next_free_slot_is_found_without_scanning_the_whole_range() {
    let forever = Interval {
        from: DateTime::<Utc>::MIN_UTC,
        until: DateTime::<Utc>::MAX_UTC,
    };
    let busy = [between("2026-06-01T00:00:00Z", "2026-06-08T10:30:00Z")];
    let found = upcoming(
        &mondays(),
        &plain(60, 60),
        &busy,
        forever,
        instant("2026-05-26T00:00:00Z"),
    )
    .next();
    assert_eq!(
        found.map(|slot| slot.starts_at),
        Some(instant("2026-06-08T11:00:00Z"))
    );
}

#[test]
fn a_search_without_result_ends_after_ten_years() {
    let forever = Interval {
        from: DateTime::<Utc>::MIN_UTC,
        until: DateTime::<Utc>::MAX_UTC,
    };
    let now = instant("2026-06-01T00:00:00Z");
    assert_eq!(slots(&mondays(), &plain(181, 1), &[], forever, now), []);
    let found = slots(&mondays(), &plain(180, 180), &[], forever, now);
    assert_eq!(
        found.len(),
        523,
        "a Monday and every one of the 3659 days after it"
    );
}

#[test]
fn invalid_terms_have_no_slots() {
    let good = plain(60, 60);
    assert_eq!(starts(&good, &[], LONG_BEFORE).len(), 3);
    let odd = [
        TimeDelta::zero(),
        TimeDelta::minutes(-60),
        TimeDelta::seconds(90),
        TimeDelta::MAX,
        TimeDelta::MIN,
    ];
    for value in odd {
        for terms in [
            Terms {
                length: value,
                ..good
            },
            Terms {
                interval: value,
                ..good
            },
        ] {
            assert_eq!(starts(&terms, &[], LONG_BEFORE), [""; 0], "{terms:?}");
        }
    }
    for value in &odd[1..] {
        let before = Terms {
            buffer_before: *value,
            ..good
        };
        for terms in [
            before,
            Terms {
                buffer_after: *value,
                ..good
            },
            Terms {
                minimum_notice: *value,
                ..good
            },
        ] {
            assert_eq!(starts(&terms, &[], LONG_BEFORE), [""; 0], "{terms:?}");
        }
    }
}

#[test]
fn invalid_hours_are_read_as_documented() {
    let monday = |from, until| WeeklyRule {
        weekday: Weekday::Mon,
        from: time(from),
        until: time(until),
    };
    let weekly = vec![
        monday("10:00", "11:00"),
        monday("12:00", "09:00"),
        monday("09:10", "10:30"),
        monday("14:00", "14:00"),
    ];
    let mut hours = Hours {
        zone: Zone::UTC,
        weekly,
        overrides: Vec::new(),
    };
    let range = between("2026-06-01T00:00:00Z", "2026-06-02T00:00:00Z");
    let found = |hours: &Hours| {
        let slots = slots(hours, &plain(30, 30), &[], range, instant(LONG_BEFORE));
        slots
            .iter()
            .map(|slot| slot.starts_at.format("%H:%M").to_string())
            .collect::<Vec<_>>()
    };
    // One range, 09:10 to 11:00.
    assert_eq!(found(&hours), ["09:10", "09:40", "10:10"]);
    let date = instant("2026-06-01T00:00:00Z").date_naive();
    let on_the_date = |from, until| Override {
        date,
        hours: vec![(time(from), time(until))],
    };
    hours.overrides = vec![
        on_the_date("20:00", "20:30"),
        Override {
            date,
            hours: Vec::new(),
        },
        on_the_date("07:00", "08:00"),
    ];
    assert_eq!(found(&hours), ["07:00", "07:30", "20:00"]);
}

#[test]
fn the_ends_of_the_calendar_do_not_panic() {
    let mut chance = Chance::new(1);
    let year = |number| {
        NaiveDate::from_ymd_opt(number, 6, 1)
            .expect("June has a first")
            .and_time(Default::default())
            .and_utc()
    };
    let far = [
        DateTime::<Utc>::MIN_UTC,
        year(-9999),
        year(1),
        year(1900),
        year(2026),
        year(9999),
        DateTime::<Utc>::MAX_UTC,
    ];
    let dates = [
        NaiveDate::MIN,
        NaiveDate::MAX,
        far[2].date_naive(),
        far[5].date_naive(),
    ];
    let (mut found, all) = (0, all_zones());
    for case in 0..2000 {
        let zone = all[case % all.len()];
        let mut hours = chance.hours(zone, year(2026).date_naive());
        hours.overrides.push(Override {
            date: chance.pick(&dates),
            hours: vec![(time("00:00"), time("24:00"))],
        });
        let mut terms = chance.terms(year(2026).date_naive(), 31 * 24 * 60);
        terms.window = match chance.number(0, 3) {
            0 => Window::Days(chance.pick(&[0, 1, u32::MAX])),
            1 => Window::Range {
                from: chance.pick(&dates),
                until: chance.pick(&dates),
            },
            _ => Window::Unlimited,
        };
        let near = |chance: &mut Chance| {
            let at = chance.pick(&far);
            at.checked_add_signed(TimeDelta::nanoseconds(chance.number(-1 << 50, 1 << 50)))
                .unwrap_or(at)
        };
        let range = Interval {
            from: near(&mut chance),
            until: near(&mut chance),
        };
        let now = if chance.one_in(2) {
            far[0]
        } else {
            near(&mut chance)
        };
        let busy = [
            Interval {
                from: near(&mut chance),
                until: near(&mut chance),
            },
            between("2026-01-01T00:00:00Z", "2027-01-01T00:00:00Z"),
        ];
        let busy = &busy[..chance.number(0, 2) as usize];
        let mut previous = None;
        for slot in upcoming(&hours, &terms, busy, range, now).take(20) {
            assert!(
                range.from <= slot.starts_at
                    && slot.starts_at < range.until
                    && now <= slot.starts_at
            );
            assert!(previous < Some(slot.starts_at));
            assert!(
                offers(&hours, &terms, busy, slot.starts_at, now),
                "{hours:?} {terms:?} {slot:?}"
            );
            previous = Some(slot.starts_at);
            found += 1;
        }
        let anywhere = near(&mut chance);
        let day = Interval {
            from: anywhere,
            until: anywhere
                .checked_add_signed(TimeDelta::days(1))
                .unwrap_or(anywhere),
        };
        let listed = upcoming(&hours, &terms, busy, day, now)
            .next()
            .is_some_and(|slot| slot.starts_at == anywhere);
        assert_eq!(offers(&hours, &terms, busy, anywhere, now), listed);
    }
    assert!(found > 1000, "{found} slots");
}
