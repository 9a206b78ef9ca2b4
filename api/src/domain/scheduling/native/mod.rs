//! The built-in scheduler: computes bookable starts from a coach's hours and an event type's terms.
//!
//! Pure functions: they read no clock, database or configuration, so that equal arguments give
//! equal slots.
//!
//! # What is open
//! An instant is open exactly when the wall clock in the coach's zone shows open time at it. All
//! else follows:
//! - **Gap** (clocks go forward): what the clock skips is not open. 01:00-02:30 in a gap of
//!   02:00-03:00 closes at the gap. 02:30-05:00 opens as the gap ends, and a whole day that a zone
//!   skips has no slots.
//! - **Overlap** (clocks go back): a range around the repeated hour is open through both passes,
//!   without a break. A range that begins or ends within it follows the clock both times: open
//!   until 01:30 is closed from the first 01:30 to the second 01:00, and closed for good at the
//!   second 01:30. No session is ever placed where the clock shows closed time.
//! - Ranges that touch, also at midnight, are one stretch for a session that crosses from one into
//!   the next.
//!
//! # Where sessions start
//! Starts lie on a grid of **wall-clock** time: the range's opening time plus a multiple of the
//! interval, anew for each range. A coach who opens at 09:00 with an interval of an hour starts on
//! the hour every day, before and after a transition, even where clocks move by 30 minutes (Lord
//! Howe). A grid time inside a gap has no start; one inside an overlap has two. Sessions last their
//! length in elapsed time.
//!
//! # What is taken
//! A session claims `[start - buffer before, end + buffer after)`, see [`Terms::claim`], and the
//! claim may not intersect a busy interval. The database's exclusion of overlapping bookings
//! applies the same rule, so a booking's busy interval is its own claim, with its own buffers:
//! between two sessions lie the first one's buffer after *plus* the second one's buffer before.
//! Claims that only touch do not intersect, and an empty busy interval blocks nothing. Buffers may
//! reach into closed hours.
//!
//! # Zones
//! Offsets come from the zone database that is compiled in. It lists transitions up to the year
//! 2100.

mod busy;
mod calendar;
mod clock;
mod hours;
mod minute;
mod openings;
mod slots;
mod terms;

#[cfg(test)]
mod naive;
#[cfg(test)]
mod tests;

use chrono::{DateTime, Utc};

pub use hours::{Day, Hours, HoursError, Override, WeeklyRule};
pub use minute::{Minute, MinuteError};
pub use slots::{offers, slots, upcoming};
pub use terms::{Term, Terms, TermsError, Window};

/// The half-open interval `[from, until)`. Empty unless `from` is before `until`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Interval {
    pub from: DateTime<Utc>,
    pub until: DateTime<Utc>,
}

impl Interval {
    /// Whether some instant lies in both. An empty interval intersects nothing.
    pub fn intersects(&self, other: &Interval) -> bool {
        self.from.max(other.from) < self.until.min(other.until)
    }
}

/// A bookable session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Slot {
    pub starts_at: DateTime<Utc>,
    pub ends_at: DateTime<Utc>,
}
