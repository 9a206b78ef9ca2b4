//! Reading a scheduler's own records, and making true here what they say.
//!
//! Messages get lost, and of some changes none is sent. So what has changed is read every two
//! minutes, and everything that is still to come once a day; and whenever somebody asks. What is
//! read goes the same way as what is told ([`learn`](crate::domain::booking::remote::ingest)): reading again
//! what is known changes nothing. A booking that cannot be taken in is tried again for a while;
//! then the readings go on without it, and it is tried each night.

mod demand;
mod ensure;
mod poll;
mod read;

pub use demand::{Wanted, run, sync_mine};
pub use ensure::ensure;
pub use poll::{full, recent};
pub use read::{Change, Report};
