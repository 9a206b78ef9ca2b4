//! Webhook deliveries for staff.

use entity::Uuid;
use entity::job;
use entity::webhook_delivery::{ActiveModel, Column, Entity, Model, Status};
use sea_orm::ActiveValue::{Set, Unchanged};
use sea_orm::{ActiveModelTrait, ColumnTrait, EntityTrait, QueryFilter};

use crate::app::App;
use crate::db::Txn;
use crate::domain::page::{self, Direction, List, Page, PageInput};
use crate::domain::{Caller, Command, Error, Result};
use crate::outbox::job::{Job, Kind, Queue, enqueue};

/// Lists deliveries, newest first; those of one status, or all.
///
/// # Errors
/// `Unauthenticated`, `Forbidden` for anyone but staff, `Invalid` for an invalid cursor.
pub async fn list(
    app: &App,
    caller: &Caller,
    status: Option<Status>,
    page: &PageInput,
) -> Result<Page<Model>> {
    caller.require_admin()?;
    let mut query = Entity::find();
    if let Some(status) = status {
        query = query.filter(Column::Status.eq(status));
    }
    let order = (
        List::Deliveries,
        (Column::ReceivedAt, Column::Id),
        Direction::Descending,
    );
    page::cut(app.db.read(), query, page, order, |row: &Model| {
        (row.received_at, row.id)
    })
    .await
}

/// Processes a delivery again, as if it had just arrived. Idempotent: effects that it already had
/// are not repeated.
///
/// # Errors
/// `Unauthenticated`, `Forbidden` for anyone but staff, `NotFound`.
pub async fn replay(app: &App, caller: &Caller, delivery_id: Uuid) -> Result<Model> {
    caller.require_admin()?;
    let command = Command::new(app, caller, delivery_id)?;
    app.db.transaction(command, replay_in).await
}

async fn replay_in(txn: &Txn, command: Command<Uuid>) -> Result<Model> {
    let Command { author, input: id } = command;
    let known = Entity::find_by_id(id).one(&**txn).await?;
    let known = known.ok_or(Error::NotFound("webhook delivery"))?;
    let row = ActiveModel {
        id: Unchanged(known.id),
        status: Set(Status::Received),
        failure: Set(None),
        processed_at: Set(None),
        ..Default::default()
    };
    let delivery = row.update(&**txn).await?;
    let work = Job::new(Kind::ProcessDelivery, id, Queue::Database);
    // The replay replaces the dead job, which would otherwise still be listed as a failure.
    job::Entity::delete_many()
        .filter(job::Column::Kind.eq(work.kind.as_str()))
        .filter(job::Column::SubjectId.eq(id))
        .filter(job::Column::Status.eq(job::Status::Dead))
        .exec(&**txn)
        .await?;
    enqueue(txn, work.at(author.now, &author.correlation_id)).await?;
    let subject = format!("webhook_delivery_{}", id.simple());
    author.audit(txn, "webhook.replay", &subject).await?;
    Ok(delivery)
}
