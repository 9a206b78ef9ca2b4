//! Bookings: one file per use case, around the state machine ([`state`]) and the only writers of
//! booking rows ([`transition`]) and session rows ([`session`]). Bookings of remote schedulers are
//! in [`remote`].
//!
//! Use cases are `create`, `reschedule`, `cancel`, `approve`, `guests`, `payment`,
//! `claim`, `sweep`, and `read` for whoever may see a booking. What they share: `offer` and
//! `intake` check the input, `slot` the time, `rows` reads and locks, `idempotency` finds
//! repeats, `policy` and `actions` compute what is allowed and what it costs.

mod actions;
mod approve;
mod cancel;
mod claim;
mod create;
mod guests;
mod idempotency;
mod intake;
mod offer;
mod payment;
mod policy;
mod read;
mod reference;
pub(crate) mod remote;
mod reschedule;
mod rows;
pub(crate) mod session;
mod slot;
pub mod state;
mod sweep;
pub(crate) mod transition;

pub use actions::{Action, allowed_actions, shows_place};
pub use approve::{approve, reject};
pub use cancel::{Cancel, cancel};
pub use claim::claim;
pub use create::{Create, create};
pub use guests::add_guests;
pub use intake::AnswerInput;
pub(crate) use offer::{BookingRequest, Offer};
pub use payment::{list_paid, record_payment};
pub use policy::{Quote, quote};
pub use read::{BookingFilter, Scope, Side, find_many, get, history, list, side_of, verification};
pub(crate) use read::{find_uid, invalidate_slots, listed};
pub(crate) use reference::reference;
pub(crate) use remote::availability::RemoteAvailability;
pub use remote::conflict::settle_conflicts;
pub use remote::dispatch::run_request;
pub(crate) use remote::push::list_unpushed;
pub use remote::push::push;
pub(crate) use remote::request::list_open_requests;
pub use reschedule::{Reschedule, reschedule};
pub(crate) use slot::{SlotRequest, require_free, reserved_for_move};
pub use sweep::sweep;

use entity::booking::Model;
use entity::booking_event::ActorKind;

use super::{Person, Result};

/// The side on which a person acts on a booking.
///
/// # Errors
/// `NotFound` when the person does not take part in it.
pub(crate) fn side(person: &Person, booking: &Model) -> Result<ActorKind> {
    if booking.client_id == Some(person.user_id) {
        Ok(ActorKind::Client)
    } else if person.is_coach(booking.coach_id) {
        Ok(ActorKind::Coach)
    } else if person.is_admin() {
        Ok(ActorKind::Admin)
    } else {
        Err(transition::no_booking())
    }
}
