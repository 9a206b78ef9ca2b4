//! The only road to a changed booking: the table of transitions, the version, the line of history and the session, in one transaction.

use chrono::TimeDelta;
use entity::booking::{self, Model, Status};
use entity::booking_event::Kind;
use entity::{Json, session};
use sea_orm::ActiveValue::{Set, Unchanged};
use sea_orm::{ActiveModelTrait, ColumnTrait, EntityTrait, IntoActiveModel, QueryFilter};
use serde_json::{Map, json};

use super::state::{self, Event};
use crate::db::Txn;
use crate::domain::{Act, Conflict, Error, Result};
use crate::outbox;

/// Writes a new booking down, INITIATED, and takes its time.
///
/// # Errors
/// `SlotTaken`, `ClientBusy` or `VerificationExists` when the database refuses it.
pub(crate) async fn initiate(txn: &Txn, act: &Act, booking: Model) -> Result<Model> {
    debug_assert_eq!((booking.status, booking.version), (Status::Initiated, 1));
    // Before the row: whoever waits for the row's time must not hold what its history waits for.
    outbox::enter(txn).await?;
    let booking = booking.into_active_model().reset_all().insert(&**txn).await?;
    outbox::record(txn, line(act, &booking, Kind::Initiated, None, None)).await?;
    Ok(booking)
}

/// Lets `event` happen to a booking. What `edit` does to its status or version counts for nothing: those follow from the event.
///
/// # Errors
/// `InvalidState` when this cannot happen to it now, and what the database refuses. When the booking was changed meanwhile, the whole
/// transaction is run again, from reading it on.
pub(crate) async fn apply(
    txn: &Txn,
    act: &Act,
    booking: &Model,
    event: Event,
    reason: Option<String>,
    edit: impl FnOnce(&mut Model),
) -> Result<Model> {
    let Some(status) = state::next(booking.status, event) else {
        return Err(Conflict::InvalidState(impossible(booking.status, event)).into());
    };
    let mut changed = booking.clone();
    edit(&mut changed);
    changed.status = status;
    if !status.is_active() {
        // It takes no time any more, so nothing can be in its way.
        changed.conflict = None;
    }
    changed.version = booking.version + 1;
    changed.updated_at = act.now;

    write(txn, booking, &changed).await?;
    follow_with_session(txn, act, &changed).await?;
    outbox::record(txn, line(act, &changed, event.kind(), Some(booking), reason)).await?;
    Ok(changed)
}

/// Writes down that something happened around a booking that changes nothing of its own but the version, with what it was: facts about
/// its session, for example.
///
/// # Errors
/// As [`apply`].
pub(crate) async fn note(
    txn: &Txn,
    act: &Act,
    booking: &Model,
    kind: Kind,
    (before, after): (Json, Json),
) -> Result<Model> {
    let mut changed = booking.clone();
    changed.version = booking.version + 1;
    changed.updated_at = act.now;
    write(txn, booking, &changed).await?;
    let line = line(act, &changed, kind, Some(booking), None);
    outbox::record(txn, outbox::BookingEvent { before: Some(before), after: Some(after), ..line }).await?;
    Ok(changed)
}

/// Writes the row, unless somebody else was first.
async fn write(txn: &Txn, booking: &Model, changed: &Model) -> Result<()> {
    let mut row = changed.clone().into_active_model().reset_all();
    row.id = Unchanged(booking.id);
    let written = booking::Entity::update_many()
        .set(row)
        .filter(booking::Column::Id.eq(booking.id))
        .filter(booking::Column::Version.eq(booking.version))
        .exec(&**txn)
        .await?;
    if written.rows_affected == 1 { Ok(()) } else { Err(Error::lost_race()) }
}

fn impossible(status: Status, event: Event) -> String {
    let name = sea_orm::ActiveEnum::to_value(&status).to_lowercase().replace('_', " ");
    match event {
        Event::Canceled if status == Status::Canceled => "the booking is already canceled".to_owned(),
        Event::Canceled => format!("a booking that is {name} cannot be canceled"),
        Event::Moved | Event::MovedForApproval => format!("a booking that is {name} cannot be moved"),
        _ => format!("this cannot be done to a booking that is {name}"),
    }
}

/// How long before its booked start a session may be begun.
pub(crate) const EARLIEST_START: TimeDelta = TimeDelta::minutes(15);

/// Keeps the session in step with its booking: it exists from the first confirmation on, and never stands without its booking.
async fn follow_with_session(txn: &Txn, act: &Act, booking: &Model) -> Result<()> {
    use session::Status as At;

    let found = session::Entity::find_by_booking(booking.id).one(&**txn).await?;
    let wanted = match (booking.status, found.as_ref().map(|session| session.status)) {
        (Status::Confirmed, None | Some(At::Canceled)) => At::Upcoming,
        // Begun a little early, and then moved away.
        (Status::Confirmed, Some(At::InProgress)) if booking.starts_at > act.now + EARLIEST_START => At::Upcoming,
        (Status::Completed, None | Some(At::Upcoming | At::InProgress | At::Canceled)) => outcome(found.as_ref()),
        (status, Some(At::Upcoming | At::InProgress | At::Completed | At::NoShow))
            if !matches!(status, Status::Confirmed | Status::Completed) =>
        {
            At::Canceled
        }
        _ => return Ok(()),
    };
    let Some(session) = found else {
        session::ActiveModel {
            id: Set(entity::new_id()),
            booking_id: Set(booking.id),
            status: Set(wanted),
            coach_attendance: Set(session::Attendance::Unknown),
            client_attendance: Set(session::Attendance::Unknown),
            started_at: Set(None),
            ended_at: Set(is_over(wanted).then_some(booking.ends_at)),
            rating: Set(None),
            version: Set(1),
            created_at: Set(act.now),
            updated_at: Set(act.now),
        }
        .insert(&**txn)
        .await?;
        return Ok(());
    };
    let mut row = session.clone().into_active_model();
    row.status = Set(wanted);
    row.version = Set(session.version + 1);
    row.updated_at = Set(act.now);
    if wanted == At::Upcoming {
        row.coach_attendance = Set(session::Attendance::Unknown);
        row.client_attendance = Set(session::Attendance::Unknown);
        (row.started_at, row.ended_at) = (Set(None), Set(None));
    }
    if is_over(wanted) && session.ended_at.is_none() {
        row.ended_at = Set(Some(booking.ends_at));
    }
    row.update(&**txn).await?;
    Ok(())
}

/// How a session that is over went, by what is known of who came.
pub(crate) fn outcome(session: Option<&session::Model>) -> session::Status {
    let absent = session::Attendance::Absent;
    match session {
        Some(session) if session.coach_attendance == absent || session.client_attendance == absent => {
            session::Status::NoShow
        }
        _ => session::Status::Completed,
    }
}

fn is_over(status: session::Status) -> bool {
    matches!(status, session::Status::Completed | session::Status::NoShow)
}

fn line(
    act: &Act,
    booking: &Model,
    kind: Kind,
    before: Option<&Model>,
    reason: Option<String>,
) -> outbox::BookingEvent {
    let (old, new) = difference(before, booking);
    outbox::BookingEvent {
        booking_id: booking.id,
        coach_id: booking.coach_id,
        client_id: booking.client_id,
        kind,
        version: booking.version,
        status_before: before.map(|before| before.status),
        status_after: booking.status,
        before: old,
        after: new,
        reason,
        scheduler: booking.scheduler,
        act: act.clone(),
    }
}

/// What history keeps of a booking: nothing personal beyond who it is for.
fn facts(booking: &Model) -> Map<String, Json> {
    let facts = json!({
        "status": booking.status.into_wire(),
        "startsAt": booking.starts_at,
        "endsAt": booking.ends_at,
        "clientId": booking.client_id,
        "coachId": booking.coach_id,
        "eventTypeId": booking.event_type_id,
        "approval": booking.approval.into_wire(),
        "paymentDeadline": booking.payment_deadline,
        "conflict": booking.conflict.map(Wire::into_wire),
        "mergedInto": booking.merged_into,
        "moves": booking.moves,
    });
    match facts {
        Json::Object(facts) => facts,
        _ => unreachable!("the literal above is an object"),
    }
}

/// An enum under the name that clients see.
trait Wire {
    fn into_wire(self) -> String;
}

impl<E: sea_orm::ActiveEnum<Value = String>> Wire for E {
    fn into_wire(self) -> String {
        self.to_value()
    }
}

/// Only what differs, as it was and as it is.
fn difference(before: Option<&Model>, after: &Model) -> (Option<Json>, Option<Json>) {
    let mut new = facts(after);
    let Some(before) = before else {
        return (None, Some(Json::Object(new)));
    };
    let mut old = facts(before);
    old.retain(|key, value| new.get(key) != Some(value));
    new.retain(|key, _| old.contains_key(key));
    if old.is_empty() { (None, None) } else { (Some(Json::Object(old)), Some(Json::Object(new))) }
}

/// `NotFound`, for a booking that the caller may not know of.
pub(crate) fn no_booking() -> Error {
    Error::NotFound("booking")
}
