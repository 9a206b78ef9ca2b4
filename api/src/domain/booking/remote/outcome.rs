//! Waits for the outcome of a remote request, with a time limit, and returns it to the client.

use std::sync::Arc;
use std::time::Duration;

use entity::Uuid;
use entity::booking::Model as Booking;
use entity::scheduler_request::{Entity, Kind, Status as Standing};
use sea_orm::EntityTrait;

use super::dispatch::run_request;
use super::request;
use crate::app::App;
use crate::domain::booking::rows;
use crate::domain::{Conflict, Error, Result};

/// How long a client waits for the outcome; afterwards the booking is returned as it is.
const PATIENCE: Duration = Duration::from_secs(8);

/// Runs a request and waits up to the limit; the request continues after the client stops waiting.
async fn wait_for_outcome(app: &Arc<App>, request_id: Uuid) {
    let doing = {
        let app = Arc::clone(app);
        app.tasks.clone().spawn(async move {
            if let Err(error) = run_request(&app, request_id).await {
                tracing::warn!(request.id = %request_id, %error, "request to a scheduler still open");
            }
        })
    };
    let _ = tokio::time::timeout(PATIENCE, doing).await;
}

/// Waits for the outcome of a new booking, up to the limit.
///
/// # Errors
/// The scheduler's refusal.
pub(crate) async fn outcome(app: &Arc<App>, booking: Booking) -> Result<Booking> {
    let Some(request) = request::latest(app.db.write_one(), &booking, Kind::Book).await? else {
        return Ok(booking);
    };
    if request.status == Standing::Open {
        wait_for_outcome(app, request.id).await;
    }
    let request = request::latest(app.db.write_one(), &booking, Kind::Book).await?;
    match request
        .as_ref()
        .and_then(|request| request.refusal.as_deref())
    {
        Some(refusal) => Err(refused(refusal)),
        None => rows::require(app.db.write_one(), booking.id).await,
    }
}

/// The outcome of a repeated move. The idempotency key is that of the request, or of the booking if
/// no scheduler was involved.
///
/// # Errors
/// The scheduler's refusal.
pub(crate) async fn outcome_of_repeat(
    app: &Arc<App>,
    booking: Booking,
    subject: Uuid,
) -> Result<Booking> {
    if subject == booking.id {
        Ok(booking)
    } else {
        outcome_of_move(app, booking, subject).await
    }
}

/// Waits for the outcome of a move, up to the limit.
///
/// # Errors
/// The scheduler's refusal.
pub(crate) async fn outcome_of_move(
    app: &Arc<App>,
    booking: Booking,
    request_id: Uuid,
) -> Result<Booking> {
    wait_for_outcome(app, request_id).await;
    let request = Entity::find_by_id(request_id)
        .one(app.db.write_one())
        .await?;
    match request
        .as_ref()
        .and_then(|request| request.refusal.as_deref())
    {
        Some(refusal) => Err(refused(refusal)),
        None => rows::require(app.db.write_one(), booking.id).await,
    }
}

/// Maps a scheduler's refusal to a client error.
fn refused(code: &str) -> Error {
    match code {
        "SLOT_TAKEN" => Conflict::SlotTaken.into(),
        "IN_THE_PAST" => Error::invalid("startsAt", "must be in the future"),
        "SLOT_NOT_OFFERED" | "NOT_OFFERED_ANY_MORE" => Conflict::SlotNotOffered.into(),
        "LIMIT_REACHED" => {
            let message =
                "the coach takes no more bookings of this kind from you, or for this time"
                    .to_owned();
            Conflict::Policy {
                message,
                boundary: None,
            }
            .into()
        }
        "ANSWER_REFUSED" => Error::invalid("answers", "the coach's calendar wants another answer"),
        "CHANGED_MEANWHILE" | "MOVED_ELSEWHERE" => Conflict::Stale.into(),
        "NOT_CONNECTED" => {
            Conflict::InvalidState("this coach takes no bookings at present".to_owned()).into()
        }
        _ => Conflict::InvalidState("the coach's calendar has refused this".to_owned()).into(),
    }
}
