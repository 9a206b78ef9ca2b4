//! Reference implementation for tests: checks every minute of a range against the rules. Slow, and
//! shares no code with the real computation.

use chrono::{DateTime, Datelike, NaiveDate, TimeDelta, Timelike, Utc};
use zones::Zone;

use super::{Hours, Interval, Slot, Terms, Window};

/// The coach's wall clock at the start of a minute.
pub(super) struct Reading {
    pub(super) instant: DateTime<Utc>,
    pub(super) date: NaiveDate,
    pub(super) minute: u16,
}

/// Readings of every minute of the interval.
pub(super) fn tape(zone: Zone, from: DateTime<Utc>, until: DateTime<Utc>) -> Vec<Reading> {
    let mut tape = Vec::new();
    let mut instant = from;
    while instant < until {
        let shown = instant.with_timezone(&zone).naive_local();
        assert_eq!(
            shown.second(),
            0,
            "{zone} is a fraction of a minute off at {instant}: not for this computation"
        );
        tape.push(Reading {
            instant,
            date: shown.date(),
            minute: (shown.hour() * 60 + shown.minute()) as u16,
        });
        instant += TimeDelta::minutes(1);
    }
    tape
}

/// When the range that contains this wall-clock minute opens; `None` when closed.
fn opened_at(hours: &Hours, reading: &Reading) -> Option<u16> {
    let open = |&(from, until): &(u16, u16)| from <= reading.minute && reading.minute < until;
    let found = match hours
        .overrides
        .iter()
        .find(|entry| entry.date == reading.date)
    {
        Some(entry) => entry
            .hours
            .iter()
            .map(|(from, until)| (from.get(), until.get()))
            .find(open),
        None => hours
            .weekly
            .iter()
            .filter(|rule| rule.weekday == reading.date.weekday())
            .map(|rule| (rule.from.get(), rule.until.get()))
            .find(open),
    };
    found.map(|(from, _)| from)
}

fn in_window(window: Window, zone: Zone, date: NaiveDate, now: DateTime<Utc>) -> bool {
    match window {
        Window::Unlimited => true,
        Window::Range { from, until } => from <= date && date <= until,
        Window::Days(ahead) => {
            let today = now.with_timezone(&zone).date_naive();
            let days = date.signed_duration_since(today).num_days();
            0 <= days && days <= i64::from(ahead)
        }
    }
}

/// The tape must cover the range plus the length beyond its end. Hours and terms must be valid.
pub(super) fn slots(
    tape: &[Reading],
    hours: &Hours,
    terms: &Terms,
    busy: &[Interval],
    range: Interval,
    now: DateTime<Utc>,
) -> Vec<Slot> {
    let open: Vec<Option<u16>> = tape
        .iter()
        .map(|reading| opened_at(hours, reading))
        .collect();
    let length = terms.length.num_minutes() as usize;
    let mut found = Vec::new();
    for (index, reading) in tape.iter().enumerate() {
        let starts_at = reading.instant;
        let Some(opened_at) = open[index] else {
            continue;
        };
        if starts_at < range.from
            || starts_at >= range.until
            || starts_at - now < terms.minimum_notice
        {
            continue;
        }
        if i64::from(reading.minute - opened_at) % terms.interval.num_minutes() != 0 {
            continue;
        }
        if !in_window(terms.window, hours.zone, reading.date, now) {
            continue;
        }
        if !open[index..index + length].iter().all(Option::is_some) {
            continue;
        }
        let ends_at = starts_at + terms.length;
        let (claimed_from, claimed_until) = (
            starts_at - terms.buffer_before,
            ends_at + terms.buffer_after,
        );
        if busy
            .iter()
            .any(|b| b.from < b.until && b.from < claimed_until && claimed_from < b.until)
        {
            continue;
        }
        found.push(Slot { starts_at, ends_at });
    }
    found
}
