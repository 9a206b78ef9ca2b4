//! Instants as seconds since 1970, and the offsets of a zone's wall clock.
//!
//! All conversions go from instants to the wall clock, never back: each instant has exactly one
//! reading, so that gaps and overlaps need no special case.

use chrono::{DateTime, NaiveDate, Offset, TimeDelta, TimeZone, Utc};
use zones::Zone;

pub(super) const DAY: i64 = 24 * 60 * 60;

/// The first and last instants at which every zone's wall clock still shows a date that `chrono`
/// can represent.
pub(super) const FIRST: i64 = DateTime::<Utc>::MIN_UTC.timestamp() + 2 * DAY;
pub(super) const LAST: i64 = DateTime::<Utc>::MAX_UTC.timestamp() - 2 * DAY;

/// Minimum distance between two changes of one zone's offset. A test checks it against the zone
/// database.
pub(super) const STRIDE: i64 = DAY;

/// The first whole second at or after the instant.
pub(super) fn ceil(instant: DateTime<Utc>) -> i64 {
    instant.timestamp() + i64::from(instant.timestamp_subsec_nanos() > 0)
}

/// The last whole second at or before the instant.
pub(super) fn floor(instant: DateTime<Utc>) -> i64 {
    instant.timestamp()
}

/// Whole seconds of a duration, truncated.
pub(super) fn seconds(duration: TimeDelta) -> i64 {
    duration.num_seconds()
}

/// Days since 1970-01-01.
pub(super) fn day_number(date: NaiveDate) -> i64 {
    date.signed_duration_since(NaiveDate::default()).num_days()
}

/// Offset of the wall clock from UTC at an instant, in seconds.
pub(super) fn offset_at(zone: Zone, at: i64) -> i64 {
    let instant = DateTime::from_timestamp(at.clamp(FIRST, LAST), 0)
        .expect("between two instants that chrono can write");
    i64::from(
        zone.offset_from_utc_datetime(&instant.naive_utc())
            .fix()
            .local_minus_utc(),
    )
}

/// A half-open interval with a constant offset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stretch {
    pub(super) from: i64,
    pub(super) until: i64,
    pub(super) offset: i64,
}

/// Splits the interval from `at` to `until` into stretches of at most [`STRIDE`], in order and
/// without holes.
#[derive(Debug)]
pub(super) struct Stretches {
    zone: Zone,
    at: i64,
    until: i64,
    offset: i64,
}

impl Stretches {
    pub(super) fn new(zone: Zone, from: i64, until: i64) -> Stretches {
        Stretches {
            zone,
            at: from,
            until,
            offset: offset_at(zone, from),
        }
    }

    /// The first instant in `(at, end]` with the offset of `end`, which differs from that of `at`.
    fn change_before(&self, end: i64) -> i64 {
        let (mut before, mut after) = (self.at, end);
        while after - before > 1 {
            let middle = before + (after - before) / 2;
            if offset_at(self.zone, middle) == self.offset {
                before = middle
            } else {
                after = middle
            }
        }
        after
    }
}

impl Iterator for Stretches {
    type Item = Stretch;

    fn next(&mut self) -> Option<Stretch> {
        if self.at >= self.until {
            return None;
        }
        let (from, offset) = (self.at, self.offset);
        let mut end = self.until.min(from + STRIDE);
        let mut next_offset = offset_at(self.zone, end);
        if next_offset != offset {
            end = self.change_before(end);
            next_offset = offset_at(self.zone, end);
        }
        (self.at, self.offset) = (end, next_offset);
        Some(Stretch {
            from,
            until: end,
            offset,
        })
    }
}
