//! Start, end and attendance of a session.

use chrono::{DateTime, Utc};
use entity::booking::{self, Model as Booking};
use entity::booking_event::{ActorKind, Kind};
use entity::session::{Attendance, Model, Status};
use entity::{Json, Uuid};
use sea_orm::ActiveEnum;
use serde_json::json;

use super::read::SessionWithBooking;
use super::{lock, no_session};
use crate::app::App;
use crate::db::Txn;
use crate::domain::booking::session::{EARLIEST_START, outcome, store};
use crate::domain::booking::state::Event;
use crate::domain::booking::transition::{apply, note};
use crate::domain::text::Problems;
use crate::domain::{Caller, Cause, Command, Conflict, Error, Person, Result};

/// Attendance of at least one side; `None` leaves a side unchanged.
#[derive(Clone, Copy, Debug)]
pub struct MarkAttendance {
    pub session_id: Uuid,
    /// PRESENT or ABSENT.
    pub coach: Option<Attendance>,
    /// PRESENT or ABSENT.
    pub client: Option<Attendance>,
    /// The version that the caller has read; a newer one is refused.
    pub version: Option<i64>,
}

/// Records attendance, from the booked start on. A session that is over becomes NO_SHOW when either
/// side was absent, else COMPLETED; one in progress gets its outcome when it ends.
///
/// # Errors
/// `NotFound` for anyone but its participants and staff, `Forbidden` for the client, `InvalidState`
/// before the start and for a session whose booking is no longer active, `Stale` when it was
/// changed since the caller read it.
pub async fn mark_attendance(
    app: &App,
    caller: &Caller,
    input: MarkAttendance,
) -> Result<SessionWithBooking> {
    let mut problems = Problems::default();
    let is_given = input.coach.is_some() || input.client.is_some();
    problems.require(
        is_given,
        "clientAttendance",
        "say who came: give at least one side",
    );
    for (path, attendance) in [
        ("coachAttendance", input.coach),
        ("clientAttendance", input.client),
    ] {
        problems.require(
            attendance != Some(Attendance::Unknown),
            path,
            "must be PRESENT or ABSENT",
        );
    }
    problems.finish()?;
    decide(
        app,
        caller,
        input.session_id,
        input.version,
        Action::Mark(input),
    )
    .await
}

/// Starts a session, from 15 minutes before its booked start on.
///
/// # Errors
/// As [`mark_attendance`]; `InvalidState` also when it is too early, or not UPCOMING.
pub async fn start(
    app: &App,
    caller: &Caller,
    session_id: Uuid,
    version: Option<i64>,
) -> Result<SessionWithBooking> {
    decide(app, caller, session_id, version, Action::Start).await
}

/// Ends a session, from its booked start on: it becomes COMPLETED, or NO_SHOW when either side was
/// absent; its booking becomes COMPLETED.
///
/// # Errors
/// As [`mark_attendance`]; `InvalidState` also when it is over already.
pub async fn complete(
    app: &App,
    caller: &Caller,
    session_id: Uuid,
    version: Option<i64>,
) -> Result<SessionWithBooking> {
    let found = decide(app, caller, session_id, version, Action::Complete).await?;
    app.metrics.booking("completed");
    Ok(found)
}

#[derive(Clone, Copy, Debug)]
enum Action {
    Mark(MarkAttendance),
    Start,
    Complete,
}

async fn decide(
    app: &App,
    caller: &Caller,
    id: Uuid,
    version: Option<i64>,
    action: Action,
) -> Result<SessionWithBooking> {
    let decision = Decision {
        session_id: id,
        version,
        action,
    };
    let command = Command::new(app, caller, decision)?;
    app.db.transaction(command, carry_out).await
}

#[derive(Clone, Copy)]
struct Decision {
    session_id: Uuid,
    version: Option<i64>,
    action: Action,
}

async fn carry_out(txn: &Txn, command: Command<Decision>) -> Result<SessionWithBooking> {
    let Command { author, input } = command;
    let person = &author.person;
    let (session, booking) = lock(txn, person, input.session_id, input.version).await?;
    let cause = author.cause(coach_side(person, &booking)?);
    match input.action {
        Action::Mark(input) => mark(txn, &cause, session, &booking, input).await,
        Action::Start => begin(txn, &cause, session, &booking).await,
        Action::Complete => end(txn, &cause, session, &booking).await,
    }
}

/// The side that may run the session: its coach, or staff.
fn coach_side(person: &Person, booking: &Booking) -> Result<ActorKind> {
    if person.is_coach(booking.coach_id) {
        Ok(ActorKind::Coach)
    } else if person.is_admin() {
        Ok(ActorKind::Admin)
    } else if booking.client_id == Some(person.user_id) {
        Err(Error::Forbidden("only the coach may do this"))
    } else {
        Err(no_session())
    }
}

async fn mark(
    txn: &Txn,
    cause: &Cause,
    session: Model,
    booking: &Booking,
    input: MarkAttendance,
) -> Result<SessionWithBooking> {
    require_begun(&session, booking, cause.now)?;
    let before = who_came(&session);
    let mut marked = session.clone();
    marked.coach_attendance = input.coach.unwrap_or(session.coach_attendance);
    marked.client_attendance = input.client.unwrap_or(session.client_attendance);
    if matches!(marked.status, Status::Completed | Status::NoShow) {
        marked.status = outcome(Some(&marked));
    }
    let session = store(txn, Some(&session), marked, cause.now).await?;
    let facts = (before, who_came(&session));
    let booking = note(txn, cause, booking, Kind::AttendanceMarked, facts).await?;
    Ok(SessionWithBooking { session, booking })
}

async fn begin(
    txn: &Txn,
    cause: &Cause,
    session: Model,
    booking: &Booking,
) -> Result<SessionWithBooking> {
    let is_ready =
        session.status == Status::Upcoming && booking.status == booking::Status::Confirmed;
    if !is_ready {
        return Err(refused(&session, "begun"));
    }
    if cause.now < booking.starts_at - EARLIEST_START {
        let message = format!(
            "a session can be begun from {} minutes before its start",
            EARLIEST_START.num_minutes()
        );
        return Err(Conflict::InvalidState(message).into());
    }
    let mut begun = session.clone();
    begun.status = Status::InProgress;
    begun.started_at = Some(cause.now);
    let before = json!({ "sessionStatus": session.status.to_value() });
    let session = store(txn, Some(&session), begun, cause.now).await?;
    let after = json!({ "sessionStatus": session.status.to_value() });
    let booking = note(txn, cause, booking, Kind::SessionStarted, (before, after)).await?;
    Ok(SessionWithBooking { session, booking })
}

async fn end(
    txn: &Txn,
    cause: &Cause,
    session: Model,
    booking: &Booking,
) -> Result<SessionWithBooking> {
    require_begun(&session, booking, cause.now)?;
    if !matches!(session.status, Status::Upcoming | Status::InProgress) {
        return Err(refused(&session, "completed"));
    }
    let mut over = session.clone();
    over.status = outcome(Some(&session));
    over.ended_at = Some(cause.now);
    // Before the booking, whose transition would set the booked end as the session's end.
    let session = store(txn, Some(&session), over, cause.now).await?;
    let booking = apply(txn, cause, booking, Event::Ended, None, |_| ()).await?;
    Ok(SessionWithBooking { session, booking })
}

fn require_begun(session: &Model, booking: &Booking, now: DateTime<Utc>) -> Result<()> {
    if session.status == Status::Canceled {
        return Err(refused(session, "changed"));
    }
    if now < booking.starts_at {
        return Err(Conflict::InvalidState("the session has not begun yet".to_owned()).into());
    }
    Ok(())
}

fn refused(session: &Model, done: &str) -> Error {
    let name = session.status.to_value().to_lowercase().replace('_', " ");
    Conflict::InvalidState(format!("a session that is {name} cannot be {done}")).into()
}

/// The attendance, as recorded in the history.
fn who_came(session: &Model) -> Json {
    json!({
        "sessionStatus": session.status.to_value(),
        "coachAttendance": session.coach_attendance.to_value(),
        "clientAttendance": session.client_attendance.to_value(),
    })
}
