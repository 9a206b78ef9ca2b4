//! Asking a scheduler for what only it can grant: a new booking, another time.
//!
//! The order is always the same. What is asked is written down first, together with the time it takes here and the work that sees to it
//! later. Then it is sent, outside of any transaction. What comes back is taken in like anything else that the scheduler says
//! ([`learn`]), and closes the request. When nothing comes back, the scheduler's own records are looked at: what is found there is
//! adopted, and what is not there after a while is given up.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use entity::booking::{Model as Booking, Status};
use entity::scheduler_request::{self, Column, Entity, Kind, Model as Request, Status as Standing};
use entity::{Uuid, slot_hold};
use sea_orm::ActiveValue::Set;
use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, Condition, EntityTrait, ExprTrait, IntoActiveModel, QueryFilter};

use super::change::apply;
use super::learn::learn;
use super::request::{self, Asked, Ending};
use super::state::Event;
use crate::app::App;
use crate::db::Txn;
use crate::domain::scheduling::statement::Telling;
use crate::domain::scheduling::{Calendar, Outcome, Wish};
use crate::domain::{Act, Conflict, Error, Result};

/// How long one attempt may take; nobody else touches the request meanwhile. Longer than any call to a provider.
const LEASE: TimeDelta = TimeDelta::seconds(45);
/// After so long without a trace at the scheduler, a request whose answer was lost counts as never carried out. Whatever turns up later
/// is undone there.
const SETTLED: TimeDelta = TimeDelta::seconds(60);
/// After so long a booking that its scheduler could not be asked for is given up.
const GIVEN_UP: TimeDelta = TimeDelta::minutes(10);
/// Between two looks for an answer that was lost: at least this, and more as time goes by.
const NEXT_LOOK: TimeDelta = TimeDelta::seconds(5);
const LAST_LOOK: TimeDelta = TimeDelta::minutes(10);
/// How long somebody who asked waits for the outcome; the booking is then told of as it is.
const PATIENCE: Duration = Duration::from_secs(8);

/// What became known of a request.
enum Known {
    /// The scheduler has it.
    Told(Vec<Telling>),
    Refused(String),
    /// Not known yet: to be looked at again.
    Later,
    /// It certainly was not carried out, and nobody waits for it any more.
    Nothing,
}

/// Carries a request out, or finds out what came of it. Done when the request is closed.
///
/// # Errors
/// When it is still open: it is to be tried again.
pub async fn see_to(app: &App, request_id: Uuid) -> Result<()> {
    let Some(request) = take(app, request_id).await? else { return Ok(()) };
    let outcome = attempt(app, &request).await;
    release(app, &request).await?;
    match outcome? {
        Some(()) => Ok(()),
        None => {
            let (now, correlation_id) = (app.clock.now(), request.correlation_id.clone());
            let wait = ((now - request.created_at) / 4).clamp(NEXT_LOOK, LAST_LOOK);
            app.db
                .write(move |txn| {
                    let correlation_id = correlation_id.clone();
                    Box::pin(async move {
                        let job = crate::outbox::Job::SeeToRequest { request_id };
                        crate::outbox::job::enqueue(txn, &job, now + wait, &correlation_id).await
                    })
                })
                .await
        }
    }
}

/// Carries a request out for somebody who waits, but not for ever: the work goes on without them.
async fn hasten(app: &Arc<App>, request_id: Uuid) {
    let doing = {
        let app = Arc::clone(app);
        app.tasks.clone().spawn(async move {
            if let Err(error) = see_to(&app, request_id).await {
                tracing::warn!(request.id = %request_id, %error, "a request to a scheduler is still open");
            }
        })
    };
    let _ = tokio::time::timeout(PATIENCE, doing).await;
}

/// What came of a booking that its scheduler was asked for, as far as it is known within a short while.
///
/// # Errors
/// Why the scheduler refused it.
pub(super) async fn outcome(app: &Arc<App>, booking: Booking) -> Result<Booking> {
    let Some(request) = request::latest(app.db.write_one(), &booking, Kind::Book).await? else { return Ok(booking) };
    if request.status == Standing::Open {
        hasten(app, request.id).await;
    }
    let request = request::latest(app.db.write_one(), &booking, Kind::Book).await?;
    match request.as_ref().and_then(|request| request.refusal.as_deref()) {
        Some(refusal) => Err(refused(refusal)),
        None => super::read::require(app.db.write_one(), booking.id).await,
    }
}

/// A move that was asked for before: what came of it then, if that is still to be learnt.
///
/// # Errors
/// Why the scheduler refused it.
pub(super) async fn after_move(app: &Arc<App>, booking: Booking, is_new: bool) -> Result<Booking> {
    if is_new || booking.scheduler == entity::coach::Scheduler::Native {
        return Ok(booking);
    }
    match request::latest(app.db.write_one(), &booking, Kind::Move).await? {
        Some(request) => outcome_of_move(app, booking, request.id).await,
        None => Ok(booking),
    }
}

/// Writes down that a booking is to be moved. Its new time is kept for it until the outcome is known.
///
/// # Errors
/// `InvalidState` while another move of it is under way.
pub(super) async fn ask_to_move(
    txn: &Txn,
    act: &Act,
    booking: &Booking,
    busy: (DateTime<Utc>, DateTime<Utc>),
    input: super::Reschedule,
) -> Result<Uuid> {
    if Entity::find_open(booking.id).one(&**txn).await?.is_some() {
        return Err(Conflict::InvalidState("another change of this booking is still under way".to_owned()).into());
    }
    let known = super::learn::known(&**txn, booking.id).await?;
    let unknown = || Conflict::InvalidState("the coach's calendar has not answered yet".to_owned());
    let from_uid = known.ok_or_else(unknown)?.uid;
    let owner = act.actor_id.ok_or(Error::Unauthenticated)?;
    let hold = hold(booking, busy, input.starts_at, owner, act.now);
    let hold_id = hold.id;
    slot_hold::Entity::insert(hold.into_active_model()).exec_without_returning(&**txn).await?;
    let asked = Asked {
        booking_id: booking.id,
        kind: Kind::Move,
        starts_at: input.starts_at,
        from_uid: Some(from_uid),
        hold_id: Some(hold_id),
        reason: input.reason,
    };
    request::open(txn, act, asked).await
}

/// What came of a move.
///
/// # Errors
/// Why the scheduler refused it.
pub(super) async fn outcome_of_move(app: &Arc<App>, booking: Booking, request_id: Uuid) -> Result<Booking> {
    hasten(app, request_id).await;
    let request = Entity::find_by_id(request_id).one(app.db.write_one()).await?;
    match request.as_ref().and_then(|request| request.refusal.as_deref()) {
        Some(refusal) => Err(refused(refusal)),
        None => super::read::require(app.db.write_one(), booking.id).await,
    }
}

/// A scheduler's no, in the words of a client.
fn refused(code: &str) -> Error {
    match code {
        "SLOT_TAKEN" => Conflict::SlotTaken.into(),
        "IN_THE_PAST" => Error::invalid("startsAt", "must be in the future"),
        "SLOT_NOT_OFFERED" | "NOT_OFFERED_ANY_MORE" => Conflict::SlotNotOffered.into(),
        "LIMIT_REACHED" => {
            let message = "the coach takes no more bookings of this kind from you, or for this time".to_owned();
            Conflict::Policy { message, boundary: None }.into()
        }
        "ANSWER_REFUSED" => Error::invalid("answers", "the coach's calendar wants another answer"),
        "CHANGED_MEANWHILE" | "MOVED_ELSEWHERE" => Conflict::Stale.into(),
        "NOT_CONNECTED" => Conflict::InvalidState("this coach takes no bookings at present".to_owned()).into(),
        _ => Conflict::InvalidState("the coach's calendar has refused this".to_owned()).into(),
    }
}

/// The request under a lease; `None` when it is closed.
async fn take(app: &App, id: Uuid) -> Result<Option<Request>> {
    let now = app.clock.now();
    let taken = Entity::update_many()
        .set(scheduler_request::ActiveModel {
            lease: Set(Some(Uuid::new_v4())),
            leased_until: Set(Some(now + LEASE)),
            ..Default::default()
        })
        .filter(Column::Id.eq(id))
        .filter(Column::Status.eq(Standing::Open))
        .filter(Condition::any().add(Column::LeasedUntil.is_null()).add(Column::LeasedUntil.lt(now)))
        .exec(app.db.write_one())
        .await?;
    let request = Entity::find_by_id(id).one(app.db.write_one()).await?;
    match request {
        Some(request) if request.status == Standing::Open && taken.rows_affected == 1 => Ok(Some(request)),
        Some(request) if request.status == Standing::Open => {
            Err(Error::internal("a request to a scheduler", "somebody else is at it"))
        }
        _ => Ok(None),
    }
}

async fn release(app: &App, request: &Request) -> Result<()> {
    Entity::update_many()
        .set(scheduler_request::ActiveModel { lease: Set(None), leased_until: Set(None), ..Default::default() })
        .filter(Column::Id.eq(request.id))
        .filter(Column::Lease.eq(request.lease))
        .exec(app.db.write_one())
        .await?;
    Ok(())
}

/// `None` when the outcome is still open.
async fn attempt(app: &App, request: &Request) -> Result<Option<()>> {
    let booking = super::read::require(app.db.write_one(), request.booking_id).await?;
    let known = match request.kind {
        Kind::Undo => return undo(app, request, &booking).await.map(Some),
        Kind::Book | Kind::Move => ask(app, request, &booking).await?,
    };
    match known {
        Known::Told(tellings) => {
            app.slots.doubt(booking.coach_id);
            take_in(app, request, tellings).await
        }
        Known::Refused(refusal) => conclude(app, request, Standing::Refused, Some(refusal)).await.map(Some),
        Known::Nothing => conclude(app, request, Standing::Undone, None).await.map(Some),
        Known::Later => Ok(None),
    }
}

/// Sends the request if it has not been sent, and looks for its effect if it has.
async fn ask(app: &App, request: &Request, booking: &Booking) -> Result<Known> {
    let now = app.clock.now();
    let is_wanted = match request.kind {
        Kind::Book => booking.status == Status::Initiated,
        _ => booking.status.is_active(),
    };
    let is_late = now - request.created_at >= GIVEN_UP || request.starts_at <= now;
    let Some(calendar) = Calendar::of(app, booking, request.actor_id).await? else {
        return Ok(Known::Refused("NOT_CONNECTED".to_owned()));
    };
    let wish = wish(app, request, booking).await?;
    if request.sent_at.is_some() {
        return look(app, &calendar, &wish).await;
    }
    if !is_wanted || is_late {
        return Ok(Known::Nothing);
    }
    mark_sent(app, request, Some(now)).await?;
    match calendar.ask(&wish).await {
        Outcome::Done(tellings) => Ok(Known::Told(tellings)),
        Outcome::Refused { code, may_exist: false } => Ok(Known::Refused(code)),
        // Cal.com may keep a booking that it has refused, and refuses a repetition like a rival.
        Outcome::Refused { code, may_exist: true } => match calendar.find(&wish).await {
            Ok(tellings) if tellings.is_empty() => Ok(Known::Refused(code)),
            Ok(tellings) => Ok(Known::Told(tellings)),
            Err(_) => Ok(Known::Later),
        },
        Outcome::NotSent(error) => {
            tracing::info!(request.id = %request.id, %error, "a scheduler could not be asked; trying again");
            mark_sent(app, request, None).await?;
            Ok(Known::Later)
        }
        Outcome::Unknown(error) => {
            tracing::warn!(request.id = %request.id, booking.id = %booking.id, %error, "a scheduler's answer was lost");
            Ok(Known::Later)
        }
    }
}

/// An answer was lost: the scheduler's records know.
async fn look(app: &App, calendar: &Calendar<'_>, wish: &Wish) -> Result<Known> {
    let (now, request) = (app.clock.now(), &wish.request);
    match calendar.find(wish).await {
        Ok(found) if !found.is_empty() => Ok(Known::Told(found)),
        Ok(_) if now - request.sent_at.unwrap_or(request.created_at) >= SETTLED => Ok(Known::Nothing),
        Ok(_) => Ok(Known::Later),
        Err(error) => {
            tracing::info!(request.id = %request.id, %error, "a scheduler's records cannot be read; looking again later");
            if request.kind == Kind::Book && now - request.created_at >= GIVEN_UP {
                abandon(app, request).await?;
            }
            Ok(Known::Later)
        }
    }
}

/// The client waits no longer and the time is given back. The request stays open: what it may have left behind is still looked for.
async fn abandon(app: &App, request: &Request) -> Result<()> {
    let (now, request) = (app.clock.now(), request.clone());
    app.db
        .write(move |txn| {
            let request = request.clone();
            Box::pin(async move {
                let booking = super::read::take(txn, request.booking_id).await?;
                if booking.status == Status::Initiated {
                    let act = Act::system(entity::booking_event::Source::Sweeper, &request.correlation_id, now);
                    let reason = Some("NO_ANSWER".to_owned());
                    apply(txn, &act, &booking, Event::SchedulerRefused, reason, |_| ()).await?;
                }
                Ok(())
            })
        })
        .await
}

async fn wish(app: &App, request: &Request, booking: &Booking) -> Result<Wish> {
    let event_type = entity::event_type::Entity::find_by_id(booking.event_type_id).one(app.db.read()).await?;
    let event_type = event_type.ok_or_else(|| Error::internal("a booking", "without its event type"))?;
    Ok(Wish { request: request.clone(), booking: booking.clone(), event_type })
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

/// Takes in what the scheduler told, which closes the request; `None` if it says too little for that.
async fn take_in(app: &App, request: &Request, tellings: Vec<Telling>) -> Result<Option<()>> {
    let act = Act { now: app.clock.now(), ..Act::from(request) };
    let deadline = act.now + app.deadlines.payment;
    let tellings = Arc::new(tellings);
    let request_id = request.id;
    app.db
        .write(move |txn| {
            let (act, tellings) = (act.clone(), Arc::clone(&tellings));
            Box::pin(async move {
                crate::outbox::enter(txn).await?;
                learn(txn, &act, tellings.to_vec(), deadline).await?;
                let request = Entity::find_by_id(request_id).one(&**txn).await?;
                Ok(request.is_none_or(|request| request.status != Standing::Open).then_some(()))
            })
        })
        .await
}

/// Nothing came of it: a booking that was to be made is given up, one that was to be moved stays where it is.
async fn conclude(app: &App, request: &Request, status: Standing, refusal: Option<String>) -> Result<()> {
    let now = app.clock.now();
    let request = request.clone();
    app.db
        .write(move |txn| {
            let (request, refusal) = (request.clone(), refusal.clone());
            Box::pin(async move {
                let booking = super::read::take(txn, request.booking_id).await?;
                let reason = refusal.clone();
                if !request::close(txn, &request, status, Ending { refusal, uid: None }, now).await? {
                    return Ok(());
                }
                if request.kind == Kind::Book && booking.status == Status::Initiated {
                    let act = Act { now, ..Act::from(&request) };
                    apply(txn, &act, &booking, Event::SchedulerRefused, reason, |_| ()).await?;
                }
                Ok(())
            })
        })
        .await
}

/// Ends a second record at the scheduler.
async fn undo(app: &App, request: &Request, booking: &Booking) -> Result<()> {
    let uid = request.uid.as_deref().ok_or_else(|| Error::internal("an undo", "of nothing"))?;
    if let Some(calendar) = Calendar::of(app, booking, request.actor_id).await? {
        calendar.end(uid).await.map_err(|error| Error::internal("undoing a second record", error))?;
    }
    conclude(app, request, Standing::Undone, None).await
}

/// Keeps the new time of a move until its outcome is known.
fn hold(
    asked: &Booking,
    (busy_from, busy_until): (DateTime<Utc>, DateTime<Utc>),
    starts_at: DateTime<Utc>,
    user_id: Uuid,
    now: DateTime<Utc>,
) -> slot_hold::Model {
    slot_hold::Model {
        id: entity::new_id(),
        coach_id: asked.coach_id,
        event_type_id: asked.event_type_id,
        user_id,
        starts_at,
        ends_at: starts_at + (asked.ends_at - asked.starts_at),
        busy_from,
        busy_until,
        expires_at: now + GIVEN_UP + SETTLED,
        created_at: now,
    }
}
