//! Webhooks registered at remote schedulers for connected accounts.

use chrono::TimeDelta;
use entity::coach::Scheduler;
use entity::{Uuid, connection};
use sea_orm::{Condition, EntityTrait};

use crate::app::App;
use crate::domain::connection::list_working;
use crate::domain::{Result, recurring_jobs};
use crate::outbox::job::{Job, Kind, enqueue};

/// Interval between two checks of a webhook.
const CHECK_INTERVAL: TimeDelta = TimeDelta::hours(24);

/// Enqueues a check for each connection that has none enqueued. A repeat is a no-op.
pub async fn ensure_checks(app: &App) -> Result<()> {
    let now = app.clock.now();
    let mut jobs = Vec::new();
    for scheduler in Scheduler::REMOTE {
        let remote = app.schedulers.find(scheduler);
        if remote.is_some_and(|remote| remote.registers_webhooks(app)) {
            let working = list_working(app, scheduler, Condition::all()).await?;
            let check = |id| Job::new(Kind::EnsureWebhook, id, scheduler).at(now, "webhooks");
            jobs.extend(working.into_iter().map(check));
        }
    }
    recurring_jobs::ensure(&app.db, jobs).await
}

/// Checks that the webhook of an account is registered, registers or repairs it, and enqueues the
/// next check.
///
/// # Errors
/// When a retry may succeed.
pub async fn ensure_webhook(app: &App, connection_id: Uuid) -> Result<()> {
    let link = connection::Entity::find_by_id(connection_id)
        .one(app.db.read())
        .await?;
    let Some(link) = link.filter(connection::Model::is_live) else {
        return Ok(());
    };
    let Some(remote) = app.schedulers.find_by_provider(&link.provider) else {
        return Ok(());
    };
    remote.ensure_webhook(app, &link).await?;
    let next = app.clock.now() + CHECK_INTERVAL;
    let check = Job::new(Kind::EnsureWebhook, link.id, &link).at(next, "webhooks");
    app.db.transaction(check, enqueue).await
}
