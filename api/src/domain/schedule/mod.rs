//! Schedules: weekly hours of a coach, and overrides of single dates.

mod edit;
mod overrides;
mod read;

pub use edit::{Create, Update, create, delete, update};
pub use overrides::{DayHours, SetOverrides, set_overrides};
pub use read::{get, list_by_coaches, overrides_of};

use entity::Uuid;
use entity::coach::Model as Coach;
use entity::schedule::{Entity, Model};
use sea_orm::{EntityTrait, QuerySelect};

use super::coach::manages;
use super::scheduling::native::HoursError;
use super::text::Problems;
use super::{Error, Person, Result, audit, coach};
use crate::db::Txn;

/// `NotFound`, also for a schedule that the caller may not see.
fn no_schedule() -> Error {
    Error::NotFound("schedule")
}

/// Locks a schedule that the person may change, and its coach, until the transaction ends.
async fn lock(txn: &Txn, person: &Person, id: Uuid) -> Result<(Model, Coach)> {
    let found = Entity::find_by_id(id)
        .one(&**txn)
        .await?
        .ok_or_else(no_schedule)?;
    if !manages(person, found.coach_id) {
        return Err(no_schedule());
    }
    let coach = coach::lock(txn, found.coach_id).await?;
    let found = Entity::find_by_id(id)
        .lock_exclusive()
        .one(&**txn)
        .await?
        .ok_or_else(no_schedule)?;
    Ok((found, coach))
}

/// Records violations in hours, with messages that name the day.
fn check_hours(problems: &mut Problems, path: &str, checked: Result<(), Vec<HoursError>>) {
    for error in checked.err().unwrap_or_default() {
        problems.add(path, error.to_string());
    }
}

/// Records changes by staff in the audit log.
async fn audit_if_staff(
    txn: &Txn,
    person: &Person,
    action: &str,
    row: &Model,
    correlation_id: &str,
) -> Result<()> {
    if person.is_coach(row.coach_id) {
        return Ok(());
    }
    let subject = format!("schedule_{}", row.id.simple());
    audit::record(
        txn,
        Some(person.user_id),
        action,
        &subject,
        row.updated_at,
        correlation_id,
    )
    .await
}
