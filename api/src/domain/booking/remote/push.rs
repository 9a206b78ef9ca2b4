//! Pushes decisions made here to the scheduler: cancellation, approval, absence.
//!
//! A decision takes effect here at once and is pushed until the scheduler reports the same state.
//! No queue of decisions is stored: the next command is computed from the difference of the two
//! states, so a repeated push is a no-op.

use chrono::{DateTime, Utc};
use entity::booking::{self, Approval, Model, Status};
use entity::booking_event::{ActorKind, Source};
use entity::coach::Scheduler;
use entity::session::{self, Attendance};
use entity::{Uuid, scheduler_request};
use sea_orm::{ColumnTrait, QueryFilter};

use super::ingest;
use super::project::{Projection, Target};
use crate::app::App;
use crate::db::Txn;
use crate::domain::scheduling::observation::{Observation, Reported};
use crate::domain::scheduling::remote::{Calendar, Command, CommandResult, capabilities};
use crate::domain::{Cause, Error, Result};
use crate::outbox::job::{self, Job};

/// Commands per run. A command leads to at most one other; more would mean that they undo each
/// other.
const MAX_COMMANDS: usize = 3;

/// The next command for the scheduler; `None` if both sides agree, as far as is known here.
fn next_command(
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
pub(crate) async fn enqueue_if_needed(
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

/// Sends the pending commands of a booking to its scheduler. A no-op without access to the coach's
/// calendar.
///
/// # Errors
/// When the scheduler cannot be reached; the job retries.
pub async fn push(app: &App, booking_id: Uuid) -> Result<()> {
    for _ in 0..MAX_COMMANDS {
        let booking = crate::domain::booking::read::require(app.db.write_one(), booking_id).await?;
        let Some(after) = ingest::projection_of(app.db.write_one(), booking.id).await? else {
            return Ok(());
        };
        let session = session::Entity::find_by_booking(booking.id)
            .one(app.db.write_one())
            .await?;
        let Some(command) = next_command(&booking, session.as_ref(), &after, app.clock.now())
        else {
            return Ok(());
        };
        if matches!(command, Command::Invite { .. }) && is_under_way(app, booking_id).await? {
            // Invitations tell guests the time, so they wait until the pending move is settled;
            // closing that request enqueues the push again.
            return Ok(());
        }
        let Some(calendar) = Calendar::of(app, &booking, None).await? else {
            return Ok(());
        };
        match calendar
            .run(&command)
            .await
            .map_err(|error| Error::provider("pushing a booking", error))?
        {
            CommandResult::Done(observations) => {
                app.slots.invalidate(booking.coach_id);
                ingest(app, &booking, observations).await?;
            }
            CommandResult::Partly(observations, why) => {
                tracing::warn!(booking.id = %booking.id, command = command.name(), why, "scheduler carried out a command in part");
                return ingest(app, &booking, observations).await;
            }
            CommandResult::Impossible(why) => {
                tracing::warn!(booking.id = %booking.id, command = command.name(), why, "scheduler cannot carry out a command");
                return Ok(());
            }
        }
    }
    Err(Error::internal(
        "pushing a booking",
        "one command leads to the next without an end",
    ))
}

/// Whether another request about the booking is still open at its scheduler.
async fn is_under_way(app: &App, booking_id: Uuid) -> Result<bool> {
    Ok(scheduler_request::Entity::find_open(booking_id)
        .one(app.db.write_one())
        .await?
        .is_some())
}

/// A coach's future bookings that still have a command to push, for example after a long outage.
pub(crate) async fn list_unpushed(app: &App, coach_id: Uuid) -> Result<Vec<Model>> {
    let now = app.clock.now();
    let coming = booking::Entity::find_real()
        .filter(booking::Column::CoachId.eq(coach_id))
        .filter(booking::Column::Scheduler.ne(Scheduler::Native))
        .filter(booking::Column::Status.ne(Status::Initiated))
        .filter(booking::Column::StartsAt.gt(now))
        .all(app.db.read())
        .await?;
    let ids: Vec<Uuid> = coming.iter().map(|booking| booking.id).collect();
    let known = ingest::projections_of(app.db.read(), &ids).await?;
    let is_undone = |booking: &Model| {
        known
            .get(&booking.id)
            .is_some_and(|after| next_command(booking, None, after, now).is_some())
    };
    Ok(coming
        .into_iter()
        .filter(|booking| is_undone(booking))
        .collect())
}

async fn ingest(app: &App, booking: &Model, observations: Vec<Observation>) -> Result<()> {
    let reported = Reported {
        scheduler: booking.scheduler,
        observations,
    };
    let now = app.clock.now();
    let cause = Cause {
        by: ActorKind::Provider,
        actor_id: None,
        source: Source::Reconcile,
        correlation_id: format!("align-{}", booking.id.simple()),
        now,
    };
    ingest::ingest_observations(app, cause, reported)
        .await
        .map(drop)
}
