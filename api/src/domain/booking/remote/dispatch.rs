//! Asking a scheduler for what only it can grant: a new booking, another time.
//!
//! The order is always the same. What is asked is written down first, together with the time it
//! takes here and the work that sees to it later. Then it is sent, outside of any transaction. What
//! comes back is taken in like anything else that the scheduler says ([`learn`]), and closes the
//! request. When nothing comes back, the scheduler's own records are looked at: what is found there
//! is adopted, and what is not there after a while is given up.

use chrono::{DateTime, TimeDelta, Utc};
use entity::Uuid;
use entity::booking::{Model as Booking, Status};
use entity::coach::Scheduler;
use entity::scheduler_request::{self, Column, Entity, Kind, Model as Request, Status as Standing};
use sea_orm::ActiveValue::Set;
use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, Condition, EntityTrait, ExprTrait, QueryFilter};

use super::ingest;
use super::request::{self, Closing};
use crate::app::App;
use crate::domain::booking::idempotency;
use crate::domain::booking::state::Event;
use crate::domain::booking::transition::apply;
use crate::domain::scheduling::observation::{Observation, Reported};
use crate::domain::scheduling::remote::{Calendar, Outcome, RemoteRequest};
use crate::domain::{Cause, Error, Result};
use crate::outbox::{Job, job};

/// How long one attempt may take; nobody else touches the request meanwhile. Longer than any call
/// to a provider.
const LEASE: TimeDelta = TimeDelta::seconds(45);
/// After so long without a trace at the scheduler, a request whose answer was lost counts as never
/// carried out. Whatever turns up later is undone there.
const SETTLED: TimeDelta = TimeDelta::seconds(60);
/// After so long a booking that its scheduler could not be asked for is given up.
const GIVEN_UP: TimeDelta = TimeDelta::minutes(10);
/// After so long nothing can come of a request any more.
pub(crate) const OVER: TimeDelta = TimeDelta::minutes(11);
/// Between two looks for an answer that was lost: at least this, and more as time goes by.
const NEXT_LOOK: TimeDelta = TimeDelta::seconds(5);
const LAST_LOOK: TimeDelta = TimeDelta::minutes(10);
/// Why a booking was given up that its scheduler has said nothing about.
const NO_ANSWER: &str = "NO_ANSWER";

/// What became known of a request.
enum Finding {
    /// The scheduler has it.
    Observed(Vec<Observation>),
    Refused(String),
    /// Not known yet: to be looked at again.
    Pending,
    /// It certainly was not carried out, and nobody waits for it any more.
    NotDone,
}

/// Carries a request out, or finds out what came of it. Done when the request is closed.
///
/// # Errors
/// When it is still open: it is to be tried again.
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

/// The request under a lease; `None` when it is closed.
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

/// `None` when the outcome is still open.
async fn attempt(app: &App, request: &Request) -> Result<Option<()>> {
    let booking =
        crate::domain::booking::read::require(app.db.write_one(), request.booking_id).await?;
    let known = match request.kind {
        Kind::Undo => return undo(app, request, &booking).await.map(Some),
        Kind::Book | Kind::Move => ask(app, request, &booking).await?,
    };
    match known {
        Finding::Observed(observations) => {
            app.slots.invalidate(booking.coach_id);
            match ingest(app, request, booking.scheduler, observations).await? {
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

/// Sends the request if it has not been sent, and looks for its effect if it has.
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
        Outcome::Done(observations) => Ok(Finding::Observed(observations)),
        Outcome::Refused {
            code,
            may_exist: false,
        } => Ok(Finding::Refused(code)),
        // A scheduler may keep a booking that it has refused, and refuse a repetition as a conflict.
        Outcome::Refused {
            code,
            may_exist: true,
        } => match calendar.find(&wanted).await {
            Ok(observations) if observations.is_empty() => Ok(Finding::Refused(code)),
            Ok(observations) => Ok(Finding::Observed(observations)),
            Err(_) => Ok(Finding::Pending),
        },
        Outcome::NotSent(error) => {
            tracing::info!(request.id = %request.id, %error, "a scheduler could not be asked; trying again");
            mark_sent(app, request, None).await?;
            Ok(Finding::Pending)
        }
        Outcome::Unknown(error) => {
            tracing::warn!(request.id = %request.id, booking.id = %booking.id, %error, "a scheduler's answer was lost");
            Ok(Finding::Pending)
        }
    }
}

/// An answer was lost: the scheduler's records know.
async fn look(app: &App, calendar: &Calendar<'_>, wanted: &RemoteRequest) -> Result<Finding> {
    let (now, request) = (app.clock.now(), &wanted.request);
    match calendar.find(wanted).await {
        Ok(found) if !found.is_empty() => Ok(Finding::Observed(found)),
        Ok(_) if now - request.sent_at.unwrap_or(request.created_at) >= SETTLED => {
            Ok(Finding::NotDone)
        }
        Ok(_) => Ok(Finding::Pending),
        Err(error) => {
            tracing::info!(request.id = %request.id, %error, "a scheduler's records cannot be read; looking again later");
            if request.kind == Kind::Book && now - request.created_at >= GIVEN_UP {
                abandon(app, request).await?;
            }
            Ok(Finding::Pending)
        }
    }
}

/// The client waits no longer and the time is given back. The request stays open: what it may have
/// left behind is still looked for.
async fn abandon(app: &App, request: &Request) -> Result<()> {
    let (now, request) = (app.clock.now(), request.clone());
    app.db
        .write(move |txn| {
            let request = request.clone();
            Box::pin(async move {
                let booking = crate::domain::booking::read::take(txn, request.booking_id).await?;
                if booking.status == Status::Initiated {
                    let cause = Cause::system(
                        entity::booking_event::Source::Sweeper,
                        &request.correlation_id,
                        now,
                    );
                    let reason = Some(NO_ANSWER.to_owned());
                    apply(
                        txn,
                        &cause,
                        &booking,
                        Event::SchedulerRefused,
                        reason,
                        |_| (),
                    )
                    .await?;
                }
                Ok(())
            })
        })
        .await
}

async fn wanted(app: &App, request: &Request, booking: &Booking) -> Result<RemoteRequest> {
    let event_type = entity::event_type::Entity::find_by_id(booking.event_type_id)
        .one(app.db.read())
        .await?;
    let event_type =
        event_type.ok_or_else(|| Error::internal("a booking", "without its event type"))?;
    Ok(RemoteRequest {
        request: request.clone(),
        booking: booking.clone(),
        event_type,
    })
}

/// Durable before anything leaves, so that after a crash it is looked for and not sent again.
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

/// Takes in what the scheduler told, which closes the request; `None` if it says too little for
/// that.
async fn ingest(
    app: &App,
    request: &Request,
    scheduler: Scheduler,
    observations: Vec<Observation>,
) -> Result<Option<()>> {
    let reported = Reported {
        scheduler,
        observations,
    };
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

/// What the scheduler tells may be about something else by now, and will never answer the request:
/// a booking that was ended there before it could be moved, or one that became known here by
/// another way. After a while that is believed. `None` before.
async fn give_up(app: &App, request: &Request) -> Result<Option<()>> {
    let (now, booking) = (
        app.clock.now(),
        crate::domain::booking::read::require(app.db.write_one(), request.booking_id).await?,
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

/// Nothing came of it: a booking that was to be made is given up, one that was to be moved stays
/// where it is.
async fn conclude(
    app: &App,
    request: &Request,
    status: Standing,
    refusal: Option<String>,
) -> Result<()> {
    let now = app.clock.now();
    let request = request.clone();
    app.db
        .write(move |txn| {
            let (request, refusal) = (request.clone(), refusal.clone());
            Box::pin(async move {
                let booking = crate::domain::booking::read::take(txn, request.booking_id).await?;
                let is_refused = refusal.is_some();
                let reason = refusal.clone().or_else(|| Some(NO_ANSWER.to_owned()));
                if !request::close(txn, &request, status, Closing { refusal, uid: None }, now)
                    .await?
                {
                    return Ok(());
                }
                if request.kind == Kind::Book && booking.status == Status::Initiated {
                    let cause = Cause {
                        now,
                        ..Cause::from(&request)
                    };
                    apply(
                        txn,
                        &cause,
                        &booking,
                        Event::SchedulerRefused,
                        reason,
                        |_| (),
                    )
                    .await?;
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
            })
        })
        .await
}

/// Ends a second record at the scheduler.
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
