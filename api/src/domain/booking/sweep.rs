//! Time-driven transitions: sessions end, unpaid bookings are abandoned, unconfirmed ones expire.

use chrono::{DateTime, Utc};
use entity::Uuid;
use entity::booking::{Column, Entity, Model, Status};
use entity::booking_event::Source;
use sea_orm::{
    ColumnTrait, Condition, EntityTrait, ExprTrait, QueryFilter, QueryOrder, QuerySelect,
};

use super::state::Event;
use super::transition::apply;
use crate::app::App;
use crate::db::Txn;
use crate::domain::{Cause, Result};

/// Bookings per round.
const BATCH: u64 = 200;

/// Applies the due transition to every booking; returns the number of bookings changed. Idempotent,
/// and safe to run concurrently.
///
/// # Errors
/// When the database fails. Earlier changes are committed.
pub async fn sweep(app: &App) -> Result<u64> {
    let now = app.clock.now();
    let mut changed = 0;
    let mut last = Uuid::nil();
    loop {
        let due = due(app, now, last).await?;
        let found = due.len() as u64;
        for id in due {
            last = id;
            match apply_due(app, id, now).await {
                Ok(did) => changed += u64::from(did),
                // A booking that fails does not block the others.
                Err(error) => {
                    tracing::warn!(booking.id = %id, %error, "could not apply a due transition")
                }
            }
        }
        if found < BATCH {
            return Ok(changed);
        }
    }
}

async fn due(app: &App, now: DateTime<Utc>, after: Uuid) -> Result<Vec<Uuid>> {
    let over = Column::Status
        .eq(Status::Confirmed)
        .and(Column::EndsAt.lte(now - app.deadlines.completion_grace));
    let unpaid = [Status::PaymentPending, Status::PaymentFailed];
    let unpaid = Column::Status
        .is_in(unpaid)
        .and(Column::PaymentDeadline.lte(now));
    let waiting = [
        Status::Scheduled,
        Status::PaymentPending,
        Status::PaymentFailed,
    ];
    let begun = Column::Status.is_in(waiting).and(Column::StartsAt.lte(now));
    Ok(Entity::find()
        .filter(Condition::any().add(over).add(unpaid).add(begun))
        .filter(Column::MergedInto.is_null())
        .filter(Column::Id.gt(after))
        .select_only()
        .column(Column::Id)
        .order_by_asc(Column::Id)
        .limit(BATCH)
        .into_tuple()
        .all(app.db.read())
        .await?)
}

/// The due event; `None` when another process has already applied it.
fn event(booking: &Model, now: DateTime<Utc>, over_before: DateTime<Utc>) -> Option<Event> {
    match booking.status {
        Status::Confirmed => (booking.ends_at <= over_before).then_some(Event::Ended),
        Status::PaymentPending | Status::PaymentFailed
            if booking
                .payment_deadline
                .is_some_and(|deadline| deadline <= now) =>
        {
            Some(Event::DeadlinePassed)
        }
        Status::Scheduled | Status::PaymentPending | Status::PaymentFailed => {
            (booking.starts_at <= now).then_some(Event::StartPassed)
        }
        _ => None,
    }
}

async fn apply_due(app: &App, id: Uuid, now: DateTime<Utc>) -> Result<bool> {
    let due = Due {
        booking_id: id,
        cause: Cause::system(Source::Sweeper, &format!("sweep-{id}"), now),
        over_before: now - app.deadlines.completion_grace,
    };
    app.db.transaction(due, apply_in).await
}

/// A booking that may be due.
#[derive(Clone)]
struct Due {
    booking_id: Uuid,
    cause: Cause,
    /// A session that ended before is over.
    over_before: DateTime<Utc>,
}

async fn apply_in(txn: &Txn, due: Due) -> Result<bool> {
    let booking = super::rows::take(txn, due.booking_id).await?;
    let Some(event) = event(&booking, due.cause.now, due.over_before) else {
        return Ok(false);
    };
    apply(txn, &due.cause, &booking, event, None, |booking| {
        booking.payment_deadline = None
    })
    .await?;
    Ok(true)
}
