//! Moves a booking to another time, under the same id.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use entity::booking::{Approval, Model, Status};
use entity::booking_event::{ActorKind, Kind};
use entity::coach::Scheduler;
use entity::{Uuid, coach, event_type, scheduler_request, slot_hold};
use sea_orm::{EntityTrait, IntoActiveModel};
use serde::Serialize;

use super::idempotency::{self, Claim};
use super::intake::check_reason;
use super::offer::require_host;
use super::remote::availability::RemoteAvailability;
use super::remote::request::{self, NewRequest};
use super::remote::{dispatch, outcome, projections};
use super::slot::{SlotRequest, require_free};
use super::state::Event;
use super::transition::Transition;
use crate::app::App;
use crate::db::Txn;
use crate::domain::lock::Parties;
use crate::domain::scheduling::{self, Except};
use crate::domain::{Caller, Cause, Conflict, Error, Person, Result};

/// The input of [`reschedule`].
#[derive(Clone, Debug, Serialize)]
pub struct Reschedule {
    pub booking_id: Uuid,
    pub starts_at: DateTime<Utc>,
    pub reason: Option<String>,
    /// The version that the caller has read; a newer one is refused.
    pub version: Option<i64>,
}

/// Moves a booking to another free slot of the same length. When a client moves a booking whose
/// type requires approval, the coach must approve again. A booking that already starts then is
/// returned unchanged: no move is counted, and no scheduler is called.
///
/// # Errors
/// As for booking; `InvalidState` for a booking that is no longer active or has begun, `Policy`
/// when the client has no moves left, `Stale` when it was changed since the caller read it.
pub async fn reschedule(
    app: &Arc<App>,
    caller: &Caller,
    key: &str,
    input: Reschedule,
) -> Result<Model> {
    let person = caller.require_person()?.clone();
    check_reason(input.reason.as_deref())?;
    let seen = super::read::get(app, caller, input.booking_id).await?;
    let now = app.clock.now();
    let used = idempotency::key(person.user_id, "rescheduleBooking", key, &input)?;
    if let Some(subject) = idempotency::find(app.db.read(), &used, now).await? {
        // A repeat skips the check that the slot is free.
        let booking = super::rows::require(app.db.read(), seen.id).await?;
        return outcome::outcome_of_repeat(app, booking, subject).await;
    }
    let offered = RemoteAvailability::for_move(app, &seen, input.starts_at).await?;
    let attempt = Attempt {
        person,
        correlation_id: caller.correlation_id.clone(),
        key: key.to_owned(),
        request_hash: used.request_hash,
        parties: Parties::of(seen.coach_id, seen.client_id),
        input,
        offered,
        now,
    };
    let moving = app.db.transaction(attempt, attempt_move).await?;
    if !matches!(moving, Moving::Before(..) | Moving::Unneeded(_)) {
        app.metrics.booking("rescheduled");
    }
    match moving {
        Moving::Before(booking, subject) => outcome::outcome_of_repeat(app, booking, subject).await,
        Moving::Done(booking) | Moving::Unneeded(booking) => Ok(booking),
        Moving::NewRequest(booking, request_id) => {
            outcome::outcome_of_move(app, booking, request_id).await
        }
    }
}

/// One attempt to move a booking.
#[derive(Clone)]
struct Attempt {
    person: Person,
    correlation_id: String,
    key: String,
    request_hash: String,
    /// The parties of the booking when it was last read.
    parties: Parties,
    input: Reschedule,
    offered: RemoteAvailability,
    now: DateTime<Utc>,
}

async fn attempt_move(txn: &Txn, attempt: Attempt) -> Result<Moving> {
    let Attempt {
        person,
        correlation_id,
        key,
        request_hash,
        parties,
        input,
        offered,
        now,
    } = attempt;
    // Lock order: the two parties, then the booking. The reverse order could deadlock.
    parties.lock(txn).await?;
    let booking = super::rows::take(txn, input.booking_id).await?;
    let side = super::side(&person, &booking)?;
    Parties::of(booking.coach_id, booking.client_id)
        .lock_beyond(txn, &parties)
        .await?;
    let key = idempotency::Key {
        user_id: person.user_id,
        operation: "rescheduleBooking",
        key: &key,
        request_hash,
    };
    if let Claim::Done(subject) = idempotency::claim(txn, &key, booking.id, now).await? {
        return Ok(Moving::Before(booking, subject));
    }
    if input
        .version
        .is_some_and(|version| version != booking.version)
    {
        return Err(Conflict::Stale.into());
    }
    if starts_there(&booking, &input, now) {
        require_no_open_request(txn, &booking).await?;
        return Ok(Moving::Unneeded(booking));
    }
    let cause = Cause::person(side, &person, &correlation_id, now);
    let moving = move_to(txn, &cause, &booking, input, &offered).await?;
    if let Moving::NewRequest(_, request_id) = moving {
        idempotency::hand_on(txn, &key, request_id).await?;
    }
    Ok(moving)
}

/// Result of the transaction that moves a booking.
enum Moving {
    /// A repeat of an earlier request; with the subject of its key.
    Before(Model, Uuid),
    Done(Model),
    /// The booking already starts then.
    Unneeded(Model),
    /// The remote scheduler must grant the move.
    NewRequest(Model, Uuid),
}

/// Whether a booking that can still be moved is already where it is to go.
fn starts_there(booking: &Model, input: &Reschedule, now: DateTime<Utc>) -> bool {
    booking.status.is_active() && booking.starts_at == input.starts_at && input.starts_at > now
}

async fn move_to(
    txn: &Txn,
    cause: &Cause,
    booking: &Model,
    input: Reschedule,
    offered: &RemoteAvailability,
) -> Result<Moving> {
    super::rows::require_reachable(txn, booking).await?;
    if input.starts_at <= cause.now {
        return Err(Error::invalid("startsAt", "must be in the future"));
    }
    if booking.status.is_active() {
        if booking.starts_at <= cause.now {
            return Err(Conflict::InvalidState("the session has already begun".to_owned()).into());
        }
        require_moves_left(cause, booking)?;
    }
    let event_type = event_type::Entity::find_by_id(booking.event_type_id)
        .one(&**txn)
        .await?
        .ok_or_else(|| Error::internal("a booking", "without its event type"))?;
    // An approval covers one time only: another time needs a new one, also while the payment is
    // missing.
    let approved = [
        Status::Confirmed,
        Status::PaymentPending,
        Status::PaymentFailed,
    ]
    .contains(&booking.status);
    let asks_again = cause.by == ActorKind::Client && event_type.requires_approval && approved;
    let event = if asks_again {
        Event::MovedForApproval
    } else {
        Event::Moved
    };
    let length = (booking.ends_at - booking.starts_at).num_minutes();
    let length =
        i32::try_from(length).map_err(|error| Error::internal("a booking's length", error))?;
    let terms = scheduling::terms(&event_type, length)?;
    let claim = terms
        .claim(input.starts_at)
        .ok_or_else(|| Error::invalid("startsAt", "out of range"))?;

    if booking.status.is_active() {
        require_host(txn, &event_type, booking.coach_id).await?;
        let coach = coach::Entity::find_by_id(booking.coach_id)
            .one(&**txn)
            .await?
            .ok_or(Error::NotFound("coach"))?;
        let except = Except {
            booking_id: Some(booking.id),
            user_id: cause.actor_id,
        };
        let scheduler = booking.scheduler;
        let wanted = SlotRequest {
            coach: &coach,
            event_type: &event_type,
            terms: &terms,
            scheduler,
        };
        require_free(txn, wanted, offered, input.starts_at, except, cause.now).await?;
        if booking.scheduler != Scheduler::Native {
            let request_id =
                ask_to_move(txn, cause, booking, (claim.from, claim.until), input).await?;
            return Ok(Moving::NewRequest(booking.clone(), request_id));
        }
    }
    let mut transition = Transition::of(cause, booking);
    transition.then(event, input.reason, |booking| {
        booking.starts_at = input.starts_at;
        booking.ends_at = input.starts_at + terms.length;
        booking.busy_from = claim.from;
        booking.busy_until = claim.until;
        booking.moves += 1;
        if asks_again {
            booking.approval = Approval::Pending;
            booking.payment_deadline = None;
        }
    })?;
    if asks_again {
        transition.then(Event::Noted(Kind::ApprovalRequested), None, |_| ())?;
    }
    Ok(Moving::Done(transition.write(txn).await?))
}

/// Records a request to move the booking at its remote scheduler, and holds its new time until the
/// outcome is known.
async fn ask_to_move(
    txn: &Txn,
    cause: &Cause,
    booking: &Model,
    busy: (DateTime<Utc>, DateTime<Utc>),
    input: Reschedule,
) -> Result<Uuid> {
    require_no_open_request(txn, booking).await?;
    let known = projections::projection_of(&**txn, booking.id).await?;
    let unknown = || Conflict::InvalidState("the coach's calendar has not answered yet".to_owned());
    let from_uid = known.ok_or_else(unknown)?.uid;
    let owner = cause.actor_id.ok_or(Error::Unauthenticated)?;
    let hold = hold(booking, busy, input.starts_at, owner, cause.now);
    let hold_id = hold.id;
    slot_hold::Entity::insert(hold.into_active_model())
        .exec_without_returning(&**txn)
        .await?;
    let asked = NewRequest {
        booking_id: booking.id,
        scheduler: booking.scheduler,
        kind: scheduler_request::Kind::Move,
        starts_at: input.starts_at,
        from_uid: Some(from_uid),
        hold_id: Some(hold_id),
        reason: input.reason,
    };
    request::open(txn, cause, asked).await
}

/// Until an open request is closed, the booking's time may still change.
async fn require_no_open_request(txn: &Txn, booking: &Model) -> Result<()> {
    let open = scheduler_request::Entity::find_open(booking.id)
        .one(&**txn)
        .await?;
    match open {
        None => Ok(()),
        Some(_) => Err(Conflict::InvalidState(
            "another change of this booking is still under way".to_owned(),
        )
        .into()),
    }
}

/// Builds the hold on the new time.
fn hold(
    asked: &Model,
    (busy_from, busy_until): (DateTime<Utc>, DateTime<Utc>),
    starts_at: DateTime<Utc>,
    user_id: Uuid,
    now: DateTime<Utc>,
) -> slot_hold::Model {
    slot_hold::Model {
        id: entity::new_id(),
        coach_id: asked.coach_id,
        event_type_id: asked.event_type_id,
        user_id,
        starts_at,
        ends_at: starts_at + (asked.ends_at - asked.starts_at),
        busy_from,
        busy_until,
        expires_at: now + dispatch::OVER,
        created_at: now,
    }
}

/// Enforces the limit of moves in the booking's policy; it applies to clients, not to coaches and
/// staff.
fn require_moves_left(cause: &Cause, booking: &Model) -> Result<()> {
    match booking.policy.max_moves {
        Some(most) if cause.by == ActorKind::Client && booking.moves >= most => {
            Err(Conflict::Policy {
                message: format!("this booking can be moved at most {most} times"),
                boundary: None,
            }
            .into())
        }
        _ => Ok(()),
    }
}
