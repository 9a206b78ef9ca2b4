//! Polls schedulers' records and applies them here.
//!
//! Messages get lost, and some changes send none. So changes are polled every two minutes, all
//! future bookings once a day, and either on demand. Records are ingested like messages
//! ([`ingest`](crate::domain::booking::remote::ingest)), so an unchanged record is a no-op. A
//! booking that cannot be ingested is retried for a while; then the polls continue past it, and
//! each full poll retries it.

mod demand;
mod ensure;
mod poll;
mod read;

pub use demand::{Wanted, run, sync_mine};
pub use ensure::ensure;
pub use poll::{full, recent};
pub use read::{Change, Report};
