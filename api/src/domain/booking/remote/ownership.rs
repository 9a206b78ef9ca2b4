//! Limits what a scheduler may change about a booking that was made here: time, place, and whether
//! it takes place. Offer, client and price stay ours, and the scheduler cannot reopen a booking
//! that ended here.

use chrono::{DateTime, Utc};
use entity::booking::{Approval, Model, Status};

use super::project::{Projection, Target};
use super::transition_path::{transition_path, with_approval};
use crate::domain::booking::state::Event;

/// The transitions to apply, in order.
pub(crate) fn events(
    booking: &Model,
    proposed: &Model,
    after: &Projection,
    is_paid: bool,
    now: DateTime<Utc>,
) -> Vec<Event> {
    if !booking.status.is_active() {
        let ended_well = matches!(booking.status, Status::Completed | Status::Expired);
        let events = if ended_well && after.target == Target::Canceled {
            vec![Event::CanceledElsewhere]
        } else {
            vec![]
        };
        return events;
    }
    let moved = is_moved(booking, proposed);
    let is_owed = booking.price_minor > 0 && !is_paid;
    let waits = approval(booking, after, moved) == Approval::Pending;
    let transition_path = transition_path(
        booking.status,
        after.target,
        moved,
        proposed.starts_at <= now,
    )
    .into_iter();
    let events = transition_path.filter_map(|event| match event {
        // Payments are tracked here, and sessions are ended by the clock here.
        Event::Paid => None,
        Event::Ended if booking.status != Status::Confirmed => None,
        Event::Confirmed if waits => None,
        Event::Confirmed if is_owed => Some(Event::PaymentDue),
        event => Some(event),
    });
    with_approval(events.collect(), booking, proposed, after)
}

fn is_moved(booking: &Model, proposed: &Model) -> bool {
    (booking.starts_at, booking.ends_at) != (proposed.starts_at, proposed.ends_at)
}

/// Approval is required if either side requires it. An approval granted here is kept until the time
/// changes.
fn approval(booking: &Model, after: &Projection, moved: bool) -> Approval {
    match (booking.approval, after.approval) {
        (ours, Approval::NotNeeded) => ours,
        (Approval::Given, Approval::Pending) if !moved => Approval::Given,
        (_, theirs) => theirs,
    }
}

/// The proposed booking with the fields that belong to us unchanged.
pub(crate) fn keep(booking: &Model, proposed: Model, after: &Projection) -> Model {
    let ended_here = !booking.status.is_active();
    let approval = approval(booking, after, is_moved(booking, &proposed));
    Model {
        starts_at: proposed.starts_at,
        ends_at: proposed.ends_at,
        busy_from: proposed.busy_from,
        busy_until: proposed.busy_until,
        location_kind: proposed.location_kind,
        location_value: proposed.location_value,
        join_url: proposed.join_url,
        lineage_key: proposed.lineage_key,
        guests: proposed.guests,
        moves: proposed.moves,
        approval: if ended_here {
            booking.approval
        } else {
            approval
        },
        cancellation_reason: if ended_here {
            booking.cancellation_reason.clone()
        } else {
            proposed.cancellation_reason
        },
        canceled_at: if ended_here {
            booking.canceled_at
        } else {
            proposed.canceled_at
        },
        ..booking.clone()
    }
}
