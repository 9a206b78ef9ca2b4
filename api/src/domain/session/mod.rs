//! Sessions: the meetings of confirmed bookings.

mod attend;
mod rate;
mod read;

pub use attend::{MarkAttendance, complete, mark_attendance, start};
pub use rate::{Rate, rate};
pub use read::{SessionFilter, SessionWithBooking, find_by_bookings, find_many, get, list};

use entity::booking::Model as Booking;
use entity::session::{Entity, Model};
use entity::{Uuid, booking};
use sea_orm::sea_query::LockType;
use sea_orm::{EntityTrait, QuerySelect};

use super::booking::side;
use super::{Conflict, Error, Person, Result};
use crate::db::Txn;

/// `NotFound`, also for a session that the caller may not see.
fn no_session() -> Error {
    Error::NotFound("session")
}

/// Locks a session that the person takes part in (or any, for staff) and its booking. A transaction
/// that changes a session locks its booking first.
async fn lock(
    txn: &Txn,
    person: &Person,
    id: Uuid,
    version: Option<i64>,
) -> Result<(Model, Booking)> {
    let found = Entity::find_by_id(id)
        .one(&**txn)
        .await?
        .ok_or_else(no_session)?;
    let booking = booking::Entity::find_by_id(found.booking_id)
        .lock(LockType::NoKeyUpdate)
        .one(&**txn)
        .await?;
    let booking = booking.ok_or_else(|| Error::internal("a session", "without its booking"))?;
    side(person, &booking).map_err(|_| no_session())?;
    let session = Entity::find_by_id(id)
        .one(&**txn)
        .await?
        .ok_or_else(no_session)?;
    match version {
        Some(version) if version != session.version => Err(Conflict::Stale.into()),
        _ => Ok((session, booking)),
    }
}
