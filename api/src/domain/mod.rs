//! The business rules. The only layer that opens transactions or calls providers.

pub mod absence;
pub mod answers;
mod audit;
pub mod booking;
pub mod coach;
mod command;
pub mod connection;
pub mod event_type;
pub mod hold;
pub mod identity;
pub mod job;
mod listed;
mod lock;
pub mod money;
pub mod note;
pub mod page;
mod provider_fault;
pub mod reconcile;
mod recurring_jobs;
pub mod rotate;
pub mod schedule;
pub mod scheduling;
pub mod sealed;
pub mod session;
pub mod slots;
mod text;
mod viewer;
pub mod webhook;
pub(crate) mod whole_list;

/// Rows for lists that are serialized at once.
pub(crate) use crate::db::Row;
pub use crate::error::{Conflict, Error, Result, Violation, check};
pub use crate::outbox::Cause;
pub(crate) use command::{Author, Command};
pub(crate) use listed::Listed;
pub use viewer::{AddressClaim, Caller, Person, Viewer};
