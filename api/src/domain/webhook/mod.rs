//! What providers tell us: stored first, exactly as it came, and answered; understood later, in a job.

mod admin;
mod inbox;
mod project;

pub use admin::{list, replay};
pub use inbox::{CalComSecrets, Inbox, Receipt, Refusal, receive_cal_com};
pub use project::{give_up, project};

#[cfg(test)]
pub(crate) mod tests;
