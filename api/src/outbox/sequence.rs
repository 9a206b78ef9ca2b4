//! Orders the event stream on PostgreSQL: events get their position after their commit.
//!
//! A transaction writes its events to `booking_event_pending`. A sequencer moves committed ones to
//! `booking_event`, where each gets the next position. The sequencers of all processes exclude each
//! other with an advisory lock, so positions become visible in order: a reader that sees a position
//! sees every position before it.
//!
//! Within a booking the order is that of its versions. A pending event gets its number when it is
//! inserted. The transaction that writes version n + 1 of a booking has waited for the commit of
//! version n, so its number is greater, and a reader that sees it sees the other as well.
//!
//! A move that is rolled back leaves its positions unused. Readers ask for positions after the last
//! one they saw, so such a hole hides no event.
//!
//! SQLite has one writer and numbers events as it inserts them: nothing is pending there.

use std::time::Duration;

use entity::Uuid;
use sea_orm::{ConnectionTrait, DbBackend, Statement};
use tokio_util::sync::CancellationToken;

use crate::db::{Db, Topic, Txn};
use crate::error::Result;

/// The table of events without a position.
pub(super) const PENDING: &str = "booking_event_pending";

/// The advisory lock of sequencers. Any constant that nothing else uses.
pub const SEQUENCER_LOCK: i64 = 0x636f_7572_7473_6964;
/// Poll interval for pending events that another process has left.
const POLL: Duration = Duration::from_millis(1000);

/// Moves the oldest events. The database assigns `seq` after the sort.
const MOVE: &str = "with moved as (
    delete from booking_event_pending
    where id in (select id from booking_event_pending order by id limit 1000)
    returning *
) insert into booking_event (booking_id, coach_id, client_id, kind, actor_kind, actor_id,
    impersonator, source, correlation_id, version, status_before, status_after, before, after, reason, occurred_at)
select booking_id, coach_id, client_id, kind, actor_kind, actor_id,
    impersonator, source, correlation_id, version, status_before, status_after, before, after, reason, occurred_at
from moved order by id";

/// Assigns positions to all committed events.
pub async fn place_all(db: &Db) -> Result<()> {
    while db.is_postgres() && is_pending(db, None).await? {
        db.transaction((), place).await?;
    }
    Ok(())
}

/// Assigns positions to the events of a booking, if any has none.
pub(crate) async fn place_of(db: &Db, booking_id: Uuid) -> Result<()> {
    if db.is_postgres() && is_pending(db, Some(booking_id)).await? {
        place_all(db).await?;
    }
    Ok(())
}

/// Assigns positions to events as they are committed, until stopped.
pub(super) async fn run(db: &Db, stop: CancellationToken) {
    loop {
        let told = db.wake().on(Topic::PendingEvents).notified();
        if let Err(error) = place_all(db).await {
            tracing::warn!(%error, "could not order booking events, retrying");
        }
        tokio::select! {
            () = told => {}
            () = tokio::time::sleep(POLL) => {}
            () = stop.cancelled() => return,
        }
    }
}

async fn is_pending(db: &Db, booking_id: Option<Uuid>) -> Result<bool> {
    let statement = match booking_id {
        None => Statement::from_string(
            DbBackend::Postgres,
            format!("select 1 from {PENDING} limit 1"),
        ),
        Some(id) => Statement::from_sql_and_values(
            DbBackend::Postgres,
            format!("select 1 from {PENDING} where booking_id = $1 limit 1"),
            [id.into()],
        ),
    };
    Ok(db.read().query_one_raw(statement).await?.is_some())
}

/// A statement sees what was committed before it began, so the events are read by the statement
/// after the one that waits for the lock.
async fn place(txn: &Txn, (): ()) -> Result<()> {
    txn.execute_unprepared(&format!("select pg_advisory_xact_lock({SEQUENCER_LOCK})"))
        .await?;
    if txn.execute_unprepared(MOVE).await?.rows_affected() > 0 {
        txn.wakes(Topic::Events);
    }
    Ok(())
}
