//! Notes on sessions: private to their author, or shared with the other side.

mod edit;
mod read;
mod seal;

pub use edit::{Create, Update, create, delete, update};
pub(super) use read::{ORDER, readable_on};
pub use read::{first_page, get, list, list_by_sessions};
pub use seal::{open_body, seal};

use super::Error;

/// `NotFound`, also for a note that the caller may not see.
fn no_note() -> Error {
    Error::NotFound("note")
}
