//! The session of a booking, and the only writer of session rows: a session is created with the
//! first confirmation and ends with its booking.

use chrono::{DateTime, TimeDelta, Utc};
use entity::Uuid;
use entity::booking::{self, Status};
use entity::session::{Attendance, Column, Entity, Model, Status as At};
use sea_orm::ActiveValue::Unchanged;
use sea_orm::{ActiveModelTrait, ColumnTrait, EntityTrait, IntoActiveModel, QueryFilter};

use crate::db::Txn;
use crate::domain::{Cause, Result};

/// How long before its booked start a session may be started.
pub(crate) const EARLIEST_START: TimeDelta = TimeDelta::minutes(15);

/// The fields of a booking that its session depends on.
#[derive(Clone, Copy, Debug)]
pub(super) struct BookingSnapshot {
    status: Status,
    starts_at: DateTime<Utc>,
    ends_at: DateTime<Utc>,
}

impl BookingSnapshot {
    pub(super) fn of(booking: &booking::Model) -> Self {
        Self {
            status: booking.status,
            starts_at: booking.starts_at,
            ends_at: booking.ends_at,
        }
    }
}

/// Applies every step of a booking's transition to its session. A new booking has none yet.
pub(super) async fn follow_booking(
    txn: &Txn,
    cause: &Cause,
    (booking_id, is_new): (Uuid, bool),
    snapshots: &[BookingSnapshot],
) -> Result<()> {
    let found = if is_new {
        None
    } else {
        Entity::find_by_booking(booking_id).one(&**txn).await?
    };
    let session = snapshots.iter().fold(found.clone(), |session, snapshot| {
        next(session, booking_id, *snapshot, cause.now)
    });
    match session {
        Some(session) if found.as_ref() != Some(&session) => {
            store(txn, found.as_ref(), session, cause.now).await?;
        }
        _ => {}
    }
    Ok(())
}

/// Stores the next version of a session, or a new one. The caller has locked the booking.
pub(crate) async fn store(
    txn: &Txn,
    before: Option<&Model>,
    after: Model,
    now: DateTime<Utc>,
) -> Result<Model> {
    let after = Model {
        version: before.map_or(0, |before| before.version) + 1,
        updated_at: now,
        ..after
    };
    let mut row = after.clone().into_active_model().reset_all();
    if before.is_some() {
        row.id = Unchanged(after.id);
        let update = Entity::update_many()
            .set(row)
            .filter(Column::Id.eq(after.id));
        update.exec(&**txn).await?;
    } else {
        Entity::insert(row).exec_without_returning(&**txn).await?;
    }
    Ok(after)
}

/// A new session, before anything is known of it.
pub(super) fn blank(booking_id: Uuid, status: At, now: DateTime<Utc>) -> Model {
    Model {
        id: entity::new_id(),
        booking_id,
        status,
        coach_attendance: Attendance::Unknown,
        client_attendance: Attendance::Unknown,
        started_at: None,
        ended_at: None,
        rating: None,
        version: 1,
        created_at: now,
        updated_at: now,
    }
}

/// The state of the session after a step of its booking.
fn next(
    session: Option<Model>,
    booking_id: Uuid,
    booking: BookingSnapshot,
    now: DateTime<Utc>,
) -> Option<Model> {
    let target = match (
        booking.status,
        session.as_ref().map(|session| session.status),
    ) {
        (Status::Confirmed, None | Some(At::Canceled)) => At::Upcoming,
        // Started a little early, and then moved to a later time.
        (Status::Confirmed, Some(At::InProgress)) if booking.starts_at > now + EARLIEST_START => {
            At::Upcoming
        }
        (Status::Completed, None | Some(At::Upcoming | At::InProgress | At::Canceled)) => {
            outcome(session.as_ref())
        }
        (status, Some(At::Upcoming | At::InProgress | At::Completed | At::NoShow))
            if !matches!(status, Status::Confirmed | Status::Completed) =>
        {
            At::Canceled
        }
        _ => return session,
    };
    let mut session = session.unwrap_or_else(|| blank(booking_id, target, now));
    session.status = target;
    if target == At::Upcoming {
        session.coach_attendance = Attendance::Unknown;
        session.client_attendance = Attendance::Unknown;
        (session.started_at, session.ended_at) = (None, None);
    }
    if is_over(target) && session.ended_at.is_none() {
        session.ended_at = Some(booking.ends_at);
    }
    Some(session)
}

/// The outcome of a session that is over, by the attendance recorded so far.
pub(crate) fn outcome(session: Option<&Model>) -> At {
    match session {
        Some(session)
            if [session.coach_attendance, session.client_attendance]
                .contains(&Attendance::Absent) =>
        {
            At::NoShow
        }
        _ => At::Completed,
    }
}

fn is_over(status: At) -> bool {
    matches!(status, At::Completed | At::NoShow)
}
