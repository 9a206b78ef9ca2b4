//! A booking is called off. Subscribers hear of it before the row changes.

use std::sync::Arc;

use super::shape::shown;
use crate::cal_com::announce::{self, Cancelled};
use crate::cal_com::call::Call;
use crate::cal_com::reply::{Answer, Failure, ok};
use crate::cal_com::server::Shared;
use crate::cal_com::state::{Booking, State, Status, string};

/// Open to everybody who knows the uid; the uid of a recurrence calls off all of it.
pub(in crate::cal_com) async fn cancel(shared: &Arc<Shared>, call: &Call, uid: &str) -> Answer {
    let body = call.json()?;
    let reason = string(body, "cancellationReason");
    let mut notice = Cancelled {
        reason: reason.clone(),
        by: string(body, "cancelledBy"),
        asks_to_rebook: body["requestReschedule"] == true,
        seat: None,
    };
    let (ids, series) = targets(&shared.state(), call, uid)?;
    if let Some(seat) = string(body, "seatUid") {
        notice.seat = Some(seat.clone());
        announce::of_cancellation(shared, ids[0], &notice).await;
        return leave(&mut shared.state(), uid, &seat);
    }
    // However many go, there is one webhook.
    announce::of_cancellation(shared, ids[0], &notice).await;
    let mut state = shared.state();
    for id in &ids {
        if let Some(booking) = state.bookings.get_mut(id) {
            booking.status = Status::Cancelled;
            booking.cancellation_reason = reason.clone().unwrap_or_default();
            booking.ics_sequence += 1;
            booking.updated_at = call.now;
            if booking.seated {
                booking.attendees.clear();
            }
        }
    }
    match series {
        Some(series) => ok(state
            .series(&series)
            .into_iter()
            .map(|booking| shown(&state, booking))
            .collect::<Vec<_>>()),
        None => match state.bookings.get(&ids[0]) {
            Some(booking) => ok(shown(&state, booking)),
            None => Err(unknown(uid)),
        },
    }
}

/// Which rows go, and the recurrence the answer lists. At least one row.
fn targets(state: &State, call: &Call, uid: &str) -> Result<(Vec<u64>, Option<String>), Failure> {
    let standing =
        |booking: &&Booking| matches!(booking.status, Status::Accepted | Status::Pending);
    if let Some(booking) = state.booking(uid) {
        if booking.status == Status::Cancelled {
            return Err(already(uid));
        }
        if booking.end <= call.now {
            return Err(Failure::bad_request(
                "Cannot cancel a booking that has already ended",
            ));
        }
        let following = call.json()?["cancelSubsequentBookings"] == true;
        return match &booking.recurring_uid {
            Some(series) if following => {
                let all = state.series(series);
                let ids = all
                    .into_iter()
                    .filter(standing)
                    .filter(|other| other.start >= booking.start);
                Ok((
                    ids.map(|booking| booking.id).collect(),
                    Some(series.clone()),
                ))
            }
            _ => Ok((vec![booking.id], None)),
        };
    }
    let series = state.series(uid);
    if series.is_empty() {
        return Err(unknown(uid));
    }
    let ids: Vec<u64> = series
        .into_iter()
        .filter(standing)
        .map(|booking| booking.id)
        .collect();
    if ids.is_empty() {
        Err(already(uid))
    } else {
        Ok((ids, Some(uid.to_owned())))
    }
}

/// One person gives their place in a group up.
fn leave(state: &mut State, uid: &str, seat: &str) -> Answer {
    let group = state.booking_mut(uid).ok_or_else(|| unknown(uid))?;
    let before = group.attendees.len();
    group
        .attendees
        .retain(|attendee| attendee.seat.as_ref().is_none_or(|held| held.uid != seat));
    if group.attendees.len() == before {
        return Err(Failure::bad_request("User not a part of the booking"));
    }
    group.ics_sequence += 1;
    if group.attendees.is_empty() {
        group.status = Status::Cancelled;
    }
    ok(shown(
        state,
        state.booking(uid).expect("it was there a line ago"),
    ))
}

fn unknown(uid: &str) -> Failure {
    Failure::not_found(format!("Booking with uid={uid} not found"))
}

fn already(uid: &str) -> Failure {
    Failure::bad_request(format!(
        "Can't cancel booking with uid={uid} because it has been cancelled already. Please provide uid of a booking that is \
         not cancelled."
    ))
}
