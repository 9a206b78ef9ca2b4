//! A coach's open and busy time, and the terms of an event type.

use chrono::{DateTime, TimeDelta, Utc};
use entity::coach::Scheduler;
use entity::event_type::WindowKind;
use entity::{coach, event_type};
use sea_orm::ConnectionTrait;

use super::native::{Hours, Interval, Slot, Terms, Window, offers, slots, upcoming};
use crate::domain::{Conflict, Error, Result, connection};

/// Where an answer about free time comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, async_graphql::Enum)]
#[graphql(name = "AvailabilitySource")]
pub enum Source {
    /// The built-in scheduler.
    Native,
    /// The coach's calendar at Cal.com.
    CalCom,
    /// Several of these.
    Mixed,
}

impl From<Scheduler> for Source {
    fn from(scheduler: Scheduler) -> Self {
        match scheduler {
            Scheduler::Native => Self::Native,
            Scheduler::CalCom => Self::CalCom,
            // The schema has no names for these yet.
            Scheduler::Google | Scheduler::Calendly => Self::Mixed,
        }
    }
}

/// How far an answer about free time may be relied on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, async_graphql::Enum)]
#[graphql(name = "AvailabilityFreshness")]
pub enum Freshness {
    /// It was true a moment ago.
    Fresh,
    /// The calendar has not answered lately: this is its last answer, given at `verifiedAt`.
    Stale,
    /// As STALE, and for a part of the stretch nothing is known at all: there may be more free time than is shown.
    Partial,
}

/// The open and the busy time of one coach in a range, for one event type.
#[derive(Clone, Debug)]
pub struct Availability {
    pub hours: Hours,
    pub busy: Vec<Interval>,
    /// Absences of the coach: closed, whatever the hours are.
    pub away: Vec<Interval>,
}

impl Availability {
    /// Free slots that start in the range.
    #[must_use]
    pub fn slots(&self, terms: &Terms, range: Interval, now: DateTime<Utc>) -> Vec<Slot> {
        let mut found = slots(&self.hours, terms, &self.busy, range, now);
        found.retain(|slot| !self.is_away(slot.starts_at, slot.ends_at));
        found
    }

    /// The free slots in the range, as an iterator in order of time.
    pub fn upcoming(
        &self,
        terms: &Terms,
        range: Interval,
        now: DateTime<Utc>,
    ) -> impl Iterator<Item = Slot> {
        let found = upcoming(&self.hours, terms, &self.busy, range, now);
        found.filter(|slot| !self.is_away(slot.starts_at, slot.ends_at))
    }

    /// Whether the coach is absent during any part of the interval.
    #[must_use]
    pub fn is_away(&self, from: DateTime<Utc>, until: DateTime<Utc>) -> bool {
        self.away
            .iter()
            .any(|away| away.intersects(&Interval { from, until }))
    }

    /// Whether a session may start at `start`.
    #[must_use]
    pub fn offers(&self, terms: &Terms, start: DateTime<Utc>, now: DateTime<Utc>) -> bool {
        offers(&self.hours, terms, &self.busy, start, now)
            && !self.is_away(start, start + terms.length)
    }

    /// Whether a booking or hold of ours overlaps the interval.
    #[must_use]
    pub fn is_busy(&self, stretch: Interval) -> bool {
        self.busy
            .iter()
            .any(|busy| busy.from < stretch.until && busy.until > stretch.from)
    }

    /// As [`offers`](Self::offers), but ignores busy time: distinguishes "taken" from "not
    /// offered".
    #[must_use]
    pub fn would_offer(&self, terms: &Terms, start: DateTime<Utc>, now: DateTime<Utc>) -> bool {
        offers(&self.hours, terms, &[], start, now) && !self.is_away(start, start + terms.length)
    }
}

/// Refuses a coach whose scheduler cannot be read, so that no availability is invented.
///
/// # Errors
/// `InvalidState` for a scheduler that this server cannot call, or without a live connection.
pub async fn require_readable(db: &impl ConnectionTrait, coach: &coach::Model) -> Result<()> {
    if !coach.scheduler.is_remote() || connection::is_live(db, coach.scheduler, coach.id).await? {
        return Ok(());
    }
    Err(Conflict::InvalidState("this coach's calendar cannot be read yet".to_owned()).into())
}

/// The terms of an event type for slots of the given length.
///
/// # Errors
/// `Internal` when the stored terms are invalid.
pub fn terms(event_type: &event_type::Model, length_minutes: i32) -> Result<Terms> {
    let minutes = |minutes: i32| TimeDelta::minutes(i64::from(minutes));
    let window = match (
        event_type.window_kind,
        event_type.window_days,
        event_type.window_from,
        event_type.window_until,
    ) {
        (WindowKind::Unlimited, ..) => Window::Unlimited,
        (WindowKind::Days, Some(days), ..) => Window::Days(days.unsigned_abs()),
        (WindowKind::Range, _, Some(from), Some(until)) => Window::Range { from, until },
        _ => {
            return Err(Error::internal(
                "an event type",
                "its booking window is incomplete",
            ));
        }
    };
    Ok(Terms {
        length: minutes(length_minutes),
        interval: minutes(event_type.slot_interval_minutes.unwrap_or(length_minutes)),
        buffer_before: minutes(event_type.buffer_before_minutes),
        buffer_after: minutes(event_type.buffer_after_minutes),
        minimum_notice: minutes(event_type.minimum_notice_minutes),
        window,
    })
}
