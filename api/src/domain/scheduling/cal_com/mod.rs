//! Coaches whose time Cal.com keeps.

mod access;
mod account;
pub mod apps;
mod cache;
mod calendar;
mod hours;
pub mod migrate;
mod observe_booking;
mod observe_event;
mod offer;
mod slots;
pub mod sync;

use std::collections::BTreeMap;

use entity::Uuid;

pub(crate) use self::observe_booking::observe_booking;
pub(crate) use self::observe_event::observe_event;
pub(crate) use account::Account;
pub use cache::SlotCache;
pub(crate) use calendar::{Calendar, Command, CommandResult, Outcome, RemoteRequest};
pub(crate) use hours::Week;
pub(crate) use offer::Offer;
pub(crate) use slots::{Question, Reading, read};

/// Under which our requests go along in a booking's metadata.
const REQUEST: &str = "courtsideRequest";

/// The request of ours that a booking came from. Whoever books in Cal.com's own page may write
/// there what they like, but cannot guess the id of a request.
fn request_id(metadata: &BTreeMap<String, String>) -> Option<Uuid> {
    metadata.get(REQUEST)?.parse().ok()
}

pub(crate) use crate::domain::connection::PROVIDER;
