//! Reads schedules. Only their coach and staff may see them: clients see slots.

use std::collections::HashMap;

use chrono::NaiveDate;
use entity::schedule::{Column, Entity, Model};
use entity::{Uuid, schedule_override};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder};

use super::no_schedule;
use crate::app::App;
use crate::domain::coach::manages;
use crate::domain::{Caller, Result};

/// The schedules of these coaches by name, at most 50 of each: for whoever may change what is
/// theirs.
pub async fn list_by_coaches(app: &App, coach_ids: &[Uuid]) -> Result<HashMap<Uuid, Vec<Model>>> {
    let query = Entity::find().filter(Column::CoachId.is_in(coach_ids.iter().copied()));
    let rows = query
        .order_by_asc(Column::Name)
        .order_by_asc(Column::Id)
        .all(app.db.read())
        .await?;
    let mut found: HashMap<Uuid, Vec<Model>> = HashMap::new();
    for row in rows {
        found.entry(row.coach_id).or_default().push(row);
    }
    Ok(found)
}

/// A schedule of the caller's; staff see all.
///
/// # Errors
/// `NotFound`.
pub async fn get(app: &App, caller: &Caller, id: Uuid) -> Result<Model> {
    let person = caller.require_person()?;
    let found = Entity::find_by_id(id).one(app.db.read()).await?;
    found
        .filter(|schedule| manages(person, schedule.coach_id))
        .ok_or_else(no_schedule)
}

/// These schedules: for whoever may see the objects that follow them.
pub async fn find_many(app: &App, ids: &[Uuid]) -> Result<HashMap<Uuid, Model>> {
    let rows = Entity::find()
        .filter(Column::Id.is_in(ids.iter().copied()))
        .all(app.db.read())
        .await?;
    Ok(rows.into_iter().map(|row| (row.id, row)).collect())
}

/// The overrides of these schedules by date, from one day to another, both included: for whoever
/// may see the schedules.
pub async fn overrides_of(
    app: &App,
    schedule_ids: &[Uuid],
    from: NaiveDate,
    until: NaiveDate,
) -> Result<HashMap<Uuid, Vec<schedule_override::Model>>> {
    use schedule_override::Column as O;

    let rows = schedule_override::Entity::find()
        .filter(O::ScheduleId.is_in(schedule_ids.iter().copied()))
        .filter(O::Date.between(from, until))
        .order_by_asc(O::Date)
        .all(app.db.read())
        .await?;
    let mut found: HashMap<Uuid, Vec<schedule_override::Model>> = HashMap::new();
    for row in rows {
        found.entry(row.schedule_id).or_default().push(row);
    }
    Ok(found)
}
