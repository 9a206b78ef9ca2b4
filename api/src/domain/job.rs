//! Work that was given up, in the hands of staff.

use entity::Uuid;
use entity::job::{ActiveModel, Column, Entity, Model, Status};
use entity::webhook_delivery;
use sea_orm::ActiveValue::{Set, Unchanged};
use sea_orm::{ActiveModelTrait, ColumnTrait, EntityTrait, QueryFilter};

use super::page::{self, Direction, List, Page, PageInput};
use super::{Caller, Error, Result, audit};
use crate::app::App;
use crate::db::Txn;
use crate::outbox::Job;

/// Jobs that were given up, the newest first.
///
/// # Errors
/// `Unauthenticated`, `Forbidden` for anyone but staff, `Invalid` for a cursor that is none.
pub async fn list_dead(app: &App, caller: &Caller, page: &PageInput) -> Result<Page<Model>> {
    caller.require_admin()?;
    let query = Entity::find().filter(Column::Status.eq(Status::Dead));
    let order = (
        List::DeadJobs,
        (Column::RunAt, Column::Id),
        Direction::Descending,
    );
    page::cut(app.db.read(), query, page, order, |row: &Model| {
        (row.run_at, row.id)
    })
    .await
}

/// Has a job that was given up done again, with all its attempts.
///
/// # Errors
/// `Unauthenticated`, `Forbidden` for anyone but staff, `NotFound` unless it is given up.
pub async fn replay(app: &App, caller: &Caller, job_id: Uuid) -> Result<Model> {
    let admin = caller.require_admin()?.user_id;
    let (now, correlation_id) = (app.clock.now(), caller.correlation_id.clone());
    app.db
        .write(move |txn| {
            let correlation_id = correlation_id.clone();
            Box::pin(async move {
                let dead = Entity::find_by_id(job_id)
                    .filter(Column::Status.eq(Status::Dead))
                    .one(&**txn)
                    .await?;
                let dead = dead.ok_or(Error::NotFound("job"))?;
                let subject = format!("job_{}", job_id.simple());
                audit::record(
                    txn,
                    Some(admin),
                    "job.replay",
                    &subject,
                    now,
                    &correlation_id,
                )
                .await?;
                reopen_delivery(txn, &dead).await?;
                if let Some(waiting) = waiting_twin(txn, &dead).await? {
                    // The same work was asked for again meanwhile: that row stands for both.
                    Entity::delete_by_id(dead.id).exec(&**txn).await?;
                    return Ok(waiting);
                }
                let job = Job::from_row(&dead);
                let row = ActiveModel {
                    id: Unchanged(dead.id),
                    dedupe_key: Set(job.map(Job::dedupe_key)),
                    status: Set(Status::Waiting),
                    run_at: Set(now),
                    attempts: Set(0),
                    last_error: Set(None),
                    ..Default::default()
                };
                if let Some(job) = job {
                    txn.wakes(job.lane().topic());
                }
                Ok(row.update(&**txn).await?)
            })
        })
        .await
}

async fn waiting_twin(txn: &Txn, dead: &Model) -> Result<Option<Model>> {
    let twin = Entity::find()
        .filter(Column::Kind.eq(&dead.kind))
        .filter(Column::SubjectId.eq(dead.subject_id))
        .filter(Column::Status.eq(Status::Waiting));
    Ok(twin.one(&**txn).await?)
}

/// The delivery was marked dead with its job, and lives again with it.
async fn reopen_delivery(txn: &Txn, dead: &Model) -> Result<()> {
    let Some(Job::ProcessDelivery { delivery_id }) = Job::from_row(dead) else {
        return Ok(());
    };
    webhook_delivery::Entity::update_many()
        .set(webhook_delivery::ActiveModel {
            status: Set(webhook_delivery::Status::Received),
            failure: Set(None),
            processed_at: Set(None),
            ..Default::default()
        })
        .filter(webhook_delivery::Column::Id.eq(delivery_id))
        .filter(webhook_delivery::Column::Status.eq(webhook_delivery::Status::Dead))
        .exec(&**txn)
        .await?;
    Ok(())
}
