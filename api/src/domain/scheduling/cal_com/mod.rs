//! Coaches whose time Cal.com keeps.

mod access;
mod account;
mod cache;
mod calendar;
mod hours;
mod offer;
mod reading;
mod slots;
mod telling;

use std::collections::BTreeMap;

use entity::Uuid;

pub(crate) use account::Account;
pub use cache::SlotCache;
pub(crate) use calendar::{Calendar, Outcome, Step, Stepped, Wish};
pub(crate) use hours::Week;
pub(crate) use offer::Offer;
pub(crate) use reading::tell_of;
pub(crate) use slots::{Question, Reading, read};
pub(crate) use telling::tell;

/// Under which our requests go along in a booking's metadata.
const REQUEST: &str = "courtsideRequest";

/// The request of ours that a booking came from. Whoever books in Cal.com's own page may write
/// there what they like, but cannot guess the id of a request.
fn request_id(metadata: &BTreeMap<String, String>) -> Option<Uuid> {
    metadata.get(REQUEST)?.parse().ok()
}

pub(crate) use crate::domain::connection::PROVIDER;
