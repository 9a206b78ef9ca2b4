//! Stand-ins for the providers that Courtside speaks to: real HTTP on loopback, everything in
//! memory, faults on demand.
//!
//! They are written from what the real services were seen to send (the recorded exchanges beside
//! the provider clients) and from their published interfaces, never from those clients: a stand-in
//! that shared the client's types would agree with its mistakes. Dropping the handle of a stand-in
//! stops it and cuts its connections.

pub mod cal_com;
pub mod clerk;
mod clock;
mod fault;
mod hold;
mod post;
mod socket;
mod unknown;

pub use clock::Clock;
pub use fault::{Fault, Faults, Kind, Moment, Times};
pub use hold::{Hold, Point};
pub use unknown::UnknownCalls;
