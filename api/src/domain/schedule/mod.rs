//! Schedules: weekly hours of a coach, and overrides of single dates.

mod edit;
mod overrides;
mod read;

pub use edit::{Create, Update, create, delete, update};
pub use overrides::{DayHours, SetOverrides, set_overrides};
pub use read::{find_many, get, list_by_coaches, overrides_of};

use entity::Uuid;
use entity::coach::Model as Coach;
use entity::schedule::{Entity, Model};
use sea_orm::{EntityTrait, QuerySelect};

use super::coach::manages;
use super::scheduling::native::HoursError;
use super::text::Problems;
use super::{Author, Error, Person, Result, coach, scheduling};
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

/// Audits what staff do, and enqueues the push to where the coach's time is kept.
async fn note_change(txn: &Txn, author: &Author, action: &str, row: &Model) -> Result<()> {
    audit_if_staff(txn, author, action, row).await?;
    scheduling::schedule_changed(txn, row, author.now, &author.correlation_id).await
}

async fn audit_if_staff(txn: &Txn, author: &Author, action: &str, row: &Model) -> Result<()> {
    let subject = format!("schedule_{}", row.id.simple());
    author
        .audit_unless_own(txn, row.coach_id, action, &subject)
        .await
}
