//! What providers tell us: stored first, exactly as it came, and answered; understood later, in a
//! job.

mod admin;
mod inbox;
mod project;
mod registrations;
mod registry;
mod secrets;

pub use admin::{list, replay};
pub use inbox::{Inbox, Receipt, Refusal, receive_cal_com};
pub use project::{give_up, project};
pub use registrations::{
    delete, ensure_now, list as list_registrations, rotate_secret, set_triggers,
};
pub use registry::{ensure, see_to_registration};
pub(crate) use registry::{forget, withdraw};
pub use secrets::CalComSecrets;

#[cfg(test)]
mod tests;
