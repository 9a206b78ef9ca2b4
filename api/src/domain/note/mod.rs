//! What people write on sessions: for themselves, or for both sides.

mod edit;
mod read;
mod seal;

pub use edit::{Create, Update, create, delete, update};
pub use read::{ORDER, first_page, get, list, list_by_sessions, readable_on};
pub use seal::open_body;

use super::Error;

/// `NotFound`, for a note that the caller may not know of.
fn no_note() -> Error {
    Error::NotFound("note")
}
