use std::fmt;

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};

use super::{Interval, clock};

/// An event type's requirements on a slot. Every duration is a whole number of minutes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terms {
    /// Length of the session in elapsed time; one minute to 31 days.
    pub length: TimeDelta,
    /// Distance between possible starts on the wall clock; one minute to 24 hours.
    pub interval: TimeDelta,
    /// Time that must be free before the start; up to 31 days.
    pub buffer_before: TimeDelta,
    /// Time that must be free after the end; up to 31 days.
    pub buffer_after: TimeDelta,
    /// Minimum time from now to the start. Nothing starts in the past, whatever the notice.
    pub minimum_notice: TimeDelta,
    pub window: Window,
}

/// Dates, in the coach's zone, on which a session may start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Window {
    /// Today and this many calendar days after it; 0 is today alone.
    Days(u32),
    /// From one date to another, both included.
    Range {
        from: NaiveDate,
        until: NaiveDate,
    },
    Unlimited,
}

/// A field of [`Terms`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Term {
    Length,
    Interval,
    BufferBefore,
    BufferAfter,
    MinimumNotice,
    Window,
}

/// Why terms are invalid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TermsError {
    /// The duration has seconds, or parts of one.
    NotWholeMinutes(Term),
    /// The duration is shorter than `least` or longer than `most`.
    OutOfRange {
        term: Term,
        least: TimeDelta,
        most: TimeDelta,
    },
    /// The window's last date is before its first.
    WindowBackwards { from: NaiveDate, until: NaiveDate },
}

const MINUTE: TimeDelta = TimeDelta::minutes(1);
const DAY: TimeDelta = TimeDelta::days(1);
/// Bounds how far ahead of a start the search has to look.
const MAX_DURATION: TimeDelta = TimeDelta::days(31);
const MAX_NOTICE: TimeDelta = TimeDelta::days(3660);

impl Terms {
    /// Validates the terms, in the order of the fields.
    ///
    /// # Errors
    /// At most one per field. Invalid terms have no slots.
    pub fn check(&self) -> Result<(), Vec<TermsError>> {
        let durations = [
            (Term::Length, self.length, MINUTE, MAX_DURATION),
            (Term::Interval, self.interval, MINUTE, DAY),
            (
                Term::BufferBefore,
                self.buffer_before,
                TimeDelta::zero(),
                MAX_DURATION,
            ),
            (
                Term::BufferAfter,
                self.buffer_after,
                TimeDelta::zero(),
                MAX_DURATION,
            ),
            (
                Term::MinimumNotice,
                self.minimum_notice,
                TimeDelta::zero(),
                MAX_NOTICE,
            ),
        ];
        let mut errors: Vec<TermsError> = durations
            .into_iter()
            .filter_map(|(term, value, least, most)| {
                if !(least..=most).contains(&value) {
                    Some(TermsError::OutOfRange { term, least, most })
                } else if value.num_seconds() % 60 != 0 || value.subsec_nanos() != 0 {
                    Some(TermsError::NotWholeMinutes(term))
                } else {
                    None
                }
            })
            .collect();
        if let Window::Range { from, until } = self.window
            && until < from
        {
            errors.push(TermsError::WindowBackwards { from, until });
        }
        if errors.is_empty() {
            Ok(())
        } else {
            Err(errors)
        }
    }

    /// The coach's time that a session with this start takes: `[start - buffer before, end + buffer
    /// after)`. `None` where the calendar ends.
    pub fn claim(&self, starts_at: DateTime<Utc>) -> Option<Interval> {
        let from = starts_at.checked_sub_signed(self.buffer_before)?;
        let ends_at = starts_at.checked_add_signed(self.length)?;
        Some(Interval {
            from,
            until: ends_at.checked_add_signed(self.buffer_after)?,
        })
    }
}

impl Window {
    /// The first and last day, counted from 1970-01-01, when it is `today` in the coach's zone.
    pub(super) fn days(self, today: i64) -> (i64, i64) {
        match self {
            Window::Days(ahead) => (today, today + i64::from(ahead)),
            Window::Range { from, until } => (clock::day_number(from), clock::day_number(until)),
            Window::Unlimited => (i64::MIN, i64::MAX),
        }
    }
}

impl Term {
    fn name(self) -> &'static str {
        match self {
            Term::Length => "length",
            Term::Interval => "interval",
            Term::BufferBefore => "buffer before",
            Term::BufferAfter => "buffer after",
            Term::MinimumNotice => "minimum notice",
            Term::Window => "window",
        }
    }
}

impl TermsError {
    /// The invalid field.
    pub fn term(&self) -> Term {
        match *self {
            TermsError::NotWholeMinutes(term) | TermsError::OutOfRange { term, .. } => term,
            TermsError::WindowBackwards { .. } => Term::Window,
        }
    }
}

impl fmt::Display for TermsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.term().name();
        match self {
            TermsError::NotWholeMinutes(_) => write!(f, "{name} must be a whole number of minutes"),
            TermsError::OutOfRange { least, most, .. } => {
                write!(
                    f,
                    "{name} must be from {} to {} minutes",
                    least.num_minutes(),
                    most.num_minutes()
                )
            }
            TermsError::WindowBackwards { from, until } => {
                write!(f, "{name} ends on {until}, before it starts on {from}")
            }
        }
    }
}

impl std::error::Error for TermsError {}
