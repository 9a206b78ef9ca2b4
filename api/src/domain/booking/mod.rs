//! Bookings: one file per use case, around the table of transitions ([`state`]) and the only road
//! to a change ([`change`]).

mod actions;
pub(crate) mod adopt;
mod align;
mod approve;
mod cancel;
pub(crate) mod change;
mod claim;
mod create;
pub(crate) mod derive;
mod guests;
mod idempotency;
mod intake;
pub(crate) mod its_session;
pub(crate) mod learn;
mod offered;
mod outcome;
mod own;
mod payment;
mod policy;
mod presence;
mod read;
pub(crate) mod request;
mod reschedule;
mod road;
pub(crate) mod saga;
mod stand;
pub mod state;
mod sweep;

pub use actions::{Action, allowed_actions, shows_place};
pub use align::align;
pub(crate) use align::list_undone;
pub use approve::{approve, reject};
pub use cancel::{Cancel, cancel};
pub use claim::claim;
pub use create::{Create, create};
pub(crate) use create::{Offer, Wanted, Wanting, reference, require_free};
pub use guests::add_guests;
pub use intake::AnswerInput;
pub(crate) use offered::Offered;
pub use payment::{list_paid, record_payment};
pub use policy::{Quote, quote};
pub use read::{
    BookingFilter, ORDER, Scope, Side, find_many, get, history, list, listed, side_of, verification,
};
pub(crate) use read::{doubt_free_time, find_uid};
pub(crate) use request::list_open_requests;
pub use reschedule::{Reschedule, reschedule};
pub use saga::see_to;
pub use stand::settle_conflicts;
pub use sweep::sweep;

use entity::booking::Model;
use entity::booking_event::ActorKind;

use super::{Person, Result};

/// As which side a person acts on a booking.
///
/// # Errors
/// `NotFound` when the person has no part in it.
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
