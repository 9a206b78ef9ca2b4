//! Finding schedules. They are their coach's and staff's to see: clients see slots.

use std::collections::HashMap;

use chrono::NaiveDate;
use entity::schedule::{Column, Entity, Model};
use entity::{Uuid, schedule_override};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder};

use super::no_schedule;
use crate::app::App;
use crate::domain::coach::{acting_for, manages};
use crate::domain::{Caller, Result};

/// A coach's schedules by name; the caller's own when no coach is named. A short list that is not paged: at most 50.
///
/// # Errors
/// `NotFound` for another coach, `Forbidden` for a person who is no coach.
pub async fn list(app: &App, caller: &Caller, coach_id: Option<Uuid>) -> Result<Vec<Model>> {
    let (_, coach_id) = acting_for(caller, coach_id)?;
    let query = Entity::find_by_coach(coach_id).order_by_asc(Column::Name).order_by_asc(Column::Id);
    Ok(query.all(app.db.read()).await?)
}

/// A schedule of the caller's; staff see anyone's.
///
/// # Errors
/// `NotFound`.
pub async fn get(app: &App, caller: &Caller, id: Uuid) -> Result<Model> {
    let person = caller.require_person()?;
    let found = Entity::find_by_id(id).one(app.db.read()).await?;
    found.filter(|schedule| manages(person, schedule.coach_id)).ok_or_else(no_schedule)
}

/// What the caller may see of these schedules.
///
/// # Errors
/// When the database fails.
pub async fn find_many(app: &App, caller: &Caller, ids: &[Uuid]) -> Result<Vec<Model>> {
    let Some(person) = caller.find_person() else { return Ok(Vec::new()) };
    let found = Entity::find().filter(Column::Id.is_in(ids.iter().copied())).all(app.db.read()).await?;
    Ok(found.into_iter().filter(|schedule| manages(person, schedule.coach_id)).collect())
}

/// The overrides of these schedules by date, from one day to another, both included: for whoever may see the schedules.
///
/// # Errors
/// When the database fails.
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
