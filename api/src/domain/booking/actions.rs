//! Actions that a caller may perform on a booking now.

use chrono::{DateTime, Utc};
use entity::booking::{Approval, Model, Status};
use entity::booking_event::ActorKind;

use super::state::{self, Event};
use crate::domain::Caller;

/// What may be done with a booking.
#[derive(Clone, Copy, Debug, PartialEq, Eq, async_graphql::Enum)]
#[graphql(name = "BookingAction")]
pub enum Action {
    /// Cancel it.
    Cancel,
    /// Move it.
    Reschedule,
    /// Agree to it.
    Approve,
    /// Say no to it.
    Reject,
    /// Pay for it.
    Pay,
    /// Say who came.
    MarkAttendance,
    /// Invite others.
    AddGuests,
}

/// Whether the caller may see the place of the session: its coach and staff while the booking is
/// active, its client once it is confirmed.
#[must_use]
pub fn shows_place(caller: &Caller, booking: &Model) -> bool {
    match super::side_of(caller, booking) {
        None => false,
        Some(ActorKind::Client) => booking.status == Status::Confirmed,
        Some(_) => booking.status.is_active(),
    }
}

/// Actions that the caller may perform on the booking at `now`. The mutations apply the same rules,
/// and are authoritative. `is_reachable` says whether its scheduler can be called: the built-in one
/// always, a remote one while the coach is connected.
#[must_use]
pub fn allowed_actions(
    caller: &Caller,
    booking: &Model,
    is_reachable: bool,
    now: DateTime<Utc>,
) -> Vec<Action> {
    let Some(side) = super::side_of(caller, booking) else {
        return Vec::new();
    };
    let client = side == ActorKind::Client;
    let begun = booking.starts_at <= now;
    let waits = booking.status == Status::Scheduled && booking.approval == Approval::Pending;
    let moves_left = booking
        .policy
        .max_moves
        .is_none_or(|most| !client || booking.moves < most);
    let can = |event| state::next(booking.status, event).is_some();
    [
        (
            Action::Cancel,
            is_reachable && can(Event::Canceled) && !(client && begun),
        ),
        (
            Action::Reschedule,
            is_reachable && can(Event::Moved) && !begun && moves_left,
        ),
        (Action::Approve, is_reachable && waits && !client && !begun),
        (Action::Reject, is_reachable && waits && !client && !begun),
        (
            Action::Pay,
            client && can(Event::Paid) && booking.status.is_active(),
        ),
        (
            Action::AddGuests,
            is_reachable
                && booking.status.is_active()
                && !begun
                && booking.seat_group == booking.id,
        ),
        (
            Action::MarkAttendance,
            !client && begun && matches!(booking.status, Status::Confirmed | Status::Completed),
        ),
    ]
    .into_iter()
    .filter_map(|(action, may)| may.then_some(action))
    .collect()
}
