//! Pushes decisions made here to the scheduler: cancellation, approval, absence.
//!
//! A decision takes effect here at once and is pushed until the scheduler reports the same state.
//! No queue of decisions is stored: the next command is computed from the difference of the two
//! states, so a repeated push is a no-op.

use entity::booking::{self, Model, Status};
use entity::booking_event::{ActorKind, Source};
use entity::coach::Scheduler;
use entity::{Uuid, scheduler_request, session};
use sea_orm::{ColumnTrait, QueryFilter};

use super::next_command::next_command;
use super::{ingest, projections};
use crate::app::App;
use crate::domain::booking::rows;
use crate::domain::scheduling::observation::Reported;
use crate::domain::scheduling::remote::{Calendar, Command, CommandResult};
use crate::domain::{Cause, Error, Result};

/// Commands per run. A command leads to at most one other; more would mean that they undo each
/// other.
const MAX_COMMANDS: usize = 3;

/// Sends the pending commands of a booking to its scheduler. A no-op without access to the coach's
/// calendar.
///
/// # Errors
/// When the scheduler cannot be reached; the job retries.
pub async fn push(app: &App, booking_id: Uuid) -> Result<()> {
    for _ in 0..MAX_COMMANDS {
        let booking = rows::require(app.db.write_one(), booking_id).await?;
        let Some(after) = projections::projection_of(app.db.write_one(), booking.id).await? else {
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
                ingest(app, &booking, calendar.reported(observations)).await?;
            }
            CommandResult::Partly(observations, why) => {
                tracing::warn!(booking.id = %booking.id, command = command.name(), why, "scheduler carried out a command in part");
                return ingest(app, &booking, calendar.reported(observations)).await;
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
    let known = projections::projections_of(app.db.read(), &ids).await?;
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

async fn ingest(app: &App, booking: &Model, reported: Reported) -> Result<()> {
    let now = app.clock.now();
    let cause = Cause {
        by: ActorKind::Provider,
        actor_id: None,
        impersonator: None,
        source: Source::Reconcile,
        correlation_id: format!("align-{}", booking.id.simple()),
        now,
    };
    ingest::ingest_observations(app, cause, reported)
        .await
        .map(drop)
}
