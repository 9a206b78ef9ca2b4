//! Who owns a coach's time. The one place that chooses by scheduler; nothing above it knows which
//! one it is.

mod availability;
pub mod cal_com;
mod load;
pub mod native;
pub(crate) mod observation;

pub use availability::{Availability, Freshness, Source, require_readable, terms};
pub use cal_com::SlotCache;
pub(crate) use cal_com::observe_booking;
pub(crate) use cal_com::{Calendar, Command, CommandResult, Outcome, RemoteRequest};
pub(crate) use cal_com::{Question, Reading, read};
pub use load::{Except, load, load_many};
