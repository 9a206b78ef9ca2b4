use std::collections::VecDeque;

use super::calendar::Calendar;
use super::clock::{DAY, Stretch, Stretches};

/// A half-open piece of open time, of one range of one day, with a constant offset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Opening {
    pub(super) from: i64,
    pub(super) until: i64,
    /// Offset of the wall clock from UTC, in seconds.
    pub(super) offset: i64,
    /// The day on the wall clock, counted from 1970-01-01.
    pub(super) day: i64,
    /// When the range opens by the wall clock, in its seconds since 1970: the origin of the grid.
    pub(super) anchor: i64,
}

impl Opening {
    /// The first grid time of this opening at or after `earliest`, inside of the opening or beyond
    /// its end.
    pub(super) fn first_start(&self, earliest: i64, interval: i64) -> i64 {
        let since_anchor = self.from.max(earliest) + self.offset - self.anchor;
        let steps =
            since_anchor.div_euclid(interval) + i64::from(since_anchor.rem_euclid(interval) > 0);
        self.anchor + steps * interval - self.offset
    }
}

/// All open time of the given stretches: sorted, disjoint, in pieces that touch where open time
/// continues.
#[derive(Debug)]
pub(super) struct Openings {
    calendar: Calendar,
    stretches: Stretches,
    ready: VecDeque<Opening>,
}

impl Openings {
    pub(super) fn new(calendar: Calendar, stretches: Stretches) -> Openings {
        Openings {
            calendar,
            stretches,
            ready: VecDeque::new(),
        }
    }

    /// Within a stretch the wall clock is the instant plus a constant, so its days and ranges are
    /// computed by plain arithmetic.
    fn open(&mut self, stretch: Stretch) {
        let Stretch {
            from,
            until,
            offset,
        } = stretch;
        for day in (from + offset).div_euclid(DAY)..=(until - 1 + offset).div_euclid(DAY) {
            let midnight = day * DAY;
            for range in self.calendar.ranges(day) {
                let anchor = midnight + range.from;
                let piece = Opening {
                    from: from.max(anchor - offset),
                    until: until.min(midnight + range.until - offset),
                    offset,
                    day,
                    anchor,
                };
                if piece.from < piece.until {
                    self.ready.push_back(piece);
                }
            }
        }
    }
}

impl Iterator for Openings {
    type Item = Opening;

    fn next(&mut self) -> Option<Opening> {
        loop {
            if let Some(opening) = self.ready.pop_front() {
                return Some(opening);
            }
            let stretch = self.stretches.next()?;
            self.open(stretch);
        }
    }
}
