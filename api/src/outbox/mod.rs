//! Transactional outbox: events and jobs, written in the transaction of the change itself.

mod cause;
pub mod event;
pub mod job;
pub mod listen;
pub mod sequence;

pub use cause::Cause;
pub use event::{BookingEvent, record};
pub use job::{Job, Queue, Scheduled};
