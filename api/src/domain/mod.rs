//! Every rule. The only layer that opens transactions or calls providers.

mod audit;
pub mod booking;
pub mod coach;
mod error;
pub mod identity;
pub mod money;
pub mod page;
pub mod scheduling;
mod viewer;
pub mod webhook;

pub use error::{Conflict, Error, Result, Violation, check};
pub use viewer::{Act, Caller, Person, Viewer};
