//! Random hours, terms and busy times from a fixed seed.

use chrono::{DateTime, Datelike, Days, NaiveDate, TimeDelta, Utc};
use zones::Zone;

use crate::domain::scheduling::native::{
    Hours, Interval, Minute, Override, Terms, WeeklyRule, Window,
};

/// Marsaglia's xorshift64, with a final multiplication for better low bits.
pub(super) struct Chance(u64);

impl Chance {
    pub(super) fn new(seed: u64) -> Chance {
        Chance(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    pub(super) fn bits(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 16
    }

    /// From `low` to `high`, both inclusive.
    pub(super) fn number(&mut self, low: i64, high: i64) -> i64 {
        low + (self.bits() % (high - low + 1) as u64) as i64
    }

    pub(super) fn one_in(&mut self, n: i64) -> bool {
        self.number(1, n) == 1
    }

    pub(super) fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.number(0, from.len() as i64 - 1) as usize]
    }

    /// One to three ranges of a day that do not overlap; often they touch each other or midnight,
    /// or begin and end in the first hours, when clocks change.
    fn day(&mut self) -> Vec<(Minute, Minute)> {
        if self.one_in(4) {
            return vec![(Minute::START_OF_DAY, Minute::END_OF_DAY)];
        }
        let mut marks: Vec<i64> = (0..self.number(1, 3) * 2)
            .map(|_| match self.number(0, 5) {
                0 => self.pick(&[0, 1440]),
                1 => self.number(0, 16) * 15,
                2 => self.number(80, 96) * 15,
                3 => self.number(0, 180),
                _ => self.number(0, 48) * 30,
            })
            .collect();
        marks.sort_unstable();
        marks.dedup();
        let minutes: Vec<Minute> = marks
            .iter()
            .map(|&m| Minute::new(m as u16).expect("marks are at most 1440"))
            .collect();
        let step = if self.one_in(3) { 1 } else { 2 };
        minutes
            .windows(2)
            .step_by(step)
            .map(|pair| (pair[0], pair[1]))
            .collect()
    }

    /// Valid hours, with overrides around the date.
    pub(super) fn hours(&mut self, zone: Zone, around: NaiveDate) -> Hours {
        let mut weekly = Vec::new();
        for offset in 0..7 {
            let weekday = (around + Days::new(offset)).weekday();
            if !self.one_in(6) {
                weekly.extend(self.day().into_iter().map(|(from, until)| WeeklyRule {
                    weekday,
                    from,
                    until,
                }));
            }
        }
        let mut overrides = Vec::new();
        for offset in -3..=3 {
            if self.one_in(4) {
                let hours = if self.one_in(3) {
                    Vec::new()
                } else {
                    self.day()
                };
                overrides.push(Override {
                    date: around + TimeDelta::days(offset),
                    hours,
                });
            }
        }
        // Order must not matter.
        weekly.sort_by_cached_key(|_| self.bits());
        overrides.sort_by_cached_key(|_| self.bits());
        let hours = Hours {
            zone,
            weekly,
            overrides,
        };
        assert_eq!(hours.check(), Ok(()));
        hours
    }

    /// Valid terms; the session lasts at most `longest` minutes.
    pub(super) fn terms(&mut self, around: NaiveDate, longest: i64) -> Terms {
        let length = match self.number(0, 9) {
            0 => self.number(1, longest),
            1 => self.number(1, 240),
            _ => self.pick(&[15, 20, 30, 45, 60, 60, 90, 120]),
        };
        let interval = match self.number(0, 5) {
            0 => self.number(1, 180),
            _ => self.pick(&[5, 10, 15, 15, 30, 30, 45, 60, 120, 1440]),
        };
        let mut minutes = |chance: i64, values: &[i64]| {
            TimeDelta::minutes(if self.one_in(chance) {
                self.pick(values)
            } else {
                0
            })
        };
        let (buffer_before, buffer_after) = (
            minutes(2, &[5, 10, 30, 61, 600]),
            minutes(2, &[5, 15, 30, 59, 600]),
        );
        let minimum_notice = minutes(2, &[1, 30, 60, 240, 1440]);
        let window = match self.number(0, 3) {
            0 => Window::Days(self.number(0, 4) as u32),
            1 => {
                let from = around + TimeDelta::days(self.number(-2, 1));
                Window::Range {
                    from,
                    until: from + TimeDelta::days(self.number(0, 2)),
                }
            }
            _ => Window::Unlimited,
        };
        let (length, interval) = (TimeDelta::minutes(length), TimeDelta::minutes(interval));
        let terms = Terms {
            length,
            interval,
            buffer_before,
            buffer_after,
            minimum_notice,
            window,
        };
        assert_eq!(terms.check(), Ok(()));
        terms
    }

    /// Up to a dozen busy times around the instant: some empty, some backwards, half of them not on
    /// a whole minute.
    pub(super) fn busy(&mut self, around: DateTime<Utc>) -> Vec<Interval> {
        let count = if self.one_in(3) {
            0
        } else {
            self.number(1, 12)
        };
        (0..count)
            .map(|_| {
                let mut from = around + TimeDelta::minutes(self.number(-500, 600) * 5);
                let mut length =
                    TimeDelta::minutes(self.pick(&[0, -30, 1, 5, 15, 30, 30, 45, 60, 60, 90, 600]));
                if self.one_in(2) {
                    from += TimeDelta::nanoseconds(self.number(-90_000_000_000, 90_000_000_000));
                    length += TimeDelta::milliseconds(self.number(-1500, 1500));
                }
                Interval {
                    from,
                    until: from + length,
                }
            })
            .collect()
    }
}
