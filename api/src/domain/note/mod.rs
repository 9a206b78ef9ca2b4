//! Notes on sessions: private to their author, or shared with the other side.

mod edit;
mod read;
mod seal;

pub use edit::{Create, Update, create, delete, update};
pub use read::{ORDER, first_page, get, list, list_by_sessions, readable_on};
pub use seal::open_body;

use super::Error;

/// `NotFound`, also for a note that the caller may not see.
fn no_note() -> Error {
    Error::NotFound("note")
}
