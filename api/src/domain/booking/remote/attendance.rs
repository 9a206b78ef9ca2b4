//! Applies what a scheduler reports about the session itself: that it began, and who was absent.

use chrono::{DateTime, Utc};
use entity::booking::{Model, Status};
use entity::booking_event::Kind;
use entity::session::{self, Attendance};

use super::project::Projection;
use crate::db::Txn;
use crate::domain::booking::session::{blank, store};
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
    let after = session::Model {
        status: wanted.status,
        client_attendance: wanted.client,
        started_at: wanted.started_at,
        ended_at: wanted.ended_at,
        ..session.clone()
    };
    store(txn, Some(&session), after, cause.now).await?;
    Ok(booking)
}

/// Creates the session of a booking that was confirmed only after its end.
async fn missed(txn: &Txn, cause: &Cause, booking: &Model) -> Result<()> {
    let canceled = blank(booking.id, session::Status::Canceled, cause.now);
    store(txn, None, canceled, cause.now).await?;
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
