//! Clients for the services a marketplace depends on.
//!
//! This crate knows the formats of other services and nothing of the marketplace: no database, no
//! bookings of ours, no policy. Input is validated and normalised here, so the caller never sees
//! foreign JSON:
//!
//! - [`clerk`] authenticates requests: [`clerk::Verifier`] verifies a session token and returns its
//!   [`clerk::Claims`]; [`clerk::Directory`] reads what the token does not say of a person.
//! - [`cal_com::Client`] calls Cal.com's API with a [`cal_com::Credential`] and classifies its
//!   refusals.
//! - [`cal_com::webhook`] verifies the signature of a delivery ([`cal_com::webhook::open`]) and
//!   reads it ([`cal_com::webhook::parse`]).
//!
//! Three rules hold everywhere:
//!
//! - Nothing is parsed before its signature is verified, and no key, address or algorithm is taken
//!   from the message that is being verified.
//! - No decision reads the machine's clock: "now" is an argument, so a test can stop it.
//! - No secret, token, body or personal datum appears in an error, in `Debug` output or in a log
//!   line.
//!
//! All outgoing requests go through one module, [`http`], which sets timeouts, refuses redirects,
//! limits the size of bodies, obeys rate limits, and has a bulkhead and a circuit breaker per
//! provider.
//!
//! To add a provider: a variant of [`Provider`], a module here, and its folder. If it has its own
//! reasons for refusals, it defines them and uses `Error<Refusal>`.

#[macro_use]
mod debug;

pub mod cal_com;
pub mod clerk;
mod email;
mod error;
pub mod http;
mod lenient;
mod provider;

pub use email::normalised_email;
pub use error::{Error, Kind};
pub use provider::Provider;
