//! Slots that are held for a while: `/v2/slots/reservations`. They hide a slot, and keep nobody
//! from booking it.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

use super::call::{Call, Version};
use super::hours::Span;
use super::reply::{Answer, Failure, created, done, iso, ok};
use super::state::{Reservation, State};

pub(super) fn route(state: &mut State, call: &Call, parts: &[&str]) -> Option<Answer> {
    if call.version != Version::V20240904 {
        return None;
    }
    match (call.method.as_str(), parts) {
        ("POST", []) => Some(reserve(state, call, None).and_then(created)),
        ("GET", [uid]) => {
            let found = state
                .reservations
                .iter()
                .find(|reservation| reservation.uid == *uid);
            Some(ok(found.map(shown)))
        }
        ("PATCH", [uid]) => Some(reserve(state, call, Some(uid)).and_then(ok)),
        ("DELETE", [uid]) => {
            state
                .reservations
                .retain(|reservation| reservation.uid != *uid);
            Some(done())
        }
        _ => None,
    }
}

/// A new one, or another time for one there is. One that moves meets itself.
fn reserve(state: &mut State, call: &Call, uid: Option<&str>) -> Result<Value, Failure> {
    let body = call.json()?;
    let id = body["eventTypeId"].as_u64().unwrap_or_default();
    let event_type = state.event_types.get(&id);
    let event_type = event_type
        .ok_or_else(|| Failure::not_found(format!("Event Type with ID={id} not found")))?;
    let length = match (body["slotDuration"].as_i64(), event_type.lengths()) {
        (None, _) => event_type.length(),
        (Some(_), None) => {
            let message = "You passed 'slotDuration' but this event type is not a variable length event type.";
            return Err(Failure::bad_request(message));
        }
        (Some(length), Some(lengths)) if lengths.contains(&length) => length,
        (Some(_), Some(lengths)) => {
            let lengths: Vec<String> = lengths.iter().map(i64::to_string).collect();
            let message = format!(
                "Provided 'slotDuration' is not one of the possible lengths: {}",
                lengths.join(", ")
            );
            return Err(Failure::bad_request(message));
        }
    };
    let host = event_type.owner;
    let start = body["slotStart"]
        .as_str()
        .and_then(|text| text.parse::<DateTime<Utc>>().ok());
    let start = start.ok_or_else(|| Failure::bad_request("Invalid start date"))?;
    let minutes = body["reservationDuration"].as_i64();
    if minutes.is_some() && state.visitor(call).is_none() {
        let message = "reservationDuration can only be used for authenticated requests - use access token, api key or \
                       OAuth credentials";
        return Err(Failure::unauthorized(message));
    }
    let span = Span {
        start,
        end: start + TimeDelta::minutes(length),
    };
    let taken = state.reservations.iter().any(|held| {
        held.event_type == id
            && held.until > call.now
            && Span {
                start: held.start,
                end: held.end,
            }
            .overlaps(span)
    });
    if taken {
        let message =
            "This time slot is already reserved by another user. Please choose a different time.";
        return Err(Failure::unprocessable(message));
    }
    let minutes = minutes.unwrap_or(5);
    let uid = uid.map_or_else(|| state.uuid(), str::to_owned);
    state.reservations.retain(|held| held.uid != uid);
    let until = call.now + TimeDelta::minutes(minutes);
    let made = Reservation {
        uid,
        event_type: id,
        host,
        start,
        end: span.end,
        until,
    };
    let mut answer = shown(&made);
    answer["reservationDuration"] = minutes.into();
    state.reservations.push(made);
    Ok(answer)
}

fn shown(reservation: &Reservation) -> Value {
    json!({
        "reservationUid": reservation.uid,
        "eventTypeId": reservation.event_type,
        "slotStart": iso(reservation.start),
        "slotEnd": iso(reservation.end),
        "slotDuration": (reservation.end - reservation.start).num_minutes(),
        "reservationUntil": iso(reservation.until),
    })
}
