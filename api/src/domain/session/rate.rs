//! Rating of a session by its client.

use entity::Uuid;
use entity::booking_event::{ActorKind, Kind};
use entity::session::Status;
use serde_json::json;

use super::lock;
use super::read::SessionWithBooking;
use crate::app::App;
use crate::db::Txn;
use crate::domain::booking::session;
use crate::domain::booking::transition::note;
use crate::domain::text::Problems;
use crate::domain::{Caller, Command, Conflict, Error, Result};

/// A rating.
#[derive(Clone, Copy, Debug)]
pub struct Rate {
    pub session_id: Uuid,
    /// 1 to 5.
    pub rating: i32,
    /// The version that the caller has read; a newer one is refused.
    pub version: Option<i64>,
}

/// Rates a completed session; a second rating replaces the first.
///
/// # Errors
/// `NotFound` for anyone but its participants and staff, `Forbidden` for anyone but the client,
/// `InvalidState` unless it is COMPLETED, `Invalid` for a rating out of range, `Stale` when it was
/// changed since the caller read it.
pub async fn rate(app: &App, caller: &Caller, input: Rate) -> Result<SessionWithBooking> {
    caller.require_person()?;
    let mut problems = Problems::default();
    problems.range("rating", input.rating, 1, 5);
    problems.finish()?;
    let command = Command::new(app, caller, input)?;
    app.db.transaction(command, rate_in).await
}

async fn rate_in(txn: &Txn, command: Command<Rate>) -> Result<SessionWithBooking> {
    let Command { author, input } = command;
    let person = &author.person;
    let (seen, booking) = lock(txn, person, input.session_id, input.version).await?;
    if booking.client_id != Some(person.user_id) {
        return Err(Error::Forbidden("only the client may rate a session"));
    }
    if seen.status != Status::Completed {
        let message = "only a completed session can be rated".to_owned();
        return Err(Conflict::InvalidState(message).into());
    }
    let mut rated = seen.clone();
    rated.rating = Some(input.rating);
    let session = session::store(txn, Some(&seen), rated, author.now).await?;
    let cause = author.cause(ActorKind::Client);
    let facts = (
        json!({ "rating": seen.rating }),
        json!({ "rating": input.rating }),
    );
    let booking = note(txn, &cause, &booking, Kind::SessionRated, facts).await?;
    Ok(SessionWithBooking { session, booking })
}
