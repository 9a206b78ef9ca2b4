//! Scheduled rounds: sweeps, recurring jobs, and the deletion of expired rows.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use entity::worker_beat::{ActiveModel, Column, Entity};
use entity::{Uuid, idempotency_key, slot_hold};
use sea_orm::ActiveValue::Set;
use sea_orm::sea_query::OnConflict;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};
use tokio_util::sync::CancellationToken;

use crate::app::App;
use crate::domain::scheduling::{settings, webhooks};
use crate::domain::{Result, booking, connection, reconcile, rotate};

const ROUND: Duration = Duration::from_secs(5);
/// Interval between two looks for plain text.
const SEALING: Duration = Duration::from_secs(24 * 60 * 60);
/// A worker without a heartbeat for so long counts as dead.
const GONE_AFTER: TimeDelta = TimeDelta::seconds(60);
/// Retention of expired rows.
const KEPT: TimeDelta = TimeDelta::hours(1);

/// Runs a round every 5 seconds until stopped, and seals what is plain text, once a day.
pub(super) async fn run(app: Arc<App>, stop: CancellationToken) {
    tokio::join!(run_rounds(&app, &stop), run_sealing(&app, &stop));
}

/// Older processes may write plain text until the last of them is replaced.
async fn run_sealing(app: &App, stop: &CancellationToken) {
    loop {
        let pause = match rotate::seal_plain(app).await {
            Ok(()) => SEALING,
            Err(error) => {
                tracing::warn!(%error, "plain text could not be sealed, retrying");
                ROUND
            }
        };
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = stop.cancelled() => return,
        }
    }
}

async fn run_rounds(app: &App, stop: &CancellationToken) {
    let worker_id = entity::new_id();
    loop {
        if let Err(error) = round(app, worker_id).await {
            tracing::warn!(%error, "scheduled round failed, retrying with the next one");
        }
        tokio::select! {
            () = tokio::time::sleep(ROUND) => {}
            () = stop.cancelled() => return,
        }
    }
}

async fn round(app: &App, worker_id: Uuid) -> Result<()> {
    beat(app, worker_id).await?;
    let changed = booking::sweep(app).await?;
    if changed > 0 {
        tracing::info!(bookings = changed, "sweep advanced bookings");
    }
    connection::sweep(app).await?;
    reconcile::ensure(app).await?;
    settings::ensure_pulls(app).await?;
    webhooks::ensure_checks(app).await?;
    clear(app).await
}

/// Stores the heartbeat of a worker.
pub async fn beat(app: &App, worker_id: Uuid) -> Result<()> {
    let row = ActiveModel {
        worker_id: Set(worker_id),
        beat_at: Set(app.clock.now()),
    };
    let again = OnConflict::column(Column::WorkerId)
        .update_column(Column::BeatAt)
        .to_owned();
    Entity::insert(row)
        .on_conflict(again)
        .exec_without_returning(app.db.write_one())
        .await?;
    Ok(())
}

/// Whether any worker has stored a recent heartbeat.
pub async fn is_alive(app: &App, now: DateTime<Utc>) -> Result<bool> {
    let lately = Entity::find()
        .filter(Column::BeatAt.gt(now - GONE_AFTER))
        .one(app.db.read())
        .await?;
    Ok(lately.is_some())
}

async fn clear(app: &App) -> Result<()> {
    let before = app.clock.now() - KEPT;
    let db = app.db.write_one();
    slot_hold::Entity::delete_many()
        .filter(slot_hold::Column::ExpiresAt.lt(before))
        .exec(db)
        .await?;
    idempotency_key::Entity::delete_many()
        .filter(idempotency_key::Column::ExpiresAt.lt(before))
        .exec(db)
        .await?;
    Entity::delete_many()
        .filter(Column::BeatAt.lt(before))
        .exec(db)
        .await?;
    Ok(())
}
