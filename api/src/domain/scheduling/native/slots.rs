use std::collections::VecDeque;
use std::iter::Peekable;

use chrono::{DateTime, TimeDelta, Utc};

use super::busy::Busy;
use super::calendar::Calendar;
use super::clock::{self, DAY, Stretches};
use super::openings::{Opening, Openings};
use super::{Hours, Interval, Slot, Terms};

/// The slots that start in `range`, in order, each once. The module's documentation defines them.
///
/// `busy` may be unsorted and overlap itself: bookings and holds as their claims, see
/// [`Terms::claim`], and external events as they are. It has to cover the claims of all sessions
/// that start in `range`, which extend beyond it by the length and the buffers.
///
/// The work grows with the range and the number of busy intervals. It ends ten years (3660 days)
/// after the first instant that range, notice and window allow, so that no range makes it endless.
/// Terms that fail [`Terms::check`] have no slots.
pub fn slots(
    hours: &Hours,
    terms: &Terms,
    busy: &[Interval],
    range: Interval,
    now: DateTime<Utc>,
) -> Vec<Slot> {
    upcoming(hours, terms, busy, range, now).collect()
}

/// Like [`slots`], computed lazily: the next free slot costs only the search up to it.
pub fn upcoming(
    hours: &Hours,
    terms: &Terms,
    busy: &[Interval],
    range: Interval,
    now: DateTime<Utc>,
) -> impl Iterator<Item = Slot> + use<> {
    Search::new(hours, terms, busy, range, now)
        .into_iter()
        .flatten()
        .filter_map(|(from, until)| {
            Some(Slot {
                starts_at: DateTime::from_timestamp(from, 0)?,
                ends_at: DateTime::from_timestamp(until, 0)?,
            })
        })
}

/// Whether a session may start at that instant: exactly when [`slots`] over a range with that
/// instant contains it.
pub fn offers(
    hours: &Hours,
    terms: &Terms,
    busy: &[Interval],
    start: DateTime<Utc>,
    now: DateTime<Utc>,
) -> bool {
    let Some(until) = start.checked_add_signed(TimeDelta::nanoseconds(1)) else {
        return false;
    };
    upcoming(hours, terms, busy, Interval { from: start, until }, now)
        .next()
        .is_some()
}

/// Maximum extent of a search: hours that never fit the length would otherwise be searched to the
/// end of the calendar.
const MAX_EXTENT: i64 = 3660 * DAY;

/// A scan along open time. Instants and durations are in seconds.
struct Search {
    openings: Peekable<Openings>,
    /// The opening that is being scanned.
    current: Opening,
    /// The next grid time to try; in or after `current`.
    start: i64,
    /// Openings already read after `current`, without a hole up to `open_until`.
    ahead: VecDeque<Opening>,
    open_until: i64,
    busy: Busy,
    length: i64,
    interval: i64,
    buffer_before: i64,
    buffer_after: i64,
    earliest: i64,
    /// Starts are before this.
    latest: i64,
    /// First and last day on the coach's wall clock.
    days: (i64, i64),
}

impl Search {
    /// `None` when there can be no slots.
    fn new(
        hours: &Hours,
        terms: &Terms,
        busy: &[Interval],
        range: Interval,
        now: DateTime<Utc>,
    ) -> Option<Search> {
        terms.check().ok()?;
        let [length, interval, buffer_before, buffer_after, notice] = [
            terms.length,
            terms.interval,
            terms.buffer_before,
            terms.buffer_after,
            terms.minimum_notice,
        ]
        .map(clock::seconds);
        let today =
            (clock::floor(now) + clock::offset_at(hours.zone, clock::floor(now))).div_euclid(DAY);
        let days = terms.window.days(today);
        // Offsets are less than a day, so a day to either side of a date in UTC covers it in any
        // zone.
        let earliest = clock::ceil(range.from)
            .max(clock::ceil(now) + notice)
            .max(days.0.saturating_sub(1).saturating_mul(DAY))
            .max(clock::FIRST);
        let last_end = clock::LAST - buffer_after;
        let latest = clock::ceil(range.until)
            .min(days.1.saturating_add(2).saturating_mul(DAY))
            .min(earliest.saturating_add(MAX_EXTENT))
            .min(last_end - length);
        if earliest >= latest {
            return None;
        }
        let horizon = latest + length;
        let calendar = Calendar::new(
            hours,
            earliest.div_euclid(DAY) - 1,
            horizon.div_euclid(DAY) + 1,
        );
        let mut openings =
            Openings::new(calendar, Stretches::new(hours.zone, earliest, horizon)).peekable();
        let current = openings.next()?;
        let mut search = Search {
            openings,
            current,
            start: 0,
            ahead: VecDeque::new(),
            open_until: current.until,
            busy: Busy::new(busy, earliest - buffer_before, horizon + buffer_after),
            length,
            interval,
            buffer_before,
            buffer_after,
            earliest,
            latest,
            days,
        };
        search.enter(current);
        Some(search)
    }

    fn enter(&mut self, opening: Opening) {
        let in_window = (self.days.0..=self.days.1).contains(&opening.day);
        self.start = if in_window {
            opening.first_start(self.earliest, self.interval)
        } else {
            opening.until
        };
        self.current = opening;
    }

    /// The next grid time in open time.
    fn next_start(&mut self) -> Option<i64> {
        while self.start >= self.current.until {
            let opening = match self.ahead.pop_front() {
                Some(opening) => opening,
                None => {
                    let opening = self.openings.next()?;
                    self.open_until = opening.until;
                    opening
                }
            };
            self.enter(opening);
        }
        let start = self.start;
        self.start += self.interval;
        (start < self.latest).then_some(start)
    }

    /// Whether all time from `current` until `end` is open.
    fn is_open_until(&mut self, end: i64) -> bool {
        while self.open_until < end {
            let Some(opening) = self
                .openings
                .next_if(|opening| opening.from <= self.open_until)
            else {
                return false;
            };
            self.open_until = opening.until;
            self.ahead.push_back(opening);
        }
        true
    }
}

impl Iterator for Search {
    type Item = (i64, i64);

    fn next(&mut self) -> Option<(i64, i64)> {
        loop {
            let start = self.next_start()?;
            let end = start + self.length;
            if !self
                .busy
                .meets(start - self.buffer_before, end + self.buffer_after)
                && self.is_open_until(end)
            {
                return Some((start, end));
            }
        }
    }
}
