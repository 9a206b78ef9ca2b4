//! What happened to a booking, and which work follows from it.

use chrono::{DateTime, Utc};
use entity::booking::Status;
use entity::booking_event::{ActiveModel, Entity, Kind, Source};
use entity::coach::Scheduler;
use entity::{Json, Uuid};
use sea_orm::ActiveValue::{NotSet, Set};
use sea_orm::{ConnectionTrait, DbBackend, EntityTrait, QueryTrait};

use super::cause::Cause;
use super::job::{self, Job};
use super::sequence;
use crate::db::{Topic, Txn};
use crate::error::Result;

/// One line of history, before it has its place in the stream.
#[derive(Clone, Debug)]
pub struct BookingEvent {
    pub booking_id: Uuid,
    pub coach_id: Uuid,
    pub client_id: Option<Uuid>,
    pub kind: Kind,
    /// The booking's version after it.
    pub version: i64,
    pub status_before: Option<Status>,
    pub status_after: Status,
    pub before: Option<Json>,
    pub after: Option<Json>,
    pub reason: Option<String>,
    /// Who keeps the coach's time for this booking.
    pub scheduler: Scheduler,
    pub cause: Cause,
}

impl BookingEvent {
    /// The work that follows from it.
    #[must_use]
    pub fn jobs(&self) -> Vec<Job> {
        let was_active = self.status_before.is_some_and(Status::is_active);
        let frees_its_time = matches!(self.kind, Kind::Moved | Kind::ConflictFound)
            || !self.status_after.is_active();
        let gave_time_back = was_active && frees_its_time;
        let mut jobs = Vec::new();
        if gave_time_back {
            jobs.push(Job::SettleConflicts {
                coach_id: self.coach_id,
            });
        }
        // What was decided here is to be carried out at the scheduler; what it told us, it knows.
        let is_news_there = !matches!(self.cause.source, Source::Webhook | Source::Reconcile);
        let ends_or_decides = (was_active && !self.status_after.is_active())
            || matches!(
                self.kind,
                Kind::Approved | Kind::AttendanceMarked | Kind::GuestsAdded
            );
        if self.scheduler == Scheduler::CalCom && is_news_there && ends_or_decides {
            jobs.push(Job::PushBooking {
                booking_id: self.booking_id,
            });
        }
        jobs
    }

    fn into_row(self) -> ActiveModel {
        let cause = self.cause;
        ActiveModel {
            seq: NotSet,
            booking_id: Set(self.booking_id),
            coach_id: Set(self.coach_id),
            client_id: Set(self.client_id),
            kind: Set(self.kind),
            actor_kind: Set(cause.by),
            actor_id: Set(cause.actor_id),
            source: Set(cause.source),
            correlation_id: Set(cause.correlation_id),
            version: Set(self.version),
            status_before: Set(self.status_before),
            status_after: Set(self.status_after),
            before: Set(self.before),
            after: Set(self.after),
            reason: Set(self.reason),
            occurred_at: Set(cause.now),
        }
    }
}

/// Appends lines of history, in their order, and the work that follows from them.
///
/// On PostgreSQL the lines get their place in the stream after the commit ([`sequence`]): numbers
/// that are given out before it would become visible out of order. The row of the booking must be
/// written before its lines: it makes whoever writes the next version wait for this commit.
///
/// # Errors
/// When the database fails.
pub async fn record(txn: &Txn, events: Vec<BookingEvent>) -> Result<()> {
    let mut jobs: Vec<(Job, DateTime<Utc>, String)> = Vec::new();
    for event in &events {
        for job in event.jobs() {
            if jobs.iter().all(|(known, ..)| *known != job) {
                jobs.push((job, event.cause.now, event.cause.correlation_id.clone()));
            }
        }
    }
    let mut lines = Entity::insert_many(events.into_iter().map(BookingEvent::into_row));
    if txn.get_database_backend() == DbBackend::Postgres {
        lines.query().into_table(sequence::PENDING);
        txn.wakes(Topic::PendingEvents);
    } else {
        txn.wakes(Topic::Events);
    }
    lines.exec_without_returning(&**txn).await?;
    let jobs: Vec<_> = jobs
        .iter()
        .map(|(job, run_at, correlation_id)| (*job, *run_at, correlation_id.as_str()))
        .collect();
    job::enqueue_all(txn, &jobs).await
}
