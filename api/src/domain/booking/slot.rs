//! Checks that a slot is offered and free.

use chrono::{DateTime, Utc};
use entity::coach::{self, Scheduler};
use entity::event_type;

use super::remote::availability::RemoteAvailability;
use crate::db::Txn;
use crate::domain::scheduling::native::{Interval, Terms};
use crate::domain::scheduling::{self, Except};
use crate::domain::{Conflict, Error, Result};

/// The slot to check: coach, event type, terms and scheduler.
#[derive(Clone, Copy)]
pub(crate) struct SlotRequest<'w> {
    pub(crate) coach: &'w coach::Model,
    pub(crate) event_type: &'w event_type::Model,
    pub(crate) terms: &'w Terms,
    /// The scheduler that grants it; for a move, the scheduler of the booking.
    pub(crate) scheduler: Scheduler,
}

/// Refuses a start that the coach does not offer (`SlotNotOffered`) or that is no longer free
/// (`SlotTaken`).
pub(crate) async fn require_free(
    txn: &Txn,
    wanted: SlotRequest<'_>,
    offered: &RemoteAvailability,
    starts_at: DateTime<Utc>,
    except: Except,
    now: DateTime<Utc>,
) -> Result<()> {
    let SlotRequest {
        coach,
        event_type,
        terms,
        scheduler,
    } = wanted;
    let claim = terms
        .claim(starts_at)
        .ok_or_else(|| Error::invalid("startsAt", "out of range"))?;
    let range = Interval {
        from: claim.from,
        until: claim.until,
    };
    let mut availability = scheduling::load(&**txn, coach, event_type, range, except, now).await?;
    let (is_free, is_offered) = match (offered, scheduler.is_remote()) {
        (RemoteAvailability::ByHours, false) => (
            availability.offers(terms, starts_at, now),
            availability.would_offer(terms, starts_at, now),
        ),
        (RemoteAvailability::Starts(starts), true) => {
            let is_offered = starts.contains(&starts_at)
                && !availability.is_away(starts_at, starts_at + terms.length);
            (is_offered && !availability.is_busy(range), is_offered)
        }
        (RemoteAvailability::Busy(busy), true) => {
            availability.busy.extend(busy.iter().copied());
            (
                availability.offers(terms, starts_at, now),
                availability.would_offer(terms, starts_at, now),
            )
        }
        // The coach has changed schedulers since the start was looked up.
        _ => return Err(Error::lost_race()),
    };
    match (is_free, is_offered) {
        (true, _) => Ok(()),
        (false, true) => Err(Conflict::SlotTaken.into()),
        (false, false) => Err(Conflict::SlotNotOffered.into()),
    }
}

/// The error for a hold that belongs to a move: its owner cannot use it.
pub(crate) fn reserved_for_move() -> Error {
    Conflict::InvalidState("this time is kept for a booking that is being moved there".to_owned())
        .into()
}
