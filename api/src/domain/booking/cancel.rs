//! Cancellation.

use entity::Uuid;
use entity::booking::Model;
use entity::booking_event::ActorKind;
use serde::Serialize;

use super::idempotency::{self, Claim};
use super::intake::check_reason;
use super::state::Event;
use super::transition::apply;
use crate::app::App;
use crate::db::Txn;
use crate::domain::{Caller, Cause, Conflict, Result};

/// What to cancel.
#[derive(Clone, Debug, Serialize)]
pub struct Cancel {
    pub booking_id: Uuid,
    pub reason: Option<String>,
    /// The version that the caller has read; a newer one is refused.
    pub version: Option<i64>,
}

/// Cancels a booking and releases its time. The refund follows from the policy stored in the
/// booking.
///
/// # Errors
/// `InvalidState` for a booking that is no longer active, and for a client once the session has
/// begun; `Stale` when it was changed since the caller read it.
pub async fn cancel(app: &App, caller: &Caller, key: &str, input: Cancel) -> Result<Model> {
    let person = caller.require_person()?.clone();
    check_reason(input.reason.as_deref())?;
    let now = app.clock.now();
    let request_hash = idempotency::key(person.user_id, "cancelBooking", key, &input)?.request_hash;
    let (key, correlation_id) = (key.to_owned(), caller.correlation_id.clone());

    let (booking, is_new) = app
        .db
        .write(move |txn| {
            let (input, key, request_hash) = (input.clone(), key.clone(), request_hash.clone());
            let (person, correlation_id) = (person.clone(), correlation_id.clone());
            Box::pin(async move {
                let booking = super::read::take(txn, input.booking_id).await?;
                let side = super::side(&person, &booking)?;
                let key = idempotency::Key {
                    user_id: person.user_id,
                    operation: "cancelBooking",
                    key: &key,
                    request_hash,
                };
                if let Claim::Done(_) = idempotency::claim(txn, &key, booking.id, now).await? {
                    return Ok((booking, false));
                }
                let cause = Cause::person(side, &person, &correlation_id, now);
                Ok((take_back(txn, &cause, &booking, input).await?, true))
            })
        })
        .await?;
    if is_new {
        app.metrics.booking("canceled");
    }
    Ok(booking)
}

async fn take_back(txn: &Txn, cause: &Cause, booking: &Model, input: Cancel) -> Result<Model> {
    if input
        .version
        .is_some_and(|version| version != booking.version)
    {
        return Err(Conflict::Stale.into());
    }
    super::read::require_reachable(txn, booking).await?;
    if cause.by == ActorKind::Client && booking.status.is_active() && booking.starts_at <= cause.now
    {
        return Err(Conflict::InvalidState("the session has already begun".to_owned()).into());
    }
    apply(
        txn,
        cause,
        booking,
        Event::Canceled,
        input.reason.clone(),
        |booking| {
            booking.cancellation_reason = input.reason;
            booking.canceled_at = Some(cause.now);
            booking.payment_deadline = None;
        },
    )
    .await
}
