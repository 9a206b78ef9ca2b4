//! Dead jobs, for staff.

use entity::Uuid;
use entity::job::{ActiveModel, Column, Entity, Model, Status};
use entity::webhook_delivery;
use sea_orm::ActiveValue::{Set, Unchanged};
use sea_orm::{ActiveModelTrait, ColumnTrait, EntityTrait, QueryFilter};

use super::page::{self, Direction, List, Page, PageInput};
use super::{Caller, Command, Error, Result};
use crate::app::App;
use crate::db::{Topic, Txn};
use crate::outbox::job::{Job, Kind};

/// Dead jobs, the newest first.
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

/// Puts a dead job back into its queue, with all its attempts.
///
/// # Errors
/// `Unauthenticated`, `Forbidden` for anyone but staff, `NotFound` unless it is dead.
pub async fn replay(app: &App, caller: &Caller, job_id: Uuid) -> Result<Model> {
    caller.require_admin()?;
    app.db
        .transaction(Command::new(app, caller, job_id)?, revive)
        .await
}

async fn revive(txn: &Txn, command: Command<Uuid>) -> Result<Model> {
    let Command { author, input: id } = command;
    let dead = Entity::find_by_id(id)
        .filter(Column::Status.eq(Status::Dead))
        .one(&**txn)
        .await?;
    let dead = dead.ok_or(Error::NotFound("job"))?;
    let subject = format!("job_{}", id.simple());
    author.audit(txn, "job.replay", &subject).await?;
    reopen_delivery(txn, &dead).await?;
    if let Some(waiting) = waiting_twin(txn, &dead).await? {
        // It was enqueued again meanwhile: that row stands for both.
        Entity::delete_by_id(dead.id).exec(&**txn).await?;
        return Ok(waiting);
    }
    let job = Job::from_row(&dead);
    let row = ActiveModel {
        id: Unchanged(dead.id),
        dedupe_key: Set(job.map(Job::dedupe_key)),
        status: Set(Status::Waiting),
        run_at: Set(author.now),
        attempts: Set(0),
        last_error: Set(None),
        ..Default::default()
    };
    if let Some(job) = job {
        txn.wakes(Topic::Jobs(job.queue));
    }
    Ok(row.update(&**txn).await?)
}

async fn waiting_twin(txn: &Txn, dead: &Model) -> Result<Option<Model>> {
    let twin = Entity::find()
        .filter(Column::Kind.eq(&dead.kind))
        .filter(Column::SubjectId.eq(dead.subject_id))
        .filter(Column::Status.eq(Status::Waiting));
    Ok(twin.one(&**txn).await?)
}

/// A delivery is dead when its job is, and received again when its job is replayed.
async fn reopen_delivery(txn: &Txn, dead: &Model) -> Result<()> {
    if Kind::parse(&dead.kind) != Some(Kind::ProcessDelivery) {
        return Ok(());
    }
    webhook_delivery::Entity::update_many()
        .set(webhook_delivery::ActiveModel {
            status: Set(webhook_delivery::Status::Received),
            failure: Set(None),
            processed_at: Set(None),
            ..Default::default()
        })
        .filter(webhook_delivery::Column::Id.eq(dead.subject_id))
        .filter(webhook_delivery::Column::Status.eq(webhook_delivery::Status::Dead))
        .exec(&**txn)
        .await?;
    Ok(())
}
