//! Applies the projected state of a remote booking to our tables.
//!
//! Applies only the difference between the previous and the current projection. A repeated fact
//! changes nothing, so later changes made here survive it.

use chrono::{DateTime, Utc};
use entity::booking::Model;
use entity::booking_event::ActorKind;

use super::change::Change;
use super::conflict::Priority;
use super::parties::Parties;
use super::project::{Projection, Target};
use super::proposal::{has_news, propose, row};
use super::transition_path::{transition_path, with_approval};
use super::{attendance, ownership};
use crate::db::Txn;
use crate::domain::booking::state::Event;
use crate::domain::{Cause, Result};

/// Where a booking was made, which decides which fields the scheduler may change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// Made at the scheduler, which may change every field.
    Scheduler,
    /// Made here: the scheduler may change time, place and whether the booking takes place, nothing
    /// else.
    Here {
        is_paid: bool,
        /// Payment deadline, if the price becomes due now.
        payment_deadline: DateTime<Utc>,
    },
}

/// Creates the booking or moves it to the state that its scheduler reports. `before` is the
/// projection that was applied last.
///
/// A time that cannot be reserved is no error: the booking is stored and marked as a conflict.
pub(crate) async fn apply_remote(
    txn: &Txn,
    cause: &Cause,
    known: Option<Model>,
    before: Option<&Projection>,
    after: &Projection,
    parties: &Parties,
    origin: Origin,
) -> Result<Model> {
    let cause = &attributed(cause, before, after, parties);
    let is_new = known.is_none();
    let booking = known.map_or_else(|| row(cause, after, parties), Ok)?;
    let before = if is_new { None } else { before };
    let mut proposed = propose(&booking, before, after, parties, cause.now)?;
    let events = match origin {
        _ if !is_new && !has_news(before, after, Projection::decision) => Vec::new(),
        Origin::Scheduler => events(&booking, &proposed, after, cause.now),
        Origin::Here { is_paid, .. } => {
            ownership::events(&booking, &proposed, after, is_paid, cause.now)
        }
    };
    if let Origin::Here {
        payment_deadline, ..
    } = origin
    {
        proposed = ownership::keep(&booking, proposed, after);
        if events.contains(&Event::PaymentDue) {
            proposed.payment_deadline = Some(payment_deadline.min(proposed.starts_at));
        }
    }
    let change = Change {
        booking,
        proposed,
        events,
        is_new,
        reason: after.reason.clone(),
    };
    let booking = change
        .carry_out(txn, cause, Priority::of_number(after.number))
        .await?;
    attendance::follow(txn, cause, booking, before, after).await
}

impl Projection {
    /// The fields of the projection that determine the status.
    fn decision(&self) -> (&str, Target, DateTime<Utc>, DateTime<Utc>) {
        (&self.uid, self.target, self.starts_at, self.ends_at)
    }
}

/// The cause of the change, attributed to coach or client if the scheduler names one of them.
fn attributed(
    cause: &Cause,
    before: Option<&Projection>,
    after: &Projection,
    parties: &Parties,
) -> Cause {
    if cause.by != ActorKind::Provider {
        // A request made here: its own cause is more precise than the scheduler's.
        return cause.clone();
    }
    let by = after
        .by
        .as_deref()
        .filter(|_| has_news(before, after, Projection::decision));
    let is = |email: Option<&str>| email.is_some() && by == email;
    let (by, actor_id) = if is(after
        .attendee
        .as_ref()
        .map(|attendee| attendee.email.as_str()))
    {
        (ActorKind::Client, parties.client_id)
    } else if is(after
        .organizer
        .as_ref()
        .and_then(|organizer| organizer.email.as_deref()))
    {
        (ActorKind::Coach, parties.coach.user_id)
    } else {
        (ActorKind::Provider, None)
    };
    Cause {
        by,
        actor_id,
        ..cause.clone()
    }
}

fn events(booking: &Model, proposed: &Model, after: &Projection, now: DateTime<Utc>) -> Vec<Event> {
    let moved = (booking.starts_at, booking.ends_at) != (proposed.starts_at, proposed.ends_at);
    let events = transition_path(
        booking.status,
        after.target,
        moved,
        proposed.starts_at <= now,
    );
    with_approval(events, booking, proposed, after)
}
