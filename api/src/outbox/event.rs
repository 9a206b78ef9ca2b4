//! Booking events, and the jobs that follow from them.

use chrono::{DateTime, Utc};
use entity::booking::Status;
use entity::booking_event::{ActiveModel, Entity, Kind, Source};
use entity::coach::Scheduler;
use entity::{Json, Uuid};
use sea_orm::ActiveValue::{NotSet, Set};
use sea_orm::{ConnectionTrait, DbBackend, EntityTrait, QueryTrait};

use super::cause::Cause;
use super::job::{self, Job, Queue, Scheduled};
use super::sequence;
use crate::db::{Topic, Txn};
use crate::error::Result;

/// A history event, before it has a position in the stream.
#[derive(Clone, Debug)]
pub struct BookingEvent {
    pub booking_id: Uuid,
    pub coach_id: Uuid,
    pub client_id: Option<Uuid>,
    pub kind: Kind,
    /// The booking's version after the event.
    pub version: i64,
    pub status_before: Option<Status>,
    pub status_after: Status,
    pub before: Option<Json>,
    pub after: Option<Json>,
    pub reason: Option<String>,
    /// The scheduler of the booking.
    pub scheduler: Scheduler,
    pub cause: Cause,
}

impl BookingEvent {
    /// The jobs that follow from the event, each with its due time.
    #[must_use]
    pub fn jobs(&self) -> Vec<(Job, DateTime<Utc>)> {
        let was_active = self.status_before.is_some_and(Status::is_active);
        let frees_its_time = matches!(self.kind, Kind::Moved | Kind::ConflictFound)
            || !self.status_after.is_active();
        let mut jobs = Vec::new();
        if was_active && frees_its_time {
            let settle = Job::new(job::Kind::SettleConflicts, self.coach_id, Queue::Database);
            jobs.push((settle, self.cause.now));
        }
        // Only decisions made here are pushed; the scheduler already has what it reported itself.
        let is_decided_here = !matches!(self.cause.source, Source::Webhook | Source::Reconcile);
        let ends_or_decides = (was_active && !self.status_after.is_active())
            || matches!(
                self.kind,
                Kind::Approved | Kind::AttendanceMarked | Kind::GuestsAdded
            );
        if self.scheduler.is_remote() && is_decided_here && ends_or_decides {
            let push = Job::new(job::Kind::PushBooking, self.booking_id, self.scheduler);
            jobs.push((push, self.cause.now));
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
            impersonator: Set(cause.impersonator),
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

/// Appends events in order, and enqueues the jobs that follow from them.
///
/// On PostgreSQL events get their position in the stream after the commit ([`sequence`]): positions
/// assigned earlier would become visible out of order. The booking's row must be written before its
/// events: the row lock makes the writer of the next version wait for this commit.
pub async fn record(txn: &Txn, events: Vec<BookingEvent>) -> Result<()> {
    let mut jobs: Vec<Scheduled> = Vec::new();
    for event in &events {
        for (job, run_at) in event.jobs() {
            if jobs.iter().all(|known| known.job != job) {
                jobs.push(job.at(run_at, event.cause.correlation_id.clone()));
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
    job::enqueue_all(txn, &jobs).await
}

#[cfg(test)]
mod tests {
    use entity::booking_event::ActorKind;

    use super::*;

    fn jobs(
        kind: Kind,
        change: (Option<Status>, Status),
        scheduler: Scheduler,
        source: Source,
    ) -> Vec<(&'static str, &'static str)> {
        let now = DateTime::UNIX_EPOCH;
        let event = BookingEvent {
            booking_id: Uuid::from_u128(1),
            coach_id: Uuid::from_u128(2),
            client_id: None,
            kind,
            version: 2,
            status_before: change.0,
            status_after: change.1,
            before: None,
            after: None,
            reason: None,
            scheduler,
            cause: Cause {
                by: ActorKind::System,
                actor_id: None,
                impersonator: None,
                source,
                correlation_id: "test".to_owned(),
                now,
            },
        };
        let jobs = event.jobs();
        for (job, run_at) in &jobs {
            assert_eq!(*run_at, now);
            let subject = match job.kind {
                job::Kind::SettleConflicts => event.coach_id,
                _ => event.booking_id,
            };
            assert_eq!(job.subject_id, subject);
        }
        jobs.iter()
            .map(|(job, _)| (job.kind.as_str(), job.queue.as_str()))
            .collect()
    }

    #[test]
    fn jobs_follow_from_what_happened_to_whose_booking_and_who_said_so() {
        use Scheduler::{CalCom, Native};
        use Status::{Canceled, Confirmed, PaymentPending};

        let settle = ("settle_conflicts", "database");
        let push = ("push_booking", "calcom");
        let (made, stays) = ((None, Confirmed), (Some(Confirmed), Confirmed));
        let (ends, was_over) = ((Some(Confirmed), Canceled), (Some(Canceled), Canceled));
        let approved = (Some(PaymentPending), Confirmed);
        let table = [
            (Kind::Scheduled, made, CalCom, Source::Api, vec![]),
            (
                Kind::Canceled,
                ends,
                CalCom,
                Source::Api,
                vec![settle, push],
            ),
            (
                Kind::Canceled,
                ends,
                CalCom,
                Source::Sweeper,
                vec![settle, push],
            ),
            (Kind::Canceled, ends, CalCom, Source::Webhook, vec![settle]),
            (
                Kind::Canceled,
                ends,
                CalCom,
                Source::Reconcile,
                vec![settle],
            ),
            (Kind::Canceled, ends, Native, Source::Api, vec![settle]),
            (
                Kind::Canceled,
                ends,
                Scheduler::Google,
                Source::Api,
                vec![settle, ("push_booking", "google")],
            ),
            (Kind::Moved, stays, CalCom, Source::Api, vec![settle]),
            (
                Kind::ConflictFound,
                stays,
                Native,
                Source::Api,
                vec![settle],
            ),
            (Kind::Approved, approved, CalCom, Source::Api, vec![push]),
            (Kind::Approved, approved, Native, Source::Api, vec![]),
            (Kind::GuestsAdded, stays, CalCom, Source::Api, vec![push]),
            (
                Kind::AttendanceMarked,
                stays,
                CalCom,
                Source::Webhook,
                vec![],
            ),
            (
                Kind::AttendanceMarked,
                was_over,
                CalCom,
                Source::Api,
                vec![push],
            ),
            (Kind::SessionRated, stays, CalCom, Source::Api, vec![]),
        ];
        for (kind, change, scheduler, source, expected) in table {
            assert_eq!(
                jobs(kind, change, scheduler, source),
                expected,
                "{kind:?} {change:?} {scheduler:?} {source:?}"
            );
        }
    }
}
