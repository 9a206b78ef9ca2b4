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
use crate::domain::{Caller, Cause, Command, Conflict, Result};

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
    let user_id = caller.require_person()?.user_id;
    check_reason(input.reason.as_deref())?;
    let request_hash = idempotency::key(user_id, "cancelBooking", key, &input)?.request_hash;
    let attempt = Attempt {
        input,
        key: key.to_owned(),
        request_hash,
    };
    let command = Command::new(app, caller, attempt)?;
    let (booking, is_new) = app.db.transaction(command, carry_out).await?;
    if is_new {
        app.metrics.booking("canceled");
    }
    Ok(booking)
}

/// A cancellation with its idempotency key.
#[derive(Clone)]
struct Attempt {
    input: Cancel,
    key: String,
    request_hash: String,
}

/// Gives the booking, and whether it is this attempt that has canceled it.
async fn carry_out(txn: &Txn, command: Command<Attempt>) -> Result<(Model, bool)> {
    let Command {
        author,
        input: Attempt {
            input,
            key,
            request_hash,
        },
    } = command;
    let booking = super::rows::take(txn, input.booking_id).await?;
    let side = super::side(&author.person, &booking)?;
    let key = idempotency::Key {
        user_id: author.person.user_id,
        operation: "cancelBooking",
        key: &key,
        request_hash,
    };
    if let Claim::Done(_) = idempotency::claim(txn, &key, booking.id, author.now).await? {
        return Ok((booking, false));
    }
    let cause = author.cause(side);
    Ok((take_back(txn, &cause, &booking, input).await?, true))
}

async fn take_back(txn: &Txn, cause: &Cause, booking: &Model, input: Cancel) -> Result<Model> {
    if input
        .version
        .is_some_and(|version| version != booking.version)
    {
        return Err(Conflict::Stale.into());
    }
    super::rows::require_reachable(txn, booking).await?;
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
