//! Applies what a scheduler reports about the session itself: that it began, and who was absent.

use chrono::{DateTime, Utc};
use entity::booking::{Model, Status};
use entity::booking_event::Kind;
use entity::session::{self, Attendance};
use sea_orm::ActiveValue::Set;
use sea_orm::{ActiveModelTrait, IntoActiveModel};

use super::project::Projection;
use crate::db::Txn;
use crate::domain::booking::state::Event;
use crate::domain::booking::transition::apply;
use crate::domain::{Cause, Result};

/// Applies the changed part of the projection to the session.
pub(crate) async fn follow(
    txn: &Txn,
    cause: &Cause,
    booking: Model,
    before: Option<&Projection>,
    after: &Projection,
) -> Result<Model> {
    let said = |projection: &Projection| {
        (
            projection.uid.clone(),
            projection.target,
            projection.was_certain,
            projection.has_started,
            projection.absent,
        )
    };
    if before.is_some_and(|before| said(before) == said(after)) {
        return Ok(booking);
    }
    let Some(session) = session::Entity::find_by_booking(booking.id)
        .one(&**txn)
        .await?
    else {
        if after.was_certain {
            missed(txn, cause, &booking).await?;
        }
        return Ok(booking);
    };
    let Some(wanted) = wanted(&booking, &session, after) else {
        return Ok(booking);
    };
    let is = Wanted {
        status: session.status,
        client: session.client_attendance,
        started_at: session.started_at,
        ended_at: session.ended_at,
    };
    if wanted == is {
        return Ok(booking);
    }
    let mut booking = booking;
    if wanted.started_at != is.started_at && wanted.started_at.is_some() {
        booking = apply(
            txn,
            cause,
            &booking,
            Event::Noted(Kind::SessionStarted),
            None,
            |_| (),
        )
        .await?;
    }
    if wanted.client != is.client {
        booking = apply(
            txn,
            cause,
            &booking,
            Event::Noted(Kind::AttendanceMarked),
            None,
            |_| (),
        )
        .await?;
    }
    let version = session.version + 1;
    let mut row = session.into_active_model();
    row.status = Set(wanted.status);
    row.client_attendance = Set(wanted.client);
    row.started_at = Set(wanted.started_at);
    row.ended_at = Set(wanted.ended_at);
    row.version = Set(version);
    row.updated_at = Set(cause.now);
    row.update(&**txn).await?;
    Ok(booking)
}

/// Creates the session of a booking that was confirmed only after its end.
async fn missed(txn: &Txn, cause: &Cause, booking: &Model) -> Result<()> {
    session::ActiveModel {
        id: Set(entity::new_id()),
        booking_id: Set(booking.id),
        status: Set(session::Status::Canceled),
        coach_attendance: Set(Attendance::Unknown),
        client_attendance: Set(Attendance::Unknown),
        started_at: Set(None),
        ended_at: Set(None),
        rating: Set(None),
        version: Set(1),
        created_at: Set(cause.now),
        updated_at: Set(cause.now),
    }
    .insert(&**txn)
    .await?;
    Ok(())
}

#[derive(PartialEq)]
struct Wanted {
    status: session::Status,
    client: Attendance,
    started_at: Option<DateTime<Utc>>,
    ended_at: Option<DateTime<Utc>>,
}

/// The state the session should have; `None` if the projection says nothing about it.
fn wanted(booking: &Model, session: &session::Model, after: &Projection) -> Option<Wanted> {
    let is_absent = after.absent == Some(true);
    let status = match booking.status {
        Status::Completed if is_absent || session.coach_attendance == Attendance::Absent => {
            session::Status::NoShow
        }
        Status::Completed => session::Status::Completed,
        Status::Confirmed if after.has_started => session::Status::InProgress,
        Status::Confirmed => session::Status::Upcoming,
        _ => return None,
    };
    Some(Wanted {
        status,
        client: match (after.absent, session.client_attendance) {
            (Some(true), _) => Attendance::Absent,
            (Some(false), Attendance::Absent) => Attendance::Unknown,
            (_, marked_here) => marked_here,
        },
        started_at: session
            .started_at
            .or_else(|| after.has_started.then_some(booking.starts_at)),
        ended_at: (booking.status == Status::Completed)
            .then(|| session.ended_at.unwrap_or(booking.ends_at)),
    })
}
