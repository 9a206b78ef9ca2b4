//! Merges two records of one booking.

use entity::Uuid;
use entity::booking::{Column, Entity, Model};
use entity::booking_event::Kind;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};

use crate::db::Txn;
use crate::domain::booking::state::{self, Event};
use crate::domain::booking::transition::apply;
use crate::domain::{Cause, Result};

/// Merges two records of one booking: the second releases its time and points to the first.
pub(crate) async fn merge_into(
    txn: &Txn,
    cause: &Cause,
    second: &Model,
    first: Uuid,
) -> Result<()> {
    let merged = Event::Merged;
    let event = if state::next(second.status, merged).is_some() {
        merged
    } else {
        Event::Noted(Kind::Merged)
    };
    apply(txn, cause, second, event, None, |row| {
        row.merged_into = Some(first)
    })
    .await?;
    Ok(())
}

/// Points bookings that were merged into `from` to `to`.
pub(crate) async fn redirect(txn: &Txn, cause: &Cause, from: Uuid, to: Uuid) -> Result<()> {
    let followers = Entity::find()
        .filter(Column::MergedInto.eq(from))
        .all(&**txn)
        .await?;
    for follower in followers {
        merge_into(txn, cause, &follower, to).await?;
    }
    Ok(())
}
