//! The owner says yes or no to a booking that waits.

use std::sync::Arc;

use super::shape::shown;
use crate::cal_com::announce::{self, Trigger};
use crate::cal_com::call::Call;
use crate::cal_com::reply::{Answer, Failure, ok};
use crate::cal_com::server::Shared;
use crate::cal_com::state::{State, Status, string};

pub(in crate::cal_com) async fn confirm(shared: &Arc<Shared>, call: &Call, uid: &str) -> Answer {
    let user = shared.state().permitted(call)?.user();
    confirm_as(shared, call, uid, user).await
}

pub(in crate::cal_com) async fn decline(shared: &Arc<Shared>, call: &Call, uid: &str) -> Answer {
    let user = shared.state().permitted(call)?.user();
    decline_as(shared, call, uid, user).await
}

/// Whether the time is still free is not looked at again.
pub(in crate::cal_com) async fn confirm_as(
    shared: &Arc<Shared>,
    call: &Call,
    uid: &str,
    user: u64,
) -> Answer {
    let id = waiting(&shared.state(), uid, user)?;
    {
        let mut state = shared.state();
        let booking = state.booking_mut(uid).ok_or_else(|| unknown(uid))?;
        booking.status = Status::Accepted;
        booking.updated_at = call.now;
    }
    announce::of_booking(shared, Trigger::Confirmed, id, None).await;
    answer(shared, uid)
}

pub(in crate::cal_com) async fn decline_as(
    shared: &Arc<Shared>,
    call: &Call,
    uid: &str,
    user: u64,
) -> Answer {
    let reason = string(call.json()?, "reason");
    let id = waiting(&shared.state(), uid, user)?;
    {
        let mut state = shared.state();
        let booking = state.booking_mut(uid).ok_or_else(|| unknown(uid))?;
        booking.status = Status::Rejected;
        booking.rejection_reason = reason;
        booking.updated_at = call.now;
    }
    announce::of_booking(shared, Trigger::Rejected, id, None).await;
    answer(shared, uid)
}

fn waiting(state: &State, uid: &str, user: u64) -> Result<u64, Failure> {
    let booking = state.booking(uid).ok_or_else(|| unknown(uid))?;
    if booking.host != user {
        return Err(Failure::bare(
            401,
            "TRPCError",
            "User is not authorized to confirm this booking",
        ));
    }
    match booking.status {
        Status::Pending => Ok(booking.id),
        Status::Accepted => Err(Failure::bare(400, "TRPCError", "Booking already confirmed")),
        Status::Cancelled | Status::Rejected => {
            Err(Failure::bare(400, "TRPCError", "Booking is not pending"))
        }
    }
}

fn answer(shared: &Arc<Shared>, uid: &str) -> Answer {
    let state = shared.state();
    let booking = state.booking(uid).ok_or_else(|| unknown(uid))?;
    ok(shown(&state, booking))
}

fn unknown(uid: &str) -> Failure {
    Failure::not_found(format!(
        "Booking with uid={uid} was not found in the database"
    ))
}
