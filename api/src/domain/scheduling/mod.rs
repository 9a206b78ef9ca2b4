//! Who owns a coach's time. The one place that chooses by scheduler; nothing above it knows which
//! one it is.
//!
//! The built-in scheduler is [`native`]. Every other one implements [`remote::RemoteScheduler`], the
//! port, in a folder of its own.

mod availability;
pub mod cal_com;
mod free_time;
mod load;
pub mod native;
pub mod observation;
pub mod remote;
pub mod settings;
mod slot_cache;
pub mod webhooks;

pub use availability::{Availability, Freshness, Source, require_readable, terms};
pub(crate) use free_time::{Question, Reading, read};
pub use load::{Except, load, load_many};
pub use remote::Schedulers;
pub(crate) use remote::keeps_settings;
pub(crate) use settings::{absences_changed, event_type_changed, schedule_changed};
pub use slot_cache::SlotCache;
