//! The only writer of booking rows: applies the state machine, the version, the history and the
//! session in one transaction.

use entity::Json;
use entity::booking::{self, Model, Status};
use entity::booking_event::Kind;
use sea_orm::ActiveValue::Unchanged;
use sea_orm::{ActiveModelTrait, ColumnTrait, EntityTrait, IntoActiveModel, QueryFilter};
use serde_json::{Map, json};

use super::session::{BookingSnapshot, follow_booking};
use super::state::{self, Event};
use crate::db::Txn;
use crate::domain::{Cause, Conflict, Error, Result};
use crate::outbox;

/// A change of one booking, in one or more steps. Each step is a history entry and a version; the
/// row and the entries are written together at the end.
pub(crate) struct Transition<'a> {
    cause: &'a Cause,
    /// The stored row; `None` for a new booking.
    stored: Option<&'a Model>,
    booking: Model,
    /// The booking after each step.
    snapshots: Vec<BookingSnapshot>,
    lines: Vec<outbox::BookingEvent>,
}

impl<'a> Transition<'a> {
    /// Starts with a new booking, INITIATED, which takes its time.
    pub(crate) fn begin(cause: &'a Cause, booking: Model) -> Self {
        debug_assert_eq!((booking.status, booking.version), (Status::Initiated, 1));
        let lines = vec![line(cause, &booking, Kind::Initiated, None, None)];
        Self {
            cause,
            stored: None,
            booking,
            snapshots: Vec::new(),
            lines,
        }
    }

    /// Starts with a stored booking.
    pub(crate) fn of(cause: &'a Cause, booking: &'a Model) -> Self {
        Self {
            cause,
            stored: Some(booking),
            booking: booking.clone(),
            snapshots: Vec::new(),
            lines: Vec::new(),
        }
    }

    /// The booking after the last step.
    pub(crate) fn booking(&self) -> &Model {
        &self.booking
    }

    /// Applies `event`. Status and version follow from the event: what `edit` sets them to is
    /// overwritten.
    ///
    /// # Errors
    /// `InvalidState` when the event is impossible in the present status.
    pub(crate) fn then(
        &mut self,
        event: Event,
        reason: Option<String>,
        edit: impl FnOnce(&mut Model),
    ) -> Result<()> {
        let Some(status) = state::next(self.booking.status, event) else {
            return Err(Conflict::InvalidState(impossible(self.booking.status, event)).into());
        };
        let mut changed = self.booking.clone();
        edit(&mut changed);
        changed.status = status;
        if !status.is_active() {
            // It takes no time any more, so it conflicts with nothing.
            changed.conflict = None;
        }
        changed.version = self.booking.version + 1;
        changed.updated_at = self.cause.now;
        self.lines.push(line(
            self.cause,
            &changed,
            event.kind(),
            Some(&self.booking),
            reason,
        ));
        self.snapshots.push(BookingSnapshot::of(&changed));
        self.booking = changed;
        Ok(())
    }

    /// Writes the row, its session, its history and the jobs that follow.
    ///
    /// # Errors
    /// `SlotTaken`, `ClientBusy` or `VerificationExists` when a constraint of the database refuses
    /// it. When the row's version has changed meanwhile, a lost race, on which the whole
    /// transaction is retried.
    pub(crate) async fn write(self, txn: &Txn) -> Result<Model> {
        let booking = self.booking;
        match self.stored {
            Some(stored) => write(txn, stored, &booking).await?,
            None => insert(txn, &booking).await?,
        }
        follow_booking(
            txn,
            self.cause,
            (booking.id, self.stored.is_none()),
            &self.snapshots,
        )
        .await?;
        outbox::record(txn, self.lines).await?;
        Ok(booking)
    }
}

/// Applies one event to a booking: a [`Transition`] of one step.
///
/// # Errors
/// As [`Transition::then`] and [`Transition::write`].
pub(crate) async fn apply(
    txn: &Txn,
    cause: &Cause,
    booking: &Model,
    event: Event,
    reason: Option<String>,
    edit: impl FnOnce(&mut Model),
) -> Result<Model> {
    let mut transition = Transition::of(cause, booking);
    transition.then(event, reason, edit)?;
    transition.write(txn).await
}

/// Records a history entry that changes nothing of the booking but its version: about its session,
/// for example.
///
/// # Errors
/// As [`apply`].
pub(crate) async fn note(
    txn: &Txn,
    cause: &Cause,
    booking: &Model,
    kind: Kind,
    (before, after): (Json, Json),
) -> Result<Model> {
    let mut changed = booking.clone();
    changed.version = booking.version + 1;
    changed.updated_at = cause.now;
    write(txn, booking, &changed).await?;
    let line = line(cause, &changed, kind, Some(booking), None);
    outbox::record(
        txn,
        vec![outbox::BookingEvent {
            before: Some(before),
            after: Some(after),
            ..line
        }],
    )
    .await?;
    Ok(changed)
}

async fn insert(txn: &Txn, booking: &Model) -> Result<()> {
    let row = booking.clone().into_active_model().reset_all();
    booking::Entity::insert(row)
        .exec_without_returning(&**txn)
        .await?;
    Ok(())
}

/// Updates the row if its version is unchanged.
async fn write(txn: &Txn, booking: &Model, changed: &Model) -> Result<()> {
    let mut row = changed.clone().into_active_model().reset_all();
    row.id = Unchanged(booking.id);
    let written = booking::Entity::update_many()
        .set(row)
        .filter(booking::Column::Id.eq(booking.id))
        .filter(booking::Column::Version.eq(booking.version))
        .exec(&**txn)
        .await?;
    if written.rows_affected == 1 {
        Ok(())
    } else {
        Err(Error::lost_race())
    }
}

fn impossible(status: Status, event: Event) -> String {
    let name = sea_orm::ActiveEnum::to_value(&status)
        .to_lowercase()
        .replace('_', " ");
    match event {
        Event::Canceled if status == Status::Canceled => {
            "the booking is already canceled".to_owned()
        }
        Event::Canceled => format!("a booking that is {name} cannot be canceled"),
        Event::Moved | Event::MovedForApproval => {
            format!("a booking that is {name} cannot be moved")
        }
        _ => format!("this cannot be done to a booking that is {name}"),
    }
}

fn line(
    cause: &Cause,
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
        cause: cause.clone(),
    }
}

/// Fields that history records: nothing personal beyond the ids of client and coach.
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

/// Name of an enum value in the API.
trait Wire {
    fn into_wire(self) -> String;
}

impl<E: sea_orm::ActiveEnum<Value = String>> Wire for E {
    fn into_wire(self) -> String {
        self.to_value()
    }
}

/// The fields that differ: old and new values.
fn difference(before: Option<&Model>, after: &Model) -> (Option<Json>, Option<Json>) {
    let mut new = facts(after);
    let Some(before) = before else {
        return (None, Some(Json::Object(new)));
    };
    let mut old = facts(before);
    old.retain(|key, value| new.get(key) != Some(value));
    new.retain(|key, _| old.contains_key(key));
    if old.is_empty() {
        (None, None)
    } else {
        (Some(Json::Object(old)), Some(Json::Object(new)))
    }
}

/// `NotFound`, also for a booking that the caller may not see.
pub(crate) fn no_booking() -> Error {
    Error::NotFound("booking")
}
