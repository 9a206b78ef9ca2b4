//! The next command that a scheduler must be sent, from the difference of the two states.

use chrono::{DateTime, Utc};
use entity::booking::{Approval, Model, Status};
use entity::session::{self, Attendance};

use super::project::{Projection, Target};
use crate::db::Txn;
use crate::domain::scheduling::remote::{Command, capabilities};
use crate::domain::{Cause, Result};
use crate::outbox::job::{self, Job};

/// The next command for the scheduler; `None` if both sides agree, as far as is known here.
pub(crate) fn next_command(
    booking: &Model,
    session: Option<&session::Model>,
    after: &Projection,
    now: DateTime<Utc>,
) -> Option<Command> {
    use Status as S;

    let uid = after.uid.clone();
    let is_live = matches!(
        after.target,
        Target::Requested | Target::Unpaid | Target::Confirmed
    );
    match booking.status {
        _ if booking.merged_into.is_some() || !is_live && after.target != Target::Completed => None,
        S::Canceled | S::Abandoned | S::Rejected | S::Refunded
            if !is_live || after.ends_at <= now =>
        {
            None
        }
        S::Rejected if after.target == Target::Requested => Some(Command::Decline {
            uid,
            reason: reason(booking),
        }),
        S::Canceled | S::Abandoned | S::Rejected | S::Refunded => Some(Command::Cancel {
            uid,
            reason: reason(booking),
        }),
        S::Scheduled | S::PaymentPending | S::PaymentFailed | S::Confirmed
            if booking.approval == Approval::Given && after.target == Target::Requested =>
        {
            Some(Command::Confirm { uid })
        }
        S::Confirmed | S::Completed if after.starts_at <= now => absence(session?, after),
        status if status.is_active() && is_live => invitation(booking, after),
        _ => None,
    }
}

fn reason(booking: &Model) -> Option<String> {
    booking.cancellation_reason.clone()
}

fn invitation(booking: &Model, after: &Projection) -> Option<Command> {
    if after.seats.is_some() {
        return None;
    }
    let missing = booking
        .guests
        .0
        .iter()
        .filter(|guest| !after.guests.contains(guest));
    let guests: Vec<String> = missing
        .take(capabilities(booking.scheduler).max_guests_per_call)
        .cloned()
        .collect();
    (!guests.is_empty()).then(|| Command::Invite {
        uid: after.uid.clone(),
        guests,
    })
}

/// Only an absence recorded here is pushed.
fn absence(session: &session::Model, after: &Projection) -> Option<Command> {
    let email = after.attendee.as_ref()?.email.clone();
    let is_absent = session.client_attendance == Attendance::Absent;
    let was_marked = session.client_attendance != Attendance::Unknown || after.absent == Some(true);
    (was_marked && is_absent != (after.absent == Some(true))).then(|| Command::MarkAbsent {
        uid: after.uid.clone(),
        email,
        absent: is_absent,
    })
}

/// Enqueues a push if one is needed, for example after a booking that ended here appears at the
/// scheduler.
pub(crate) async fn enqueue_push_if_needed(
    txn: &Txn,
    cause: &Cause,
    booking: &Model,
    after: &Projection,
) -> Result<()> {
    if next_command(booking, None, after, cause.now).is_some() {
        let job = Job::new(job::Kind::PushBooking, booking.id, booking.scheduler);
        job::enqueue(txn, job.at(cause.now, &cause.correlation_id)).await?;
    }
    Ok(())
}
