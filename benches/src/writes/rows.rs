//! Looks at the rows that a turn has left in the database.

use std::time::{Duration, Instant};

use chrono::{DateTime, DurationRound, TimeDelta, Utc};
use courtside::db::Db;
use entity::{booking, booking_event, idempotency_key, session};
use sea_orm::{ColumnTrait, EntityTrait, PaginatorTrait, QueryFilter, QuerySelect, QueryTrait};

use crate::{Failure, tokens};

/// INITIATED, SCHEDULED, CONFIRMED.
const EVENTS_PER_BOOKING: usize = 3;
/// How long the events of a booking may take to appear in the stream after its commit.
const TIMEOUT: Duration = Duration::from_secs(30);
const POLL_INTERVAL: Duration = Duration::from_millis(100);

/// Midnight of a day after the last booking in the database.
pub(super) async fn first_free_day(db: &Db) -> Result<DateTime<Utc>, Failure> {
    let last: Option<Option<DateTime<Utc>>> = booking::Entity::find()
        .select_only()
        .column_as(booking::Column::EndsAt.max(), "last")
        .into_tuple()
        .one(db.read())
        .await?;
    let last = last.flatten().unwrap_or_default().max(tokens::now());
    Ok(last.duration_trunc(TimeDelta::days(1))? + TimeDelta::days(2))
}

/// Checks that each accepted booking from `first_start` on has all of its rows.
///
/// # Errors
/// When rows are missing or too many.
pub(super) async fn check(
    db: &Db,
    first_start: DateTime<Utc>,
    accepted: usize,
) -> Result<(), Failure> {
    let began = Instant::now();
    loop {
        let found = count(db, first_start).await?;
        let expected = [accepted, accepted, accepted, accepted * EVENTS_PER_BOOKING];
        if found == expected {
            return Ok(());
        }
        if began.elapsed() > TIMEOUT {
            return Err(format!(
                "bookings, sessions, keys and events: {found:?} rows instead of {expected:?}"
            )
            .into());
        }
        tokio::time::sleep(POLL_INTERVAL).await;
    }
}

/// Counts bookings, sessions, idempotency keys and events.
async fn count(db: &Db, first_start: DateTime<Utc>) -> Result<[usize; 4], Failure> {
    let made = || booking::Entity::find().filter(booking::Column::StartsAt.gte(first_start));
    let keys = || {
        made()
            .select_only()
            .column(booking::Column::Id)
            .into_query()
    };
    let db = db.read();
    let counts = [
        made().count(db).await?,
        session::Entity::find()
            .filter(session::Column::BookingId.in_subquery(keys()))
            .count(db)
            .await?,
        idempotency_key::Entity::find()
            .filter(idempotency_key::Column::SubjectId.in_subquery(keys()))
            .count(db)
            .await?,
        booking_event::Entity::find()
            .filter(booking_event::Column::BookingId.in_subquery(keys()))
            .count(db)
            .await?,
    ];
    Ok(counts.map(|count| count as usize))
}
