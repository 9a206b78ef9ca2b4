//! Bookings: one file per use case, around the table of transitions ([`state`]) and the only road to a change ([`change`]).

mod actions;
mod approve;
mod cancel;
pub(crate) mod change;
mod create;
mod idempotency;
mod intake;
mod policy;
mod read;
mod reschedule;
pub mod state;
mod sweep;

pub use actions::{Action, allowed_actions};
pub use approve::{approve, reject};
pub use cancel::{Cancel, cancel};
pub use create::{Create, create};
pub(crate) use create::{Offer, Wanted, reference, require_free};
pub use intake::AnswerInput;
pub use policy::{Quote, quote};
pub use read::{BookingFilter, Scope, Side, find_many, get, history, list, side_of, verification};
pub use reschedule::{Reschedule, reschedule};
pub use sweep::sweep;

use entity::booking::Model;
use entity::booking_event::ActorKind;

use super::{Person, Result};

/// As which side a person acts on a booking.
///
/// # Errors
/// `NotFound` when the person has no part in it.
pub async fn settle_conflicts(_: &crate::app::App, _: entity::Uuid) -> Result<()> {
    Ok(())
}
pub async fn claim(_: &crate::app::App, _: entity::Uuid) -> Result<()> {
    Ok(())
}
pub(crate) fn side(person: &Person, booking: &Model) -> Result<ActorKind> {
    if booking.client_id == Some(person.user_id) {
        Ok(ActorKind::Client)
    } else if person.is_coach(booking.coach_id) {
        Ok(ActorKind::Coach)
    } else if person.is_admin() {
        Ok(ActorKind::Admin)
    } else {
        Err(change::no_booking())
    }
}
