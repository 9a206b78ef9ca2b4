//! Cal.com: who keeps a coach's calendar and tells us what happens in it.

mod email;
pub mod webhook;

pub use email::{normalised_email, plain_email};
