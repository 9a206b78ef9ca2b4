//! Polls a coach's calendar: for changes, and in full for all bookings that are in the future or
//! not settled here.

use std::collections::BTreeSet;

use chrono::{DateTime, TimeDelta, Utc};
use entity::booking::{self, Status};
use entity::session::{self, Attendance};
use entity::{Uuid, connection};
use sea_orm::ActiveValue::Set;
use sea_orm::sea_query::{Expr, Query};
use sea_orm::{ColumnTrait, Condition, EntityTrait, QueryFilter};

use super::read::{Mode, Report, take_in};
use crate::app::App;
use crate::domain::booking::{list_unpushed, remote::projections};
use crate::domain::connection::Purpose;
use crate::domain::scheduling::observation::{Reported, Speaker};
use crate::domain::scheduling::remote::{Calendar, Fault, Record, RecordQuery, scheduler_of};
use crate::domain::{Error, Result, recurring_jobs};
use crate::outbox::{Job, job};

/// Overlap of two polls: a change just before the end of a poll may not have been in it yet.
const OVERLAP: TimeDelta = TimeDelta::minutes(2);
/// How far back the first poll goes.
const FIRST: TimeDelta = TimeDelta::days(2);
/// Most pages per poll; the next one reads the rest.
const MOST_PAGES: u32 = 40;
/// How far back a full poll looks for the outcome of sessions.
const BACK: TimeDelta = TimeDelta::days(30);
/// Polls in a row that may restart at the same place after a failure. Then the polls continue past
/// it.
const MOST_TRIES: i32 = 10;

/// Polls the changes in a coach's calendar since the last poll. After a booking that cannot be read
/// or ingested, the next poll starts at the same place again. A booking that fails repeatedly is
/// skipped, so that it blocks nothing else, and left to [`full`].
///
/// # Errors
/// When the calendar cannot be read; the next poll starts at the same place.
pub async fn recent(app: &App, connection_id: Uuid) -> Result<Report> {
    let Some(link) = live(app, connection_id).await? else {
        return Ok(Report::default());
    };
    let now = app.clock.now();
    let since = link
        .sync_cursor
        .map_or(now - FIRST, |cursor| cursor - OVERLAP);
    let mut reader = Reader::new(app, &link, Mode::Repair, None);
    let changed = RecordQuery::Changed { since, until: None };
    let (last, is_whole) = reader.pages(&changed).await?;
    let report = reader.report;
    // The provider's clock, not ours: without changes the cursor stays.
    let cursor = last.or(link.sync_cursor).unwrap_or(now - OVERLAP);
    connection::Entity::update_many()
        .set(place(&link, (since, cursor), report.failed, now))
        .filter(connection::Column::Id.eq(link.id))
        .exec(app.db.write_one())
        .await?;
    app.metrics
        .reconciled(report.read, report.changes.len(), report.failed);
    if !report.changes.is_empty() || !is_whole || report.failed > 0 {
        tracing::info!(connection.id = %link.id, read = report.read, changed = report.changes.len(),
            failed = report.failed, is_whole, "changes in a calendar polled");
    }
    Ok(report)
}

/// The place where the next poll for changes starts, after one from `since` to `cursor` with this
/// many failures; and the skipped range.
fn place(
    link: &connection::Model,
    (since, cursor): (DateTime<Utc>, DateTime<Utc>),
    failed: usize,
    now: DateTime<Utc>,
) -> connection::ActiveModel {
    let tries = if failed == 0 {
        0
    } else {
        Ord::min(link.sync_failures + 1, MOST_TRIES)
    };
    let mut next = connection::ActiveModel {
        sync_failures: Set(tries),
        ..Default::default()
    };
    if tries < MOST_TRIES {
        next.sync_cursor = Set(if failed == 0 {
            Some(cursor)
        } else {
            link.sync_cursor.or(Some(since + OVERLAP))
        });
        return next;
    }
    // A failure at the cursor itself is read again anyway until a later change moves the cursor.
    if link.passed_over_from.is_none() || link.sync_cursor != Some(cursor) {
        tracing::warn!(connection.id = %link.id, failed, from = %since, until = %now,
            "bookings that could not be ingested are skipped until the nightly poll");
        next.sync_cursor = Set(Some(cursor));
        next.passed_over_from = Set(Some(
            link.passed_over_from.map_or(since, |from| from.min(since)),
        ));
        next.passed_over_until = Set(Some(now));
    }
    next
}

/// Polls all future bookings in a coach's calendar, and looks up those known here but missing
/// there; on behalf of a person if one requested it. Also reads bookings of the last 30 days
/// without an outcome here, because it may have been recorded there during an outage. Retries the
/// skipped range, and enqueues pushes of decisions that the scheduler does not have yet.
///
/// # Errors
/// When the calendar cannot be read.
pub async fn full(app: &App, connection_id: Uuid, actor_id: Option<Uuid>) -> Result<Report> {
    let Some(link) = live(app, connection_id).await? else {
        return Ok(Report::default());
    };
    let report = read_all(app, &link, Mode::Repair, actor_id).await?;
    let now = app.clock.now();
    let undone = list_unpushed(app, link.coach_id).await?.into_iter();
    let push = |booking: booking::Model| {
        Job::new(job::Kind::PushBooking, booking.id, booking.scheduler).at(now, "reconcile")
    };
    recurring_jobs::ensure(&app.db, undone.map(push).collect()).await?;
    app.metrics
        .reconciled(report.read, report.changes.len(), report.failed);
    tracing::info!(connection.id = %link.id, read = report.read, changed = report.changes.len(),
        missing = report.missing.len(), failed = report.failed, "calendar polled in full");
    Ok(report)
}

pub(super) async fn read_all(
    app: &App,
    link: &connection::Model,
    mode: Mode,
    actor_id: Option<Uuid>,
) -> Result<Report> {
    let mut reader = Reader::new(app, link, mode, actor_id);
    reader.pages(&RecordQuery::Upcoming).await?;
    reader.try_again().await?;
    let now = app.clock.now();
    let (begun, coming): (Vec<_>, Vec<_>) = open(app, link, now)
        .await?
        .into_iter()
        .partition(|booking| booking.starts_at <= now);
    reader.look_back(&begun).await?;
    for booking in begun.iter().chain(&coming) {
        // A booking that ended here may be gone there.
        if booking.status.is_active() {
            reader.look_for(booking).await?;
        }
    }
    Ok(reader.report)
}

/// A coach's future bookings, and those of the last weeks without an outcome.
async fn open(
    app: &App,
    link: &connection::Model,
    now: DateTime<Utc>,
) -> Result<Vec<booking::Model>> {
    use booking::Column;
    use sea_orm::sea_query::ExprTrait;

    // A subquery per booking: otherwise SQLite scans all sessions.
    let unmarked = Query::select()
        .expr(Expr::val(1))
        .from(session::Entity)
        .and_where(
            Expr::col((session::Entity, session::Column::BookingId))
                .equals((booking::Entity, Column::Id)),
        )
        .and_where(session::Column::ClientAttendance.eq(Attendance::Unknown))
        .to_owned();
    // Statuses that only the clock has set.
    let over = Column::Status
        .eq(Status::Completed)
        .and(Expr::exists(unmarked));
    let is_open = Condition::any()
        .add(Column::Status.is_in(Status::ACTIVE))
        .add(Column::Status.eq(Status::Expired))
        .add(over);
    Ok(booking::Entity::find_real()
        .filter(Column::CoachId.eq(link.coach_id))
        .filter(Column::Scheduler.eq(scheduler_of(link)?))
        .filter(Column::StartsAt.gt(now - BACK))
        .filter(is_open)
        .all(app.db.read())
        .await?)
}

pub(super) async fn live(app: &App, connection_id: Uuid) -> Result<Option<connection::Model>> {
    let link = connection::Entity::find_by_id(connection_id)
        .one(app.db.read())
        .await?;
    Ok(link.filter(|link| link.is_live() && link.health != connection::Health::Broken))
}

/// One poll of one calendar.
struct Reader<'a> {
    app: &'a App,
    link: &'a connection::Model,
    mode: Mode,
    actor_id: Option<Uuid>,
    report: Report,
    seen: BTreeSet<String>,
    /// The earliest change that could not be read or ingested, as far as its time is known.
    first_failed: Option<DateTime<Utc>>,
}

impl<'a> Reader<'a> {
    fn new(app: &'a App, link: &'a connection::Model, mode: Mode, actor_id: Option<Uuid>) -> Self {
        Self {
            app,
            link,
            mode,
            actor_id,
            report: Report::default(),
            seen: BTreeSet::new(),
            first_failed: None,
        }
    }

    /// Reads all pages; returns the last change among them, and whether the last page was reached.
    async fn pages(&mut self, query: &RecordQuery) -> Result<(Option<DateTime<Utc>>, bool)> {
        let since = match query {
            RecordQuery::Changed { since, .. } => Some(*since),
            _ => None,
        };
        let (mut last, mut next) = (None, None::<String>);
        for _ in 0..MOST_PAGES {
            let calendar = self.calendar().await?;
            let page = calendar
                .list(query, next.as_deref())
                .await
                .map_err(unreadable)?;
            self.report.failed += page.unreadable;
            if page.unreadable > 0 {
                self.has_failed(last.or(since));
            }
            for record in page.records {
                last = last.max(record.changed_at);
                self.take_in(record).await;
            }
            next = page.next;
            if next.is_none() {
                return Ok((last, true));
            }
        }
        Ok((last, false))
    }

    /// Records a failure. One without a time may be anywhere, so it counts as being at the start of
    /// the range, also of the skipped one.
    fn has_failed(&mut self, at: Option<DateTime<Utc>>) {
        self.first_failed = self
            .first_failed
            .into_iter()
            .chain(at.or(self.link.passed_over_from))
            .min();
    }

    /// Polls the skipped range again. The range shrinks to what still fails: it then starts at the
    /// first failed change, or where this poll stopped.
    async fn try_again(&mut self) -> Result<()> {
        let (Some(from), Some(until)) = (self.link.passed_over_from, self.link.passed_over_until)
        else {
            return Ok(());
        };
        let changed = RecordQuery::Changed {
            since: from,
            until: Some(until),
        };
        self.first_failed = None;
        let (last, is_whole) = match self.pages(&changed).await {
            Ok(end) => end,
            // Nothing else depends on it.
            Err(error) => {
                self.report.failed += 1;
                tracing::warn!(connection.id = %self.link.id, %error, "skipped range could not be read");
                return Ok(());
            }
        };
        let ended = last.filter(|_| !is_whole);
        let left = self
            .first_failed
            .into_iter()
            .chain(ended)
            .min()
            .map(|at| from.max(at - TimeDelta::milliseconds(1)));
        if let Some(left) = left {
            tracing::warn!(connection.id = %self.link.id, from = %left, %until,
                "skipped bookings could not be ingested in this poll either");
        }
        if self.mode == Mode::Repair {
            let next = connection::ActiveModel {
                passed_over_from: Set(left),
                passed_over_until: Set(left.map(|_| until)),
                ..Default::default()
            };
            connection::Entity::update_many()
                .set(next)
                .filter(connection::Column::Id.eq(self.link.id))
                // Unless more was skipped in the meantime.
                .filter(connection::Column::PassedOverUntil.eq(until))
                .exec(self.app.db.write_one())
                .await?;
        }
        Ok(())
    }

    /// Reads the outcome of bookings that have begun. One call covers a hundred of them; other
    /// records in the same range are ignored.
    async fn look_back(&mut self, bookings: &[booking::Model]) -> Result<()> {
        let begin = bookings.iter().map(|booking| booking.starts_at).min();
        let end = bookings.iter().map(|booking| booking.ends_at).max();
        let Some((begin, end)) = begin.zip(end) else {
            return Ok(());
        };
        let ids: Vec<Uuid> = bookings.iter().map(|booking| booking.id).collect();
        let known = projections::projections_of(self.app.db.read(), &ids).await?;
        let wanted: BTreeSet<&str> = known
            .values()
            .map(|known| known.uid.as_str())
            .filter(|uid| !self.seen.contains(*uid))
            .collect();
        if wanted.is_empty() {
            return Ok(());
        }
        let query = RecordQuery::Between {
            from: begin,
            until: end,
        };
        let mut next = None::<String>;
        for _ in 0..MOST_PAGES {
            let calendar = self.calendar().await?;
            let page = calendar
                .list(&query, next.as_deref())
                .await
                .map_err(unreadable)?;
            self.report.failed += page.unreadable;
            for record in page.records {
                if wanted.contains(record.uid.as_str()) && record.has_outcome {
                    self.follow(record).await?;
                }
            }
            next = page.next;
            if next.is_none() {
                break;
            }
        }
        Ok(())
    }

    async fn calendar(&self) -> Result<Calendar<'_>> {
        let reason = Purpose::Reconcile.asked_by(self.actor_id);
        let scheduler = scheduler_of(self.link)?;
        let calendar = Calendar::of_coach(self.app, scheduler, self.link.coach_id, reason).await?;
        calendar
            .ok_or_else(|| Error::internal("a reading", "the calendar is not connected any more"))
    }

    async fn take_in(&mut self, record: Record) {
        self.report.read += 1;
        let cause = format!("reconcile-{}", self.link.id.simple());
        let taken_in = async {
            let reported = Reported {
                scheduler: scheduler_of(self.link)?,
                speaker: Speaker::Calendar(self.link.id),
                observations: record.observations,
            };
            take_in(self.app, reported, &cause, self.mode).await
        };
        match taken_in.await {
            Ok(change) => self.report.changes.extend(change),
            Err(error) => {
                self.report.failed += 1;
                self.has_failed(record.changed_at);
                tracing::warn!(connection.id = %self.link.id, uid = record.uid, %error,
                    "record of a calendar could not be ingested");
            }
        }
        self.seen.insert(record.uid);
    }

    /// Ingests a record and the one that replaced it.
    async fn follow(&mut self, record: Record) -> Result<()> {
        let successor = record.moved_to.clone();
        self.take_in(record).await;
        if let Some(successor) = successor
            && let Ok(Some(successor)) = self.calendar().await?.read(&successor).await
        {
            self.take_in(successor).await;
        }
        Ok(())
    }

    /// Reads a booking that no page contained.
    async fn look_for(&mut self, booking: &booking::Model) -> Result<()> {
        let Some(known) = projections::projection_of(self.app.db.read(), booking.id).await? else {
            return Ok(());
        };
        if self.seen.contains(&known.uid) {
            return Ok(());
        }
        match self.calendar().await?.read(&known.uid).await {
            Ok(Some(found)) => self.follow(found).await?,
            Ok(None) => self.report.missing.push(booking.id),
            Err(fault) => {
                self.report.failed += 1;
                tracing::info!(booking.id = %booking.id, %fault, "booking could not be read");
            }
        }
        Ok(())
    }
}

fn unreadable(fault: Fault) -> Error {
    Error::provider("reading a calendar's records", fault)
}
