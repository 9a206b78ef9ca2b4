//! Approval and rejection by the coach.

use chrono::{DateTime, Utc};
use entity::Uuid;
use entity::booking::{Approval, Model, Status};
use entity::booking_event::{ActorKind, Kind};

use super::intake::check_reason;
use super::payment::{is_paid, settle_price};
use super::state::Event;
use super::transition::{Transition, apply, no_booking};
use crate::app::App;
use crate::db::Txn;
use crate::domain::{Caller, Command, Conflict, Error, Result};

/// Approves a booking: confirms it, or leaves it waiting for its payment.
///
/// # Errors
/// `InvalidState` unless it waits for approval; `NotFound` unless the caller is its coach or staff.
pub async fn approve(app: &App, caller: &Caller, booking_id: Uuid) -> Result<Model> {
    let payment_deadline = app.clock.now() + app.deadlines.payment;
    let decision = Decision::Approve { payment_deadline };
    decide(app, caller, booking_id, decision).await
}

/// Rejects a booking and releases its time.
///
/// # Errors
/// As [`approve`].
pub async fn reject(
    app: &App,
    caller: &Caller,
    booking_id: Uuid,
    reason: Option<String>,
) -> Result<Model> {
    check_reason(reason.as_deref())?;
    decide(app, caller, booking_id, Decision::Reject { reason }).await
}

#[derive(Clone)]
enum Decision {
    Approve { payment_deadline: DateTime<Utc> },
    Reject { reason: Option<String> },
}

async fn decide(app: &App, caller: &Caller, booking_id: Uuid, decision: Decision) -> Result<Model> {
    let command = Command::new(app, caller, (booking_id, decision))?;
    let decided = app.db.transaction(command, carry_out).await;
    decided.map_err(|error| match error {
        Error::NotFound(_) => no_booking(),
        error => error,
    })
}

async fn carry_out(txn: &Txn, command: Command<(Uuid, Decision)>) -> Result<Model> {
    let Command { author, input } = command;
    let (booking_id, decision) = input;
    let person = &author.person;
    let booking = super::rows::take(txn, booking_id).await?;
    super::rows::require_reachable(txn, &booking).await?;
    let side = match super::side(person, &booking)? {
        ActorKind::Client if person.is_coach(booking.coach_id) => ActorKind::Coach,
        ActorKind::Client if person.is_admin() => ActorKind::Admin,
        ActorKind::Client => return Err(Error::Forbidden("only the coach may decide this")),
        side => side,
    };
    if booking.status != Status::Scheduled || booking.approval != Approval::Pending {
        let message = "the booking does not wait for approval".to_owned();
        return Err(Conflict::InvalidState(message).into());
    }
    if booking.starts_at <= author.now {
        return Err(Conflict::InvalidState("its time has passed".to_owned()).into());
    }
    let cause = author.cause(side);
    match decision {
        Decision::Reject { reason } => {
            apply(
                txn,
                &cause,
                &booking,
                Event::RejectedByCoach,
                reason,
                |_| (),
            )
            .await
        }
        Decision::Approve { payment_deadline } => {
            let is_paid = is_paid(&**txn, booking.id).await?;
            let mut transition = Transition::of(&cause, &booking);
            transition.then(Event::Noted(Kind::Approved), None, |row| {
                row.approval = Approval::Given
            })?;
            settle_price(&mut transition, is_paid, payment_deadline)?;
            transition.write(txn).await
        }
    }
}
