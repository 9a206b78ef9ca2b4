//! Further hosts of an event type.

use std::collections::HashMap;

use entity::event_type_host::{ActiveModel, Column, Entity};
use entity::{Uuid, coach, event_type};
use sea_orm::ActiveValue::Set;
use sea_orm::{ColumnTrait, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder, QuerySelect};

use super::no_event_type;
use crate::app::App;
use crate::db::Txn;
use crate::domain::text::Problems;
use crate::domain::{Caller, Command, Conflict, Result};

/// Maximum number of hosts of an event type.
const MAX_HOSTS: usize = 50;

/// The coaches who give the sessions of these event types, in the order they were set. One that was
/// never set has its owner alone, who is not among them then.
pub async fn hosts(app: &App, event_type_ids: &[Uuid]) -> Result<HashMap<Uuid, Vec<coach::Model>>> {
    let rows = Entity::find()
        .filter(Column::EventTypeId.is_in(event_type_ids.iter().copied()))
        .order_by_asc(Column::Position)
        .order_by_asc(Column::CoachId)
        .all(app.db.read())
        .await?;
    let ids: Vec<Uuid> = rows.iter().map(|row| row.coach_id).collect();
    let coaches = crate::domain::coach::find_many(app, &ids).await?;
    let mut hosts: HashMap<Uuid, Vec<coach::Model>> = HashMap::new();
    for row in rows {
        hosts
            .entry(row.event_type_id)
            .or_default()
            .extend(coaches.get(&row.coach_id).cloned());
    }
    Ok(hosts)
}

/// Sets the hosts besides the owner. Staff only: a coach must not be able to offer another coach's
/// time.
///
/// # Errors
/// `Forbidden` for anyone else, `NotFound`, `Stale`, `Invalid` for coaches that do not exist or
/// occur twice.
pub async fn set_hosts(
    app: &App,
    caller: &Caller,
    event_type_id: Uuid,
    coach_ids: Vec<Uuid>,
    version: Option<i64>,
) -> Result<event_type::Model> {
    caller.require_admin()?;
    let mut problems = Problems::default();
    problems.require(
        coach_ids.len() <= MAX_HOSTS,
        "coachIds",
        format!("at most {MAX_HOSTS}"),
    );
    for (index, id) in coach_ids.iter().enumerate().take(MAX_HOSTS) {
        problems.require(
            !coach_ids[..index].contains(id),
            &format!("coachIds.{index}"),
            "is listed twice",
        );
    }
    problems.finish()?;
    let input = SetHosts {
        event_type_id,
        coach_ids,
        version,
    };
    let command = Command::new(app, caller, input)?;
    app.db.transaction(command, store).await
}

#[derive(Clone)]
struct SetHosts {
    event_type_id: Uuid,
    coach_ids: Vec<Uuid>,
    version: Option<i64>,
}

async fn store(txn: &Txn, command: Command<SetHosts>) -> Result<event_type::Model> {
    let Command { author, input } = command;
    let found = event_type::Entity::find_by_id(input.event_type_id)
        .lock_exclusive()
        .one(&**txn)
        .await?;
    let found = found.ok_or_else(no_event_type)?;
    if input
        .version
        .is_some_and(|version| version != found.version)
    {
        return Err(Conflict::Stale.into());
    }
    replace(txn, &found, input.coach_ids).await?;
    let subject = format!("eventType_{}", found.id.simple());
    author.audit(txn, "event_type.hosts", &subject).await?;
    let row = event_type::ActiveModel {
        id: sea_orm::ActiveValue::Unchanged(found.id),
        version: Set(found.version + 1),
        updated_at: Set(author.now),
        ..Default::default()
    };
    Ok(sea_orm::ActiveModelTrait::update(row, &**txn).await?)
}

async fn replace(txn: &Txn, event_type: &event_type::Model, coach_ids: Vec<Uuid>) -> Result<()> {
    let known = coach::Entity::find().filter(coach::Column::Id.is_in(coach_ids.iter().copied()));
    let mut problems = Problems::default();
    let is_complete = known.count(&**txn).await? == coach_ids.len() as u64;
    problems.require(is_complete, "coachIds", "there is no such coach");
    problems.finish()?;
    Entity::delete_many()
        .filter(Column::EventTypeId.eq(event_type.id))
        .exec(&**txn)
        .await?;
    let others = coach_ids
        .into_iter()
        .filter(|id| *id != event_type.coach_id);
    let rows = std::iter::once(event_type.coach_id)
        .chain(others)
        .zip(0..)
        .map(|(coach_id, position)| ActiveModel {
            event_type_id: Set(event_type.id),
            coach_id: Set(coach_id),
            position: Set(position),
        });
    Entity::insert_many(rows)
        .exec_without_returning(&**txn)
        .await?;
    Ok(())
}
