//! Ingests records in one transaction each, and reports what changed.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use entity::Uuid;
use entity::booking::{self, Status};
use entity::booking_event::{ActorKind, Source};
use sea_orm::EntityTrait;

use crate::app::App;
use crate::db::{Outcome, Txn};
use crate::domain::booking::remote::authority::admit;
use crate::domain::booking::remote::ingest::ingest;
use crate::domain::scheduling::observation::Reported;
use crate::domain::{Cause, Result};

/// What a poll changed about one booking.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    pub booking_id: Uuid,
    /// `None` for a booking that was not known here.
    pub status_before: Option<Status>,
    pub status_after: Status,
    pub starts_before: Option<DateTime<Utc>>,
    pub starts_after: DateTime<Utc>,
}

/// The result of a poll.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Number of bookings read.
    pub read: usize,
    pub changes: Vec<Change>,
    /// Number of bookings that could not be read or ingested; retried by the next poll, and later
    /// by each nightly one.
    pub failed: usize,
    /// Bookings that are known here and missing at the scheduler.
    pub missing: Vec<Uuid>,
}

impl Report {
    pub(super) fn add(&mut self, other: Self) {
        self.read += other.read;
        self.changes.extend(other.changes);
        self.failed += other.failed;
        self.missing.extend(other.missing);
    }
}

/// Whether changes are applied or only reported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    Repair,
    Look,
}

/// Ingests one record; returns what it changed.
pub(super) async fn take_in(
    app: &App,
    reported: Reported,
    correlation_id: &str,
    mode: Mode,
) -> Result<Option<Change>> {
    let now = app.clock.now();
    let cause = Cause {
        by: ActorKind::Provider,
        actor_id: None,
        impersonator: None,
        source: Source::Reconcile,
        correlation_id: correlation_id.to_owned(),
        now,
    };
    let record = Record {
        reported: Arc::new(reported),
        cause,
        deadline: now + app.deadlines.payment,
        mode,
    };
    app.db.conditional_transaction(record, ingest_record).await
}

/// One record.
#[derive(Clone)]
struct Record {
    reported: Arc<Reported>,
    cause: Cause,
    /// The payment deadline of the booking.
    deadline: DateTime<Utc>,
    mode: Mode,
}

async fn ingest_record(txn: &Txn, record: Record) -> Result<Outcome<Option<Change>>> {
    let admitted = match admit(txn, Reported::clone(&record.reported)).await? {
        Ok(admitted) => admitted,
        // A calendar also lists bookings that its owner attends as a guest.
        Err(overstep) => {
            tracing::debug!(
                correlation_id = record.cause.correlation_id,
                overstep = overstep.label(),
                "a record of another host was left out"
            );
            return Ok(Outcome::RollBack(None));
        }
    };
    let before = admitted.booking(txn).await?;
    let booking_id = ingest(txn, &record.cause, admitted, record.deadline).await?;
    let change = match booking_id {
        Some(id) => compare(before, booking::Entity::find_by_id(id).one(&**txn).await?),
        None => None,
    };
    Ok(match record.mode {
        Mode::Repair => Outcome::Commit(change),
        Mode::Look => Outcome::RollBack(change),
    })
}

fn compare(before: Option<booking::Model>, after: Option<booking::Model>) -> Option<Change> {
    let after = after?;
    let is_same = before
        .as_ref()
        .is_some_and(|before| before.id == after.id && before.version == after.version);
    (!is_same).then(|| Change {
        booking_id: after.id,
        status_before: before.as_ref().map(|before| before.status),
        status_after: after.status,
        starts_before: before.as_ref().map(|before| before.starts_at),
        starts_after: after.starts_at,
    })
}
