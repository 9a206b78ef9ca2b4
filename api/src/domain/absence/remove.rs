//! Removes an absence.

use entity::Uuid;
use entity::absence::{Entity, Model};
use entity::sync_state::State;
use sea_orm::{ActiveModelTrait, EntityTrait, IntoActiveModel};

use super::{lock, record_change};
use crate::app::App;
use crate::db::Txn;
use crate::domain::scheduling::{keeps_settings, today};
use crate::domain::{Caller, Command, Conflict, Result};

/// Removes an absence.
///
/// # Errors
/// `NotFound` for another coach's, `InvalidState` for one that is over.
pub async fn remove(app: &App, caller: &Caller, absence_id: Uuid) -> Result<Model> {
    let command = Command::new(app, caller, absence_id)?;
    let gone = app.db.transaction(command, delete).await?;
    app.slots.invalidate(gone.coach_id);
    Ok(gone)
}

async fn delete(txn: &Txn, command: Command<Uuid>) -> Result<Model> {
    let Command { author, input: id } = command;
    let now = author.now;
    let (mut row, coach) = lock(txn, &author.person, id).await?;
    if row.last_day < today(&coach, now) {
        return Err(Conflict::InvalidState("this absence is over".to_owned()).into());
    }
    (row.removed_at, row.version, row.updated_at) = (Some(now), row.version + 1, now);
    if keeps_settings(coach.scheduler) {
        // It is deleted once the calendar has it.
        row.state = Some(State::Pending);
        row = row.into_active_model().reset_all().update(&**txn).await?;
    } else {
        Entity::delete_by_id(id).exec(&**txn).await?;
    }
    record_change(txn, &author, &coach, &row, "absence.remove").await?;
    Ok(row)
}
