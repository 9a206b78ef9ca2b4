//! Facts and work: what happened, and what has to be done about it, written in the transaction of
//! the change itself.

mod act;
pub mod event;
pub mod job;
pub mod listen;

pub use act::Act;
pub use event::{BookingEvent, enter, record};
pub use job::Job;
