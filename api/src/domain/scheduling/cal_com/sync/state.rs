//! Remembering how both sides stand.

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, Utc};
use entity::coach::Scheduler;
use entity::sync_state::{Column, Entity, Model, State, Subject};
use entity::{Provider, Uuid, coach, event_type, schedule};
use sea_orm::sea_query::OnConflict;
use sea_orm::{
    ActiveModelTrait, ColumnTrait, ConnectionTrait, EntityTrait, IntoActiveModel, Iterable,
    QueryFilter, QuerySelect,
};
use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::app::App;
use crate::db::Txn;
use crate::domain::Result;
use crate::domain::connection::PROVIDER;
use crate::outbox::job::{self, Job};

/// How these objects stand to their likes elsewhere: for whoever may change them.
///
/// # Errors
/// When the database fails.
pub async fn find_many(app: &App, ids: &[Uuid]) -> Result<HashMap<Uuid, Model>> {
    let rows = Entity::find()
        .filter(Column::Id.is_in(ids.iter().copied()))
        .all(app.db.read())
        .await?;
    Ok(rows.into_iter().map(|row| (row.id, row)).collect())
}

/// An event type has changed: if its coach's time is kept elsewhere, it is to be pushed there.
///
/// # Errors
/// When the database fails.
pub(crate) async fn event_type_changed(
    txn: &Txn,
    row: &event_type::Model,
    now: DateTime<Utc>,
    correlation_id: &str,
) -> Result<()> {
    if !is_kept_elsewhere(txn, row.coach_id).await? {
        return Ok(());
    }
    pending(txn, Subject::EventType, row.id, row.coach_id, now).await?;
    let job = Job::new(job::Kind::PushEventType, row.id, Provider::CalCom);
    job::enqueue(txn, job.at(now, correlation_id)).await
}

/// Hours have changed: as [`event_type_changed`].
///
/// # Errors
/// When the database fails.
pub(crate) async fn schedule_changed(
    txn: &Txn,
    row: &schedule::Model,
    now: DateTime<Utc>,
    correlation_id: &str,
) -> Result<()> {
    if !is_kept_elsewhere(txn, row.coach_id).await? {
        return Ok(());
    }
    pending(txn, Subject::Schedule, row.id, row.coach_id, now).await?;
    let job = Job::new(job::Kind::PushSchedule, row.id, Provider::CalCom);
    job::enqueue(txn, job.at(now, correlation_id)).await
}

/// What of a coach's has changed while it was being brought to where it is kept now is pushed
/// there once more. Rows that somebody is changing are waited for: until the coach's time has
/// changed hands, their change is not pushed by itself.
///
/// # Errors
/// When the database fails.
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
    // What was brought is behind when it has another version by now, and what was not when it
    // belongs to what is offered.
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

pub(super) async fn is_kept_elsewhere(db: &Txn, coach_id: Uuid) -> Result<bool> {
    let coach = coach::Entity::find_by_id(coach_id).one(&**db).await?;
    Ok(coach.is_some_and(|coach| coach.scheduler == Scheduler::CalCom))
}

async fn pending(
    txn: &Txn,
    subject: Subject,
    id: Uuid,
    coach_id: Uuid,
    now: DateTime<Utc>,
) -> Result<()> {
    let found = find(&**txn, id).await?;
    let mut row = found.unwrap_or_else(|| blank(subject, id, coach_id, now));
    row.state = State::Pending;
    row.message = None;
    put(
        txn,
        Model {
            updated_at: now,
            ..row
        },
    )
    .await
}

pub(super) async fn find(db: &impl ConnectionTrait, id: Uuid) -> Result<Option<Model>> {
    Ok(Entity::find_by_id(id).one(db).await?)
}

/// Nothing is known of the other side.
pub(super) fn blank(subject: Subject, id: Uuid, coach_id: Uuid, now: DateTime<Utc>) -> Model {
    Model {
        id,
        subject,
        coach_id,
        provider: PROVIDER.to_owned(),
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

/// Puts it down, over what was there.
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

/// What became of an attempt that did not come through.
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

/// A text that differs when what both sides can say differs.
pub(super) fn fingerprint(said: &impl Serialize) -> String {
    let text = serde_json::to_vec(said).expect("plain data has a JSON form");
    hex::encode(Sha256::digest(text))
}
