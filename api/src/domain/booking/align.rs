//! Making true at a scheduler what was decided here: a cancellation, the coach's word, who did not
//! come.
//!
//! These decisions are ours to make. They stand here at once and are carried out there until they
//! stand there as well. Nothing about them is remembered but the two states themselves: whatever
//! differs is what is still to be done, however often that is looked at.

use chrono::{DateTime, Utc};
use entity::booking::{self, Approval, Model, Status};
use entity::booking_event::{ActorKind, Source};
use entity::coach::Scheduler;
use entity::session::{self, Attendance};
use entity::{Uuid, scheduler_request};
use sea_orm::{ColumnTrait, QueryFilter};

use super::derive::{Derived, Target};
use super::learn;
use crate::app::App;
use crate::db::Txn;
use crate::domain::scheduling::statement::Telling;
use crate::domain::scheduling::{Calendar, Step, Stepped};
use crate::domain::{Act, Error, Result};
use crate::outbox::job::{self, Job};

/// Steps in one go. One leads to the next at most once; more would mean that they undo each other.
const MOST_STEPS: usize = 3;
/// Guests that Cal.com takes at once.
const MOST_INVITED: usize = 10;

/// What is still to be done at the scheduler; `None` when the two agree, as far as is known here.
fn step(
    booking: &Model,
    session: Option<&session::Model>,
    after: &Derived,
    now: DateTime<Utc>,
) -> Option<Step> {
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
        S::Rejected if after.target == Target::Requested => Some(Step::Decline {
            uid,
            reason: reason(booking),
        }),
        S::Canceled | S::Abandoned | S::Rejected | S::Refunded => Some(Step::Cancel {
            uid,
            reason: reason(booking),
        }),
        S::Scheduled | S::PaymentPending | S::PaymentFailed | S::Confirmed
            if booking.approval == Approval::Given && after.target == Target::Requested =>
        {
            Some(Step::Confirm { uid })
        }
        S::Confirmed | S::Completed if after.starts_at <= now => absence(session?, after),
        status if status.is_active() && is_live => invitation(booking, after),
        _ => None,
    }
}

fn reason(booking: &Model) -> Option<String> {
    booking.cancellation_reason.clone()
}

fn invitation(booking: &Model, after: &Derived) -> Option<Step> {
    if after.seats.is_some() {
        return None;
    }
    let missing = booking
        .guests
        .0
        .iter()
        .filter(|guest| !after.guests.contains(guest));
    let guests: Vec<String> = missing.take(MOST_INVITED).cloned().collect();
    (!guests.is_empty()).then(|| Step::Invite {
        uid: after.uid.clone(),
        guests,
    })
}

/// Only who was marked absent here is news there.
fn absence(session: &session::Model, after: &Derived) -> Option<Step> {
    let email = after.attendee.as_ref()?.email.clone();
    let is_absent = session.client_attendance == Attendance::Absent;
    let was_marked = session.client_attendance != Attendance::Unknown || after.absent == Some(true);
    (was_marked && is_absent != (after.absent == Some(true))).then(|| Step::MarkAbsent {
        uid: after.uid.clone(),
        email,
        absent: is_absent,
    })
}

/// Asks for the work if there is any: a booking that ended here has turned up at the scheduler,
/// say.
///
/// # Errors
/// When the database fails.
pub(super) async fn ask(txn: &Txn, act: &Act, booking: &Model, after: &Derived) -> Result<()> {
    if step(booking, None, after, act.now).is_some() {
        let job = Job::AlignBooking {
            booking_id: booking.id,
        };
        job::enqueue(txn, &job, act.now, &act.correlation_id).await?;
    }
    Ok(())
}

/// Does at the scheduler what is still to be done about a booking. Nothing, where we have no access
/// to the coach's calendar.
///
/// # Errors
/// When the scheduler cannot be asked; it is to be tried again then.
pub async fn align(app: &App, booking_id: Uuid) -> Result<()> {
    for _ in 0..MOST_STEPS {
        let booking = super::read::require(app.db.write_one(), booking_id).await?;
        let Some(after) = learn::known(app.db.write_one(), booking.id).await? else {
            return Ok(());
        };
        let session = session::Entity::find_by_booking(booking.id)
            .one(app.db.write_one())
            .await?;
        let Some(step) = step(&booking, session.as_ref(), &after, app.clock.now()) else {
            return Ok(());
        };
        if matches!(step, Step::Invite { .. }) && is_under_way(app, booking_id).await? {
            // Guests are told the time: they are invited once it is certain which one that is. What
            // settles it asks for this again.
            return Ok(());
        }
        let Some(calendar) = Calendar::of(app, &booking, None).await? else {
            return Ok(());
        };
        match calendar
            .take(&step)
            .await
            .map_err(|error| Error::internal("aligning a scheduler", error))?
        {
            Stepped::Told(tellings) => {
                app.slots.doubt(booking.coach_id);
                take_in(app, &booking, tellings).await?;
            }
            Stepped::Partly(tellings, why) => {
                tracing::warn!(booking.id = %booking.id, step = step.name(), why, "a scheduler followed a decision in part");
                return take_in(app, &booking, tellings).await;
            }
            Stepped::Impossible(why) => {
                tracing::warn!(booking.id = %booking.id, step = step.name(), why, "a scheduler cannot follow a decision");
                return Ok(());
            }
        }
    }
    Err(Error::internal(
        "aligning a scheduler",
        "one step leads to the next without an end",
    ))
}

/// Whether something else about the booking has been asked of its scheduler and is not known yet.
async fn is_under_way(app: &App, booking_id: Uuid) -> Result<bool> {
    Ok(scheduler_request::Entity::find_open(booking_id)
        .one(app.db.write_one())
        .await?
        .is_some())
}

/// A coach's bookings to come about which something is still to be done at their scheduler: work
/// that was given up during a long outage, say.
///
/// # Errors
/// When the database fails.
pub(crate) async fn list_undone(app: &App, coach_id: Uuid) -> Result<Vec<Uuid>> {
    let now = app.clock.now();
    let coming = booking::Entity::find_real()
        .filter(booking::Column::CoachId.eq(coach_id))
        .filter(booking::Column::Scheduler.eq(Scheduler::CalCom))
        .filter(booking::Column::Status.ne(Status::Initiated))
        .filter(booking::Column::StartsAt.gt(now))
        .all(app.db.read())
        .await?;
    let ids: Vec<Uuid> = coming.iter().map(|booking| booking.id).collect();
    let known = learn::known_of(app.db.read(), &ids).await?;
    let is_undone = |booking: &Model| {
        known
            .get(&booking.id)
            .is_some_and(|after| step(booking, None, after, now).is_some())
    };
    Ok(coming
        .iter()
        .filter(|booking| is_undone(booking))
        .map(|booking| booking.id)
        .collect())
}

async fn take_in(app: &App, booking: &Model, tellings: Vec<Telling>) -> Result<()> {
    let now = app.clock.now();
    let act = Act {
        by: ActorKind::Provider,
        actor_id: None,
        source: Source::Reconcile,
        correlation_id: format!("align-{}", booking.id.simple()),
        now,
    };
    learn::take_in(app, act, tellings).await.map(drop)
}
