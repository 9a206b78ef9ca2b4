//! Event types: what can be booked with a coach.

mod check;
mod edit;
mod hosts;
mod read;

pub(super) use edit::blank;
pub use edit::{Changes, Create, Location, Update, Window, archive, create, update};
pub use hosts::{hosts, set_hosts};
pub(super) use read::{ORDER, public_of};
pub use read::{
    Shown, find_many, first_page, first_public_by_coaches, get, get_by_path, list_by_coach,
    lowest_prices,
};

use entity::event_type::Model;

use super::text::Problems;
use super::{Error, Result};

/// Refuses an invalid event type.
///
/// # Errors
/// `Invalid` with all violations.
pub(super) fn require_sound(row: &Model) -> Result<()> {
    let mut problems = Problems::default();
    check::check(&mut problems, row);
    problems.finish()
}

/// `NotFound`, also for an event type that the caller may not see.
fn no_event_type() -> Error {
    Error::NotFound("event type")
}
