//! Who did not come.

use std::sync::Arc;

use serde_json::{Value, json};

use super::shape::shown;
use crate::cal_com::announce;
use crate::cal_com::call::Call;
use crate::cal_com::reply::{Answer, Failure, iso, ok};
use crate::cal_com::server::Shared;
use crate::cal_com::state::{State, string};

/// Anybody of the organization may mark the host, only the host the attendees. Nobody hears of an
/// absent host.
pub(in crate::cal_com) async fn mark_absent(
    shared: &Arc<Shared>,
    call: &Call,
    uid: &str,
) -> Answer {
    let user = shared.state().permitted(call)?.user();
    mark_as(shared, call, uid, user).await
}

pub(in crate::cal_com) async fn mark_as(
    shared: &Arc<Shared>,
    call: &Call,
    uid: &str,
    user: u64,
) -> Answer {
    let body = call.json()?;
    let (id, marked) = mark(&mut shared.state(), call, uid, user, body)?;
    if !marked.is_empty() {
        announce::of_absence(shared, id, &marked).await;
    }
    let state = shared.state();
    match state.bookings.get(&id) {
        Some(booking) => ok(shown(&state, booking)),
        None => Err(unknown(uid)),
    }
}

fn mark(
    state: &mut State,
    call: &Call,
    uid: &str,
    user: u64,
    body: &Value,
) -> Result<(u64, Vec<Value>), Failure> {
    let booking = state.booking_mut(uid).ok_or_else(|| unknown(uid))?;
    if call.now < booking.start {
        return Err(Failure::bad_request(format!(
            "Bookings can only be marked as absent after their scheduled start time. Current time in UTC+0: {}, Booking \
             start time in UTC+0: {}",
            iso(call.now),
            iso(booking.start)
        )));
    }
    if let Some(absent) = body["host"].as_bool() {
        booking.absent_host = absent;
        booking.updated_at = call.now;
    }
    let listed = body["attendees"]
        .as_array()
        .map(Vec::as_slice)
        .unwrap_or_default();
    if !listed.is_empty() && booking.host != user {
        return Err(Failure::forbidden(format!(
            "User with ID={user} does not have access to booking with uid={uid}"
        )));
    }
    let mut marked = Vec::new();
    for entry in listed {
        let email = string(entry, "email").unwrap_or_default();
        let absent = entry["absent"] == true;
        let attendee = booking
            .attendees
            .iter_mut()
            .find(|attendee| attendee.email == email);
        let Some(attendee) = attendee else {
            return Err(Failure::Escaped {
                status: 500,
                message: "Failed to update no-show status",
            });
        };
        attendee.absent = absent;
        marked.push(json!({ "email": email, "noShow": absent }));
    }
    Ok((booking.id, marked))
}

fn unknown(uid: &str) -> Failure {
    Failure::not_found(format!("Booking with uid={uid} not found."))
}
