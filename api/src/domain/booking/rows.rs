//! Reads and locks booking rows for the rules themselves, without any permission check.

use entity::Uuid;
use entity::booking::{Entity, Model};
use entity::coach::Scheduler;
use sea_orm::sea_query::LockType;
use sea_orm::{ConnectionTrait, EntityTrait, QuerySelect};

use super::transition::no_booking;
use crate::db::Txn;
use crate::domain::{Conflict, Result, connection};

/// Reads the booking, following merges; for use inside a transaction.
pub(crate) async fn require(db: &impl ConnectionTrait, id: Uuid) -> Result<Model> {
    let booking = Entity::find_by_id(id)
        .one(db)
        .await?
        .ok_or_else(no_booking)?;
    match booking.merged_into {
        Some(id) => Entity::find_by_id(id).one(db).await?.ok_or_else(no_booking),
        None => Ok(booking),
    }
}

/// Locks the booking, or the one that it was merged into: no other transaction changes it until
/// this one ends.
pub(crate) async fn take(txn: &Txn, id: Uuid) -> Result<Model> {
    let booking = lock(txn, id).await?;
    match booking.merged_into {
        Some(id) => lock(txn, id).await,
        None => Ok(booking),
    }
}

async fn lock(txn: &Txn, id: Uuid) -> Result<Model> {
    let row = Entity::find_by_id(id).lock(LockType::NoKeyUpdate);
    row.one(&**txn).await?.ok_or_else(no_booking)
}

/// Refuses to change a booking of a remote scheduler that we cannot call: the change would be made
/// only here.
pub(crate) async fn require_reachable(txn: &Txn, booking: &Model) -> Result<()> {
    if booking.scheduler == Scheduler::Native
        || connection::is_live(&**txn, booking.scheduler, booking.coach_id).await?
    {
        return Ok(());
    }
    Err(Conflict::InvalidState(
        "this booking is kept by the coach's own calendar: change it there".to_owned(),
    )
    .into())
}
