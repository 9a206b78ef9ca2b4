//! Reads absences. Only their coach and staff may see them: clients see slots.

use std::collections::HashMap;

use chrono::Days;
use entity::Uuid;
use entity::absence::{Column, Entity, Model};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder};

use super::no_absence;
use crate::app::App;
use crate::domain::coach::manages;
use crate::domain::{Caller, Result};

/// The absences of these coaches that are not over anywhere on earth, by their first day, at most
/// 200 of each: for whoever may change what is theirs.
pub async fn list_by_coaches(app: &App, coach_ids: &[Uuid]) -> Result<HashMap<Uuid, Vec<Model>>> {
    let yesterday = app
        .clock
        .now()
        .date_naive()
        .checked_sub_days(Days::new(1))
        .unwrap_or_default();
    let rows = Entity::find_from(coach_ids, yesterday)
        .order_by_asc(Column::FirstDay)
        .all(app.db.read())
        .await?;
    let mut found: HashMap<Uuid, Vec<Model>> = HashMap::new();
    for row in rows {
        found.entry(row.coach_id).or_default().push(row);
    }
    Ok(found)
}

/// An absence of the caller's; staff see all.
///
/// # Errors
/// `NotFound`.
pub async fn get(app: &App, caller: &Caller, id: Uuid) -> Result<Model> {
    let person = caller.require_person()?;
    let found = Entity::find_by_id(id)
        .filter(Column::RemovedAt.is_null())
        .one(app.db.read())
        .await?;
    found
        .filter(|absence| manages(person, absence.coach_id))
        .ok_or_else(no_absence)
}
