//! Event types, hours and absences that a scheduler stores too: their sync state, and when they are
//! pushed or pulled. The adapter knows the wire format.

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, TimeDelta, Utc};
use entity::coach::Scheduler;
use entity::sync_state::{Column, Entity, Model, State, Subject};
use entity::{Uuid, absence, coach, connection, event_type, schedule};
use sea_orm::ActiveValue::Set;
use sea_orm::sea_query::OnConflict;
use sea_orm::{
    ActiveModelTrait, ColumnTrait, Condition, ConnectionTrait, EntityTrait, IntoActiveModel,
    Iterable, QueryFilter, QuerySelect, QueryTrait,
};
use serde::Serialize;
use sha2::{Digest, Sha256};

use super::days::today;
use super::remote::{RemoteScheduler, capabilities};
use crate::app::App;
use crate::db::Txn;
use crate::domain::connection as link;
use crate::domain::{Result, recurring_jobs};
use crate::outbox::job::{self, Job};

/// The sync states of these objects. The caller checks permissions.
pub async fn find_many(app: &App, ids: &[Uuid]) -> Result<HashMap<Uuid, Model>> {
    let rows = Entity::find()
        .filter(Column::Id.is_in(ids.iter().copied()))
        .all(app.db.read())
        .await?;
    Ok(rows.into_iter().map(|row| (row.id, row)).collect())
}

/// Enqueues a push of a changed event type, if its coach's scheduler stores settings.
pub(crate) async fn event_type_changed(
    txn: &Txn,
    row: &event_type::Model,
    now: DateTime<Utc>,
    correlation_id: &str,
) -> Result<()> {
    let Some(scheduler) = settings_keeper(txn, row.coach_id).await? else {
        return Ok(());
    };
    let known = blank(Subject::EventType, row.id, row.coach_id, scheduler, now);
    pending(txn, known).await?;
    let job = Job::new(job::Kind::PushEventType, row.id, scheduler);
    job::enqueue(txn, job.at(now, correlation_id)).await
}

/// Enqueues a push of changed hours, as [`event_type_changed`].
pub(crate) async fn schedule_changed(
    txn: &Txn,
    row: &schedule::Model,
    now: DateTime<Utc>,
    correlation_id: &str,
) -> Result<()> {
    let Some(scheduler) = settings_keeper(txn, row.coach_id).await? else {
        return Ok(());
    };
    let known = blank(Subject::Schedule, row.id, row.coach_id, scheduler, now);
    pending(txn, known).await?;
    let job = Job::new(job::Kind::PushSchedule, row.id, scheduler);
    job::enqueue(txn, job.at(now, correlation_id)).await
}

/// Pushes settings that changed while a migration copied them. Waits for rows that others are
/// changing: until the migration commits, their change enqueues no push.
pub(crate) async fn catch_up(
    txn: &Txn,
    coach: &coach::Model,
    now: DateTime<Utc>,
    correlation_id: &str,
) -> Result<()> {
    let brought = Entity::find()
        .filter(Column::CoachId.eq(coach.id))
        .all(&**txn)
        .await?;
    let brought: HashMap<Uuid, i64> = brought
        .into_iter()
        .map(|known| (known.id, known.version))
        .collect();
    // A copied object is behind if its version changed since; one that was not copied is behind if
    // it belongs to what the coach offers.
    let is_behind = |id, version, is_offered| match brought.get(&id) {
        Some(known) => *known != version,
        None => is_offered,
    };
    let offers = event_type::Entity::find()
        .filter(event_type::Column::CoachId.eq(coach.id))
        .lock_exclusive();
    let offers = offers.all(&**txn).await?;
    let is_offered = |row: &&event_type::Model| row.visibility != event_type::Visibility::Archived;
    let used: HashSet<Uuid> = offers
        .iter()
        .filter(is_offered)
        .filter_map(|row| row.schedule_id)
        .collect();
    for row in schedule::Entity::find_by_coach(coach.id)
        .lock_exclusive()
        .all(&**txn)
        .await?
    {
        let is_used = used.contains(&row.id) || coach.default_schedule_id == Some(row.id);
        if is_behind(row.id, row.version, is_used) {
            schedule_changed(txn, &row, now, correlation_id).await?;
        }
    }
    for row in &offers {
        if is_behind(row.id, row.version, is_offered(&row)) {
            event_type_changed(txn, row, now, correlation_id).await?;
        }
    }
    Ok(())
}

/// The scheduler to which a coach's settings are pushed, if there is one.
async fn settings_keeper(txn: &Txn, coach_id: Uuid) -> Result<Option<Scheduler>> {
    let coach = coach::Entity::find_by_id(coach_id).one(&**txn).await?;
    let scheduler = coach.map(|coach| coach.scheduler);
    Ok(scheduler.filter(|scheduler| capabilities(*scheduler).keeps_settings))
}

/// Marks settings as pending; `unknown` is inserted if they have no row yet.
async fn pending(txn: &Txn, unknown: Model) -> Result<()> {
    let updated_at = unknown.updated_at;
    let row = find(&**txn, unknown.id).await?.unwrap_or(unknown);
    let row = Model {
        state: State::Pending,
        message: None,
        updated_at,
        ..row
    };
    put(txn, row).await
}

pub(super) async fn find(db: &impl ConnectionTrait, id: Uuid) -> Result<Option<Model>> {
    Ok(Entity::find_by_id(id).one(db).await?)
}

/// A new sync-state row, for settings that were never pushed.
pub(super) fn blank(
    subject: Subject,
    id: Uuid,
    coach_id: Uuid,
    scheduler: Scheduler,
    now: DateTime<Utc>,
) -> Model {
    Model {
        id,
        subject,
        coach_id,
        provider: scheduler.provider().unwrap_or_default().to_owned(),
        external_id: None,
        state: State::Pending,
        message: None,
        theirs: None,
        version: 0,
        looked_at: None,
        synced_at: None,
        updated_at: now,
    }
}

/// Upserts a sync-state row.
pub(super) async fn put(txn: &Txn, row: Model) -> Result<()> {
    let columns = Column::iter().filter(|column| !matches!(column, Column::Id));
    let over = OnConflict::column(Column::Id)
        .update_columns(columns)
        .to_owned();
    Entity::insert(row.into_active_model().reset_all())
        .on_conflict(over)
        .exec_without_returning(&**txn)
        .await?;
    Ok(())
}

/// Stores the failure of a push.
pub(super) async fn failed(app: &App, id: Uuid, state: State, message: String) -> Result<()> {
    let failure = Failure {
        id,
        state,
        message,
        now: app.clock.now(),
    };
    app.db.transaction(failure, note_failure).await
}

#[derive(Clone)]
struct Failure {
    id: Uuid,
    state: State,
    message: String,
    now: DateTime<Utc>,
}

async fn note_failure(txn: &Txn, failure: Failure) -> Result<()> {
    let Some(row) = find(&**txn, failure.id).await? else {
        return Ok(());
    };
    put(
        txn,
        Model {
            state: failure.state,
            message: Some(failure.message),
            updated_at: failure.now,
            ..row
        },
    )
    .await
}

/// A hash over the fields that both sides store; differs when one of them differs.
pub(super) fn fingerprint(said: &impl Serialize) -> String {
    let text = serde_json::to_vec(said).expect("plain data has a JSON form");
    hex::encode(Sha256::digest(text))
}

/// Enqueues a push of a coach's absences, after a change of them or of the coach's scheduler.
pub(crate) async fn absences_changed(
    txn: &Txn,
    coach: &coach::Model,
    now: DateTime<Utc>,
    correlation_id: &str,
) -> Result<()> {
    let coming = absence::Entity::find_from(&[coach.id], today(coach, now));
    let ids: Vec<Uuid> = coming
        .all(&**txn)
        .await?
        .into_iter()
        .map(|row| row.id)
        .collect();
    if ids.is_empty() {
        return Ok(());
    }
    let pending = absence::ActiveModel {
        state: Set(Some(State::Pending)),
        ..Default::default()
    };
    absence::Entity::update_many()
        .set(pending)
        .filter(absence::Column::Id.is_in(ids))
        .exec(&**txn)
        .await?;
    let job = Job::new(job::Kind::PushAbsences, coach.id, coach.scheduler);
    job::enqueue(txn, job.at(now, correlation_id)).await
}

/// Pushes an event type to its coach's scheduler, if that stores settings.
///
/// # Errors
/// When a retry may succeed; a permanent failure is stored, for the coach to see.
pub async fn push_event_type(app: &App, event_type_id: Uuid) -> Result<()> {
    let row = event_type::Entity::find_by_id(event_type_id)
        .one(app.db.read())
        .await?;
    match row {
        Some(row) => match keeper(app, row.coach_id).await? {
            Keeper::Remote(remote) => remote.push_event_type(app, event_type_id).await,
            Keeper::NotCalled => {
                failed(app, event_type_id, State::Failed, NOT_CALLED.to_owned()).await
            }
            Keeper::None => Ok(()),
        },
        None => Ok(()),
    }
}

/// Pushes hours to their coach's scheduler, if that stores settings.
///
/// # Errors
/// As [`push_event_type`].
pub async fn push_schedule(app: &App, schedule_id: Uuid) -> Result<()> {
    let row = schedule::Entity::find_by_id(schedule_id)
        .one(app.db.read())
        .await?;
    match row {
        Some(row) => match keeper(app, row.coach_id).await? {
            Keeper::Remote(remote) => remote.push_schedule(app, schedule_id).await,
            Keeper::NotCalled => {
                failed(app, schedule_id, State::Failed, NOT_CALLED.to_owned()).await
            }
            Keeper::None => Ok(()),
        },
        None => Ok(()),
    }
}

/// Pushes a coach's absences to their scheduler. If that stores none, deletes the rows of the
/// withdrawn ones.
///
/// # Errors
/// As [`push_event_type`].
pub async fn push_absences(app: &App, coach_id: Uuid) -> Result<()> {
    match keeper(app, coach_id).await? {
        Keeper::Remote(remote) => remote.push_absences(app, coach_id).await,
        Keeper::NotCalled | Keeper::None => {
            absence::Entity::delete_many()
                .filter(absence::Column::CoachId.eq(coach_id))
                .filter(absence::Column::RemovedAt.is_not_null())
                .exec(app.db.write_one())
                .await?;
            Ok(())
        }
    }
}

/// Message of a push to a scheduler that this server cannot call.
const NOT_CALLED: &str = "this server cannot call the coach's calendar";

/// The scheduler that stores a coach's settings too.
enum Keeper<'a> {
    Remote(&'a dyn RemoteScheduler),
    /// This server is not configured to call it.
    NotCalled,
    None,
}

async fn keeper(app: &App, coach_id: Uuid) -> Result<Keeper<'_>> {
    let coach = coach::Entity::find_by_id(coach_id)
        .one(app.db.read())
        .await?;
    let scheduler = coach.map(|coach| coach.scheduler);
    let scheduler = scheduler.filter(|scheduler| capabilities(*scheduler).keeps_settings);
    Ok(match scheduler {
        None => Keeper::None,
        Some(scheduler) => app
            .schedulers
            .find(scheduler)
            .map_or(Keeper::NotCalled, Keeper::Remote),
    })
}

/// Interval between two pulls of a coach's settings.
const PULL_INTERVAL: TimeDelta = TimeDelta::hours(24);

/// Enqueues the next pull of each connection that has none enqueued. A repeat is a no-op.
pub async fn ensure_pulls(app: &App) -> Result<()> {
    let at = app.clock.now() + PULL_INTERVAL;
    let mut jobs = Vec::new();
    for scheduler in Scheduler::REMOTE
        .into_iter()
        .filter(|it| capabilities(*it).keeps_settings)
    {
        let kept = coach::Entity::find()
            .filter(coach::Column::Scheduler.eq(scheduler))
            .select_only()
            .column(coach::Column::Id)
            .into_query();
        let of_kept = connection::Column::CoachId.in_subquery(kept);
        let working = link::list_working(app, scheduler, Condition::all().add(of_kept)).await?;
        jobs.extend(
            working
                .into_iter()
                .map(|id| Job::new(job::Kind::PullSettings, id, scheduler).at(at, "sync")),
        );
    }
    recurring_jobs::ensure(&app.db, jobs).await
}

/// Pulls what a coach changed at their scheduler. A no-op for a broken connection, or one to
/// another scheduler than the coach's.
///
/// # Errors
/// When a retry may succeed.
pub async fn pull(app: &App, connection_id: Uuid) -> Result<()> {
    let found = connection::Entity::find_by_id(connection_id)
        .one(app.db.read())
        .await?;
    let works =
        |link: &connection::Model| link.is_live() && link.health != connection::Health::Broken;
    let Some(link) = found.filter(works) else {
        return Ok(());
    };
    let coach = coach::Entity::find_by_id(link.coach_id)
        .one(app.db.read())
        .await?;
    let keeps = |coach: coach::Model| coach.scheduler.provider() == Some(link.provider.as_str());
    match app.schedulers.find_by_provider(&link.provider) {
        Some(remote) if coach.is_some_and(keeps) => remote.pull_settings(app, link).await,
        _ => Ok(()),
    }
}
