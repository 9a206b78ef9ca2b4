//! What providers tell us: stored first, exactly as it came, and answered; understood later, in a job.

mod admin;
mod chain;
mod inbox;
mod parties;
mod project;
mod telling;

pub use admin::{list, replay};
pub use inbox::{CalComSecrets, Inbox, Receipt, Refusal, receive_cal_com};
pub use project::{give_up, project};

/// Cal.com's name in tables, metrics and logs.
pub(crate) const PROVIDER: &str = "calcom";

#[cfg(test)]
pub(crate) mod tests;
