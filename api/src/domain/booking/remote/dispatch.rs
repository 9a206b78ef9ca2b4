//! Sends requests that only the scheduler can grant: a new booking, another time.
//!
//! One transaction first stores the request, reserves the time here and enqueues the job that
//! retries it. Then the request is sent, outside of any transaction. The answer is ingested like
//! any other observation ([`ingest::ingest_observations`]) and closes the request. If the answer is
//! lost, the scheduler's records are read: a booking found there is applied, and one that does not
//! appear in time is given up.

use chrono::{DateTime, TimeDelta, Utc};
use entity::Uuid;
use entity::booking::{Model as Booking, Status};
use entity::scheduler_request::{self, Column, Entity, Kind, Model as Request, Status as Standing};
use sea_orm::ActiveValue::Set;
use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, Condition, EntityTrait, ExprTrait, QueryFilter};

use super::ingest;
use super::request::{self, Closing};
use crate::app::App;
use crate::db::Txn;
use crate::domain::booking::state::Event;
use crate::domain::booking::transition::apply;
use crate::domain::booking::{idempotency, rows};
use crate::domain::scheduling::observation::Reported;
use crate::domain::scheduling::remote::{Calendar, Outcome, RemoteRequest};
use crate::domain::{Cause, Error, Result, answers};
use crate::outbox::{Job, job};

/// Lease of one attempt: no other worker runs the request meanwhile. Longer than any provider call.
const LEASE: TimeDelta = TimeDelta::seconds(45);
/// A request whose answer was lost and that left no trace at the scheduler for so long counts as
/// not carried out. A booking that appears later is canceled there.
const SETTLED: TimeDelta = TimeDelta::seconds(60);
/// After so long a booking whose scheduler cannot be reached is given up.
const GIVEN_UP: TimeDelta = TimeDelta::minutes(10);
/// After so long a request can have no effect any more.
pub(crate) const OVER: TimeDelta = TimeDelta::minutes(11);
/// Minimum interval between two reads for a lost answer; the interval grows over time.
const NEXT_LOOK: TimeDelta = TimeDelta::seconds(5);
const LAST_LOOK: TimeDelta = TimeDelta::minutes(10);
/// Reason of a booking that was given up because its scheduler never answered.
const NO_ANSWER: &str = "NO_ANSWER";

/// What is known about the effect of a request.
enum Finding {
    /// The scheduler has carried it out.
    Observed(Reported),
    Refused(String),
    /// Not known yet; read again later.
    Pending,
    /// Certainly not carried out; the request can be concluded.
    NotDone,
}

/// Sends a request, or finds the outcome of one already sent. Returns `Ok` once the request is
/// closed.
///
/// # Errors
/// When it is still open; the job retries.
pub async fn run_request(app: &App, request_id: Uuid) -> Result<()> {
    let Some(request) = lease(app, request_id).await? else {
        return Ok(());
    };
    let outcome = attempt(app, &request).await;
    release(app, &request).await?;
    match outcome? {
        Some(()) => Ok(()),
        None => {
            let (now, correlation_id) = (app.clock.now(), request.correlation_id.clone());
            let wait = ((now - request.created_at) / 4).clamp(NEXT_LOOK, LAST_LOOK);
            let scheduler = request::scheduler_of(app.db.read(), &request).await?;
            let job = Job::new(job::Kind::RunSchedulerRequest, request_id, scheduler);
            app.db
                .transaction(job.at(now + wait, correlation_id), job::enqueue)
                .await
        }
    }
}

/// Takes the lease of the request; `None` if it is closed.
async fn lease(app: &App, id: Uuid) -> Result<Option<Request>> {
    let now = app.clock.now();
    let taken = Entity::update_many()
        .set(scheduler_request::ActiveModel {
            lease: Set(Some(Uuid::new_v4())),
            leased_until: Set(Some(now + LEASE)),
            ..Default::default()
        })
        .filter(Column::Id.eq(id))
        .filter(Column::Status.eq(Standing::Open))
        .filter(
            Condition::any()
                .add(Column::LeasedUntil.is_null())
                .add(Column::LeasedUntil.lt(now)),
        )
        .exec(app.db.write_one())
        .await?;
    let request = Entity::find_by_id(id).one(app.db.write_one()).await?;
    match request {
        Some(request) if request.status == Standing::Open && taken.rows_affected == 1 => {
            Ok(Some(request))
        }
        Some(request) if request.status == Standing::Open => Err(Error::internal(
            "a request to a scheduler",
            "somebody else is at it",
        )),
        _ => Ok(None),
    }
}

async fn release(app: &App, request: &Request) -> Result<()> {
    Entity::update_many()
        .set(scheduler_request::ActiveModel {
            lease: Set(None),
            leased_until: Set(None),
            ..Default::default()
        })
        .filter(Column::Id.eq(request.id))
        .filter(Column::Lease.eq(request.lease))
        .exec(app.db.write_one())
        .await?;
    Ok(())
}

/// Returns `None` while the outcome is open.
async fn attempt(app: &App, request: &Request) -> Result<Option<()>> {
    let booking = rows::require(app.db.write_one(), request.booking_id).await?;
    let known = match request.kind {
        Kind::Undo => return undo(app, request, &booking).await.map(Some),
        Kind::Book | Kind::Move => ask(app, request, &booking).await?,
    };
    match known {
        Finding::Observed(reported) => {
            app.slots.invalidate(booking.coach_id);
            match ingest(app, request, reported).await? {
                None => give_up(app, request).await,
                done => Ok(done),
            }
        }
        Finding::Refused(refusal) => conclude(app, request, Standing::Refused, Some(refusal))
            .await
            .map(Some),
        Finding::NotDone => conclude(app, request, Standing::Undone, None)
            .await
            .map(Some),
        Finding::Pending => Ok(None),
    }
}

/// Sends the request if it was not sent yet, else looks for its effect.
async fn ask(app: &App, request: &Request, booking: &Booking) -> Result<Finding> {
    let now = app.clock.now();
    let is_wanted = match request.kind {
        Kind::Book => booking.status == Status::Initiated,
        _ => booking.status.is_active(),
    };
    let is_late = now - request.created_at >= GIVEN_UP || request.starts_at <= now;
    let Some(calendar) = Calendar::of(app, booking, request.actor_id).await? else {
        return Ok(Finding::Refused("NOT_CONNECTED".to_owned()));
    };
    let wanted = wanted(app, request, booking).await?;
    if request.sent_at.is_some() {
        return look(app, &calendar, &wanted).await;
    }
    if !is_wanted || is_late {
        return Ok(Finding::NotDone);
    }
    mark_sent(app, request, Some(now)).await?;
    match calendar.request(&wanted).await {
        Outcome::Done(observations) => Ok(Finding::Observed(calendar.reported(observations))),
        Outcome::Refused {
            code,
            may_exist: false,
        } => Ok(Finding::Refused(code)),
        // A scheduler may keep a booking that it has refused, and refuse a retry as a conflict.
        Outcome::Refused {
            code,
            may_exist: true,
        } => match calendar.find(&wanted).await {
            Ok(observations) if observations.is_empty() => Ok(Finding::Refused(code)),
            Ok(observations) => Ok(Finding::Observed(calendar.reported(observations))),
            Err(_) => Ok(Finding::Pending),
        },
        Outcome::NotSent(error) => {
            tracing::info!(request.id = %request.id, %error, "scheduler unreachable, retrying");
            mark_sent(app, request, None).await?;
            Ok(Finding::Pending)
        }
        Outcome::Unknown(error) => {
            tracing::warn!(request.id = %request.id, booking.id = %booking.id, %error, "scheduler's answer lost");
            Ok(Finding::Pending)
        }
    }
}

/// Reads the scheduler's records for the effect of a request whose answer was lost.
async fn look(app: &App, calendar: &Calendar<'_>, wanted: &RemoteRequest) -> Result<Finding> {
    let (now, request) = (app.clock.now(), &wanted.request);
    match calendar.find(wanted).await {
        Ok(found) if !found.is_empty() => Ok(Finding::Observed(calendar.reported(found))),
        Ok(_) if now - request.sent_at.unwrap_or(request.created_at) >= SETTLED => {
            Ok(Finding::NotDone)
        }
        Ok(_) => Ok(Finding::Pending),
        Err(error) => {
            tracing::info!(request.id = %request.id, %error, "scheduler's records unreadable, retrying");
            if request.kind == Kind::Book && now - request.created_at >= GIVEN_UP {
                abandon(app, request).await?;
            }
            Ok(Finding::Pending)
        }
    }
}

/// Fails the booking for the client and releases its time. The request stays open, so that a
/// booking it may have made at the scheduler is still found.
async fn abandon(app: &App, request: &Request) -> Result<()> {
    let cause = Cause::system(
        entity::booking_event::Source::Sweeper,
        &request.correlation_id,
        app.clock.now(),
    );
    app.db
        .transaction((request.booking_id, cause), abandon_in)
        .await
}

async fn abandon_in(txn: &Txn, (booking_id, cause): (Uuid, Cause)) -> Result<()> {
    let booking = rows::take(txn, booking_id).await?;
    if booking.status == Status::Initiated {
        let (event, reason) = (Event::SchedulerRefused, Some(NO_ANSWER.to_owned()));
        apply(txn, &cause, &booking, event, reason, |_| ()).await?;
    }
    Ok(())
}

async fn wanted(app: &App, request: &Request, booking: &Booking) -> Result<RemoteRequest> {
    let event_type = entity::event_type::Entity::find_by_id(booking.event_type_id)
        .one(app.db.read())
        .await?;
    let event_type =
        event_type.ok_or_else(|| Error::internal("a booking", "without its event type"))?;
    Ok(RemoteRequest {
        request: request.clone(),
        answers: answers::open(&app.vault, booking.id, &booking.answers)?,
        booking: booking.clone(),
        event_type,
    })
}

/// Committed before the request is sent, so that after a crash its effect is looked for and it is
/// not sent twice.
async fn mark_sent(app: &App, request: &Request, at: Option<DateTime<Utc>>) -> Result<()> {
    let sent = Expr::col(Column::Attempts).add(i32::from(at.is_some()));
    Entity::update_many()
        .col_expr(Column::Attempts, sent)
        .col_expr(Column::SentAt, Expr::value(at))
        .filter(Column::Id.eq(request.id))
        .exec(app.db.write_one())
        .await?;
    Ok(())
}

/// Ingests the answer, which closes the request; returns `None` if the answer is not sufficient.
async fn ingest(app: &App, request: &Request, reported: Reported) -> Result<Option<()>> {
    let cause = Cause {
        now: app.clock.now(),
        ..Cause::from(request)
    };
    ingest::ingest_observations(app, cause, reported).await?;
    let request = Entity::find_by_id(request.id)
        .one(app.db.write_one())
        .await?;
    Ok(request
        .is_none_or(|request| request.status != Standing::Open)
        .then_some(()))
}

/// Concludes a request whose answer will never come: the booking was ended there before the move,
/// or became known here another way. Returns `None` until enough time has passed.
async fn give_up(app: &App, request: &Request) -> Result<Option<()>> {
    let (now, booking) = (
        app.clock.now(),
        rows::require(app.db.write_one(), request.booking_id).await?,
    );
    let is_over = match request.kind {
        Kind::Move => {
            now - request.sent_at.unwrap_or(request.created_at) >= SETTLED
                && !booking.status.is_active()
        }
        Kind::Book => now - request.created_at >= GIVEN_UP,
        Kind::Undo => false,
    };
    if !is_over {
        return Ok(None);
    }
    conclude(
        app,
        request,
        Standing::Refused,
        Some("CHANGED_MEANWHILE".to_owned()),
    )
    .await
    .map(Some)
}

/// Closes a request without effect: a new booking is given up, a move leaves the booking where it
/// is.
async fn conclude(
    app: &App,
    request: &Request,
    status: Standing,
    refusal: Option<String>,
) -> Result<()> {
    let conclusion = Conclusion {
        request: request.clone(),
        status,
        refusal,
        now: app.clock.now(),
    };
    app.db.transaction(conclusion, conclude_in).await
}

/// The end of a request that has brought nothing about.
#[derive(Clone)]
struct Conclusion {
    request: Request,
    status: Standing,
    refusal: Option<String>,
    now: DateTime<Utc>,
}

async fn conclude_in(txn: &Txn, conclusion: Conclusion) -> Result<()> {
    let Conclusion {
        request,
        status,
        refusal,
        now,
    } = conclusion;
    let booking = rows::take(txn, request.booking_id).await?;
    let is_refused = refusal.is_some();
    let reason = refusal.clone().or_else(|| Some(NO_ANSWER.to_owned()));
    if !request::close(txn, &request, status, Closing { refusal, uid: None }, now).await? {
        return Ok(());
    }
    if request.kind == Kind::Book && booking.status == Status::Initiated {
        let cause = Cause {
            now,
            ..Cause::from(&request)
        };
        let event = Event::SchedulerRefused;
        apply(txn, &cause, &booking, event, reason, |_| ()).await?;
    }
    if is_refused && let Some(user_id) = request.actor_id {
        let subject = if request.kind == Kind::Book {
            booking.id
        } else {
            request.id
        };
        idempotency::give_back(txn, user_id, subject).await?;
    }
    Ok(())
}

/// Cancels a duplicate booking at the scheduler.
async fn undo(app: &App, request: &Request, booking: &Booking) -> Result<()> {
    let uid = request
        .uid
        .as_deref()
        .ok_or_else(|| Error::internal("an undo", "of nothing"))?;
    if let Some(calendar) = Calendar::of(app, booking, request.actor_id).await? {
        calendar
            .cancel(uid)
            .await
            .map_err(|error| Error::provider("undoing a second record", error))?;
    }
    conclude(app, request, Standing::Undone, None).await
}
