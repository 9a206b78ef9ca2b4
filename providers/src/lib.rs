//! How to speak to the services a marketplace lives on, and how to believe what they say.
//!
//! This crate knows other people's formats and nothing of the marketplace: no database, no bookings
//! of ours, no policy. What comes in is checked and normalised here, so that the caller never sees
//! foreign JSON:
//!
//! - [`clerk`] proves who sends a request: [`clerk::Verifier`] turns a session token into
//!   [`clerk::Claims`].
//! - [`cal_com::Client`] asks Cal.com, for whoever a [`cal_com::Credential`] stands for, and tells
//!   its refusals apart.
//! - [`cal_com::webhook`] proves that a delivery comes from Cal.com ([`cal_com::webhook::open`])
//!   and reads it ([`cal_com::webhook::parse`]).
//!
//! Three rules hold everywhere:
//!
//! - Nothing is parsed before its signature is verified, and no key, address or algorithm is taken
//!   from the message that is being verified.
//! - No decision reads the machine's clock: "now" is an argument, so a test can stop it.
//! - No secret, token, body or personal datum appears in an error, in `Debug` output or in a log
//!   line.
//!
//! Everything that leaves the process goes through one module, [`http`], which sets the timeouts,
//! refuses redirects, caps bodies, stays within quotas and stops asking who does not answer.

pub mod cal_com;
pub mod clerk;
mod error;
pub mod http;

pub use error::{Error, Kind, Provider};
