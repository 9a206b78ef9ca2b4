//! `/v2/bookings`, version 2024-08-13.

pub(super) mod cancel;
pub(super) mod change;
pub(super) mod create;
pub(super) mod decide;
pub(super) mod extras;
mod list;
mod order;
pub(super) mod presence;
mod shape;

use std::sync::Arc;

pub(super) use list::page_of;
pub(super) use shape::shown;

use super::call::{Call, Version};
use super::old_shapes::booking_complaint;
use super::reply::{Answer, Failure, ok};
use super::server::Shared;
use super::state::{Booking, State};

pub(super) async fn route(shared: &Arc<Shared>, call: &Call, parts: &[&str]) -> Option<Answer> {
    match (call.version, call.method.as_str(), parts) {
        (Version::V20240415, "POST", []) => return Some(call.json().and_then(refuse_new_body)),
        (Version::V20240813, ..) => {}
        _ => return None,
    }
    match (call.method.as_str(), parts) {
        ("POST", []) => Some(create::create(shared, call).await),
        ("GET", []) => Some(list::list(&mut shared.state(), call)),
        ("GET", [uid]) => Some(get(&shared.state(), uid)),
        ("POST", [uid, "reschedule"]) => Some(change::reschedule(shared, call, uid).await),
        ("POST", [uid, "cancel"]) => Some(cancel::cancel(shared, call, uid).await),
        ("POST", [uid, "confirm"]) => Some(decide::confirm(shared, call, uid).await),
        ("POST", [uid, "decline"]) => Some(decide::decline(shared, call, uid).await),
        ("POST", [uid, "mark-absent"]) => Some(presence::mark_absent(shared, call, uid).await),
        _ => extras::route(&mut shared.state(), call, parts),
    }
}

fn refuse_new_body(body: &serde_json::Value) -> Answer {
    Err(Failure::invalid(booking_complaint(body)))
}

/// Open to everybody who knows the uid. The uid of a recurrence gives all its bookings.
fn get(state: &State, uid: &str) -> Answer {
    if let Some(booking) = state.booking(uid) {
        return ok(shown(state, booking));
    }
    let series = state.series(uid);
    if series.is_empty() {
        return Err(Failure::not_found(format!(
            "Booking with uid={uid} was not found in the database"
        )));
    }
    ok(series
        .into_iter()
        .map(|booking| shown(state, booking))
        .collect::<Vec<_>>())
}

impl State {
    /// The bookings of a recurrence by their starts.
    pub(super) fn series(&self, uid: &str) -> Vec<&Booking> {
        let own = self
            .bookings
            .values()
            .filter(|booking| booking.recurring_uid.as_deref() == Some(uid));
        let mut own: Vec<&Booking> = own.collect();
        own.sort_by_key(|booking| booking.start);
        own
    }
}
