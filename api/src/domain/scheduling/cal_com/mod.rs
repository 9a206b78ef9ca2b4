//! The Cal.com adapter.

mod access;
mod account;
mod accounts;
mod api_key;
pub mod apps;
mod calendar;
pub mod deliveries;
mod hours;
pub mod migrate;
mod observe_booking;
mod observe_event;
mod offer;
mod probe;
mod provision;
mod scheduler;
pub mod sync;
pub mod webhook_registrations;
mod webhooks;

use std::collections::BTreeMap;

use entity::Uuid;

use crate::app::App;
use crate::domain::{Conflict, Result};

pub use access::token_refusal;
pub(crate) use account::Account;
pub use api_key::connect_with_api_key;
pub(crate) use hours::Week;
pub(crate) use offer::Offer;
pub use probe::{Answer, Probe, probe};
pub use provision::provision;
pub use scheduler::CalCom;
pub use webhooks::PATHS as WEBHOOK_PATHS;

/// The metadata key of a booking under which we send the id of our request.
const REQUEST: &str = "courtsideRequest";

/// The id of our request that created the booking. Anybody who books on Cal.com's own page may set
/// this metadata, but cannot guess the id of a request.
fn request_id(metadata: &BTreeMap<String, String>) -> Option<Uuid> {
    metadata.get(REQUEST)?.parse().ok()
}

/// Cal.com's name in the tables.
pub const PROVIDER: &str = "calcom";

/// The client of Cal.com's API.
///
/// # Errors
/// `InvalidState` if this server cannot call it.
pub(crate) fn client(app: &App) -> Result<&providers::cal_com::Client> {
    app.cal_com.as_ref().ok_or_else(|| {
        Conflict::InvalidState("Cal.com is not set up on this server".to_owned()).into()
    })
}

#[cfg(test)]
mod tests;
