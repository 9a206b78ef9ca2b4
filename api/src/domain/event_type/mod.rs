//! What can be booked with a coach.

mod check;
mod edit;
mod hosts;
mod read;

pub use edit::{Changes, Create, Location, Update, Window, archive, create, update};
pub use hosts::{hosts, set_hosts};
pub use read::{
    ORDER, Shown, find_many, first_page, first_public_by_coaches, get, get_by_path, list_by_coach, lowest_prices,
    public_of,
};

use super::Error;

/// `NotFound`, for an event type that the caller may not know of.
fn no_event_type() -> Error {
    Error::NotFound("event type")
}
