//! Checks connections regularly, renews consents before they expire, and warns coaches in time.

use chrono::{DateTime, TimeDelta, Utc};
use entity::Uuid;
use entity::connection::{ActiveModel, Column, Entity, Health, HealthReason, Kind, Model};
use sea_orm::ActiveValue::Set;
use sea_orm::{
    ColumnTrait as _, Condition, EntityTrait as _, QueryFilter as _, QueryOrder as _,
    QuerySelect as _,
};

use super::lease::{CredentialError, Purpose};
use super::renew;
use crate::app::App;
use crate::db::Txn;
use crate::domain::Result;
use crate::error::Action;
use crate::outbox::{Job, Scheduled, job};

/// Interval between checks of an unused connection.
const EVERY: TimeDelta = TimeDelta::hours(24);
/// Interval while it is broken or expires soon.
const OFTEN: TimeDelta = TimeDelta::hours(6);
/// A consent is renewed this long before it expires; while that fails, the coach is warned.
const SOON: TimeDelta = TimeDelta::days(7);
/// Most checks enqueued in one round.
const MOST: u64 = 100;

/// The action that repairs a connection; `None` if it is healthy.
#[must_use]
pub fn action(row: &Model) -> Option<Action> {
    match (row.health_reason?, row.kind) {
        (HealthReason::KeyRefused, _) => Some(Action::ReplaceKey),
        (HealthReason::AccountGone | HealthReason::ConsentRefused, Kind::ManagedUser) => {
            Some(Action::Provision)
        }
        (
            HealthReason::ConsentEnding | HealthReason::ConsentRefused | HealthReason::AccountGone,
            _,
        ) => Some(Action::Reconnect),
    }
}

/// Enqueues checks of the connections that are due; returns how many.
pub async fn sweep(app: &App) -> Result<u64> {
    if app.accounts.is_empty() {
        return Ok(0);
    }
    let now = app.clock.now();
    let restless = Condition::any()
        .add(Column::Health.ne(Health::Ok))
        .add(Column::RefreshExpiresAt.lt(now + SOON));
    let due = Condition::any()
        .add(Column::CheckedAt.is_null())
        .add(Column::CheckedAt.lt(now - EVERY))
        .add(
            Condition::all()
                .add(restless)
                .add(Column::CheckedAt.lt(now - OFTEN)),
        );
    let due: Vec<Model> = Entity::find_any_live()
        .filter(due)
        .order_by_asc(Column::CheckedAt)
        .limit(MOST)
        .all(app.db.read())
        .await?;
    if due.is_empty() {
        return Ok(0);
    }
    let checks = |link: &Model| {
        Job::new(job::Kind::CheckConnection, link.id, link).at(now, "connection-sweep")
    };
    let jobs = due.iter().map(checks).collect();
    app.db.transaction(Checks { now, jobs }, enqueue).await?;
    Ok(due.len() as u64)
}

#[derive(Clone)]
struct Checks {
    now: DateTime<Utc>,
    jobs: Vec<Scheduled>,
}

async fn enqueue(txn: &Txn, checks: Checks) -> Result<()> {
    let seen = ActiveModel {
        checked_at: Set(Some(checks.now)),
        ..Default::default()
    };
    let ids = checks.jobs.iter().map(|check| check.job.subject_id);
    Entity::update_many()
        .set(seen)
        .filter(Column::Id.is_in(ids))
        .exec(&**txn)
        .await?;
    job::enqueue_all(txn, &checks.jobs).await
}

/// Checks a connection: renews a consent that expires soon, and verifies the credential with the
/// provider.
///
/// # Errors
/// When the database fails. The provider's answer is an outcome, and stored.
pub async fn check(app: &App, connection_id: Uuid) -> Result<()> {
    let row = Entity::find_by_id(connection_id).one(app.db.read()).await?;
    let Some(row) = row.filter(Model::is_live) else {
        return Ok(());
    };
    let now = app.clock.now();
    let ends_soon = row.refresh_expires_at.is_some_and(|ends| ends < now + SOON);
    if row.kind != Kind::ApiKey && (ends_soon || row.health == Health::Broken) {
        match renew::renew(app, &row, renew::When::Check).await {
            Ok(_) => {}
            Err(CredentialError::Unavailable(_)) if ends_soon && row.health == Health::Ok => {
                return warn(app, &row, now).await;
            }
            Err(CredentialError::Internal(error)) => return Err(error),
            Err(_) => return Ok(()),
        }
    }
    ask(app, connection_id).await
}

/// Marks a connection whose consent expires soon and could not be renewed, so that its coach is
/// warned.
async fn warn(app: &App, row: &Model, now: DateTime<Utc>) -> Result<()> {
    tracing::warn!(connection.id = %row.id, "connection expires soon and could not be renewed");
    let ending = ActiveModel {
        health: Set(Health::Expiring),
        health_reason: Set(Some(HealthReason::ConsentEnding)),
        updated_at: Set(now),
        ..Default::default()
    };
    put(app, row, ending).await
}

async fn ask(app: &App, connection_id: Uuid) -> Result<()> {
    let lease = match super::credential::lease_for_check(app, connection_id, Purpose::Health).await
    {
        Ok(lease) => lease,
        Err(CredentialError::Internal(error)) => return Err(error),
        Err(_) => return Ok(()),
    };
    let Some(provider) = app.accounts.find(&lease.provider) else {
        return Ok(());
    };
    match provider.check(&lease).await {
        Ok(()) => {
            let Some(row) = Entity::find_by_id(connection_id).one(app.db.read()).await? else {
                return Ok(());
            };
            put(
                app,
                &row,
                renew::well(app.clock.now(), ActiveModel::default()),
            )
            .await
        }
        Err(Some(refusal)) => super::report(app, &lease, refusal).await,
        Err(None) => Ok(()),
    }
}

async fn put(app: &App, row: &Model, change: ActiveModel) -> Result<()> {
    Entity::update_many()
        .set(change)
        .filter(Column::Id.eq(row.id))
        .filter(Column::TokenVersion.eq(row.token_version))
        .filter(Column::DisconnectedAt.is_null())
        .exec(app.db.write_one())
        .await?;
    Ok(())
}
