//! Approval and rejection by the coach.

use entity::Uuid;
use entity::booking::{Approval, Model, Status};
use entity::booking_event::{ActorKind, Kind};

use super::create::settle_price;
use super::intake::check_reason;
use super::payment::is_paid;
use super::state::Event;
use super::transition::{Transition, apply, no_booking};
use crate::app::App;
use crate::db::Txn;
use crate::domain::{Caller, Cause, Conflict, Error, Result};

/// Approves a booking: confirms it, or leaves it waiting for its payment.
///
/// # Errors
/// `InvalidState` unless it waits for approval; `NotFound` unless the caller is its coach or staff.
pub async fn approve(app: &App, caller: &Caller, booking_id: Uuid) -> Result<Model> {
    let deadline = app.clock.now() + app.deadlines.payment;
    decide(app, caller, booking_id, move |txn, cause, booking| {
        Box::pin(async move {
            let is_paid = is_paid(&**txn, booking.id).await?;
            let mut transition = Transition::of(cause, booking);
            transition.then(Event::Noted(Kind::Approved), None, |row| {
                row.approval = Approval::Given
            })?;
            settle_price(&mut transition, is_paid, deadline)?;
            transition.write(txn).await
        })
    })
    .await
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
    decide(app, caller, booking_id, move |txn, cause, booking| {
        let reason = reason.clone();
        Box::pin(
            async move { apply(txn, cause, booking, Event::RejectedByCoach, reason, |_| ()).await },
        )
    })
    .await
}

type Deciding<'t> = futures_util::future::BoxFuture<'t, Result<Model>>;

async fn decide<F>(app: &App, caller: &Caller, booking_id: Uuid, decision: F) -> Result<Model>
where
    F: for<'t> Fn(&'t Txn, &'t Cause, &'t Model) -> Deciding<'t> + Clone + Send + Sync + 'static,
{
    let person = caller.require_person()?.clone();
    let (correlation_id, now) = (caller.correlation_id.clone(), app.clock.now());
    app.db
        .write(move |txn| {
            let (person, correlation_id, decision) =
                (person.clone(), correlation_id.clone(), decision.clone());
            Box::pin(async move {
                let booking = super::read::take(txn, booking_id).await?;
                super::read::require_reachable(txn, &booking).await?;
                let side = match super::side(&person, &booking)? {
                    ActorKind::Client if person.is_coach(booking.coach_id) => ActorKind::Coach,
                    ActorKind::Client if person.is_admin() => ActorKind::Admin,
                    ActorKind::Client => {
                        return Err(Error::Forbidden("only the coach may decide this"));
                    }
                    side => side,
                };
                if booking.status != Status::Scheduled || booking.approval != Approval::Pending {
                    return Err(Conflict::InvalidState(
                        "the booking does not wait for approval".to_owned(),
                    )
                    .into());
                }
                if booking.starts_at <= now {
                    return Err(Conflict::InvalidState("its time has passed".to_owned()).into());
                }
                decision(
                    txn,
                    &Cause::person(side, &person, &correlation_id, now),
                    &booking,
                )
                .await
            })
        })
        .await
        .map_err(|error| {
            if matches!(error, Error::NotFound(_)) {
                no_booking()
            } else {
                error
            }
        })
}
