//! What providers tell us: stored first, exactly as it came, and answered; understood later, in a job.

mod admin;
mod inbox;
mod project;
mod registry;
mod secrets;

pub use admin::{list, replay};
pub use inbox::{Inbox, Receipt, Refusal, receive_cal_com};
pub use project::{give_up, project};
pub(crate) use registry::{forget, withdraw};
pub use registry::{
    delete, ensure, ensure_now, list as list_registrations, rotate_secret, see_to_registration, set_triggers,
};
pub use secrets::CalComSecrets;

#[cfg(test)]
pub(crate) mod tests;
