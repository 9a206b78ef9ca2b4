//! Who owns a coach's time. The one place that chooses by scheduler; nothing above it knows which
//! one it is.

pub(crate) mod cal_com;
mod load;
pub mod native;
mod source;
pub(crate) mod statement;

pub use cal_com::SlotCache;
pub(crate) use cal_com::tell_of;
pub(crate) use cal_com::{Calendar, Outcome, Step, Stepped, Wish};
pub(crate) use cal_com::{Question, Reading, read};
pub use load::{Except, load, load_many};
pub use source::{Availability, Freshness, Source, require_readable, terms};
