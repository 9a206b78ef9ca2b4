//! Webhooks of providers: stored first, byte for byte, and answered; processed later, in a job.

mod admin;
mod inbox;
mod parsers;
mod process;
pub(in crate::domain) mod secrets;

pub use admin::{list, replay};
pub use inbox::{Inbox, OpenError, Opened, Receipt, Refusal, receive};
pub use parsers::{Delivered, Parse, Parsers};
pub use process::{give_up, process};
pub use secrets::{Endpoint, WebhookSecrets};
