//! Who manages a coach's time. The only place that selects by scheduler; callers are generic.
//!
//! The built-in scheduler is [`native`]. Every other one implements the port
//! [`remote::RemoteScheduler`] in its own folder.

mod availability;
mod away;
pub mod cal_com;
mod days;
mod free_time;
mod load;
mod messages;
pub mod native;
pub mod observation;
pub mod remote;
pub mod settings;
mod slot_cache;
pub mod webhooks;

pub use availability::{Availability, Freshness, Source, require_readable, terms};
pub(in crate::domain) use away::away;
pub use days::today;
pub(in crate::domain) use days::{stretch, zone};
pub(crate) use free_time::{Question, Reading, read};
pub use load::{Except, load, load_many};
pub use remote::Schedulers;
pub(crate) use remote::keeps_settings;
pub(crate) use settings::{absences_changed, event_type_changed, schedule_changed};
pub use slot_cache::SlotCache;
