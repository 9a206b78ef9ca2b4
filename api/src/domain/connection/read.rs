//! Finding connections.

use std::collections::{HashMap, HashSet};

use entity::Uuid;
use entity::coach::Scheduler;
use entity::connection::{Column, Entity, Health, Kind, Model};
use sea_orm::sea_query::SelectStatement;
use sea_orm::{
    ColumnTrait as _, Condition, ConnectionTrait, EntityTrait as _, QueryFilter as _,
    QueryOrder as _, QuerySelect as _, QueryTrait as _,
};

use crate::app::App;
use crate::domain::coach::manages;
use crate::domain::{Caller, Error, Result};

/// The connection through which the server may act for a coach.
pub async fn find_live(app: &App, scheduler: Scheduler, coach_id: Uuid) -> Result<Option<Model>> {
    Ok(Entity::find_live(scheduler.provider().unwrap_or_default())
        .filter(Column::CoachId.eq(coach_id))
        .one(app.db.read())
        .await?)
}

/// Whether the server may act for a coach at this scheduler.
pub async fn is_live(
    db: &impl ConnectionTrait,
    scheduler: Scheduler,
    coach_id: Uuid,
) -> Result<bool> {
    Ok(live_id(db, scheduler, coach_id).await?.is_some())
}

/// The connection through which the server may act for a coach at this scheduler.
pub async fn live_id(
    db: &impl ConnectionTrait,
    scheduler: Scheduler,
    coach_id: Uuid,
) -> Result<Option<Uuid>> {
    let live = Entity::find_live(scheduler.provider().unwrap_or_default())
        .filter(Column::CoachId.eq(coach_id))
        .select_only()
        .column(Column::Id)
        .into_tuple();
    Ok(live.one(db).await?)
}

/// The ids of the connections that match a condition and are not known to be broken.
pub async fn list_working(app: &App, scheduler: Scheduler, which: Condition) -> Result<Vec<Uuid>> {
    let working = Entity::find_live(scheduler.provider().unwrap_or_default())
        .filter(Column::Health.ne(Health::Broken))
        .filter(which);
    Ok(working
        .select_only()
        .column(Column::Id)
        .into_tuple()
        .all(app.db.read())
        .await?)
}

/// Those of several coaches for whom the server may act.
pub async fn list_live_coaches(
    app: &App,
    coach_ids: &[Uuid],
) -> Result<HashSet<(Uuid, Scheduler)>> {
    let live = Entity::find_any_live()
        .filter(Column::CoachId.is_in(coach_ids.iter().copied()))
        .select_only()
        .columns([Column::CoachId, Column::Provider]);
    let live: Vec<(Uuid, String)> = live.into_tuple().all(app.db.read()).await?;
    Ok(live
        .into_iter()
        .filter_map(|(id, provider)| Some((id, Scheduler::of_provider(&provider)?)))
        .collect())
}

/// The connections through which the server may act for a coach.
pub async fn list_live(app: &App, coach_id: Uuid) -> Result<Vec<Model>> {
    let live = Entity::find_any_live().filter(Column::CoachId.eq(coach_id));
    Ok(live.order_by_asc(Column::Id).all(app.db.read()).await?)
}

/// A subquery for the coaches for whom the server may act at a scheduler.
#[must_use]
pub fn live_coaches(scheduler: Scheduler) -> SelectStatement {
    Entity::find_live(scheduler.provider().unwrap_or_default())
        .select_only()
        .column(Column::CoachId)
        .into_query()
}

/// The connected accounts of a coach, newest first, without OBSERVED ones. For the coach and staff.
///
/// # Errors
/// `NotFound` for a coach whom the caller does not manage, `Unauthenticated`.
pub async fn list_by_coach(app: &App, caller: &Caller, coach_id: Uuid) -> Result<Vec<Model>> {
    if !manages(caller.require_person()?, coach_id) {
        return Err(Error::NotFound("coach"));
    }
    Ok(list_by_coaches(app, &[coach_id])
        .await?
        .remove(&coach_id)
        .unwrap_or_default())
}

/// As [`list_by_coach`] for several coaches, in one statement. The caller checks permissions.
pub async fn list_by_coaches(app: &App, coach_ids: &[Uuid]) -> Result<HashMap<Uuid, Vec<Model>>> {
    let rows = Entity::find()
        .filter(Column::CoachId.is_in(coach_ids.iter().copied()))
        .filter(Column::Kind.ne(Kind::Observed))
        .filter(Column::DisconnectedAt.is_null())
        .order_by_desc(Column::CreatedAt)
        .order_by_desc(Column::Id)
        .all(app.db.read())
        .await?;
    let mut found: HashMap<Uuid, Vec<Model>> = HashMap::new();
    for row in rows {
        found.entry(row.coach_id).or_default().push(row);
    }
    Ok(found)
}

/// A connection that the caller may manage.
///
/// # Errors
/// `NotFound`, `Unauthenticated`, `Forbidden` for a suspended person.
pub(super) async fn get_managed(app: &App, caller: &Caller, id: Uuid) -> Result<Model> {
    let person = caller.require_person()?;
    let row = Entity::find_by_id(id).one(app.db.read()).await?;
    row.filter(|row| manages(person, row.coach_id))
        .ok_or(Error::NotFound("connection"))
}
