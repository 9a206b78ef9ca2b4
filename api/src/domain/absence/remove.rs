//! Removes an absence.

use entity::Uuid;
use entity::absence::{Entity, Model};
use entity::sync_state::State;
use sea_orm::{ActiveModelTrait, EntityTrait, IntoActiveModel};

use super::{lock, record_change, today};
use crate::app::App;
use crate::domain::scheduling::keeps_settings;
use crate::domain::{Caller, Conflict, Result};

/// Removes an absence.
///
/// # Errors
/// `NotFound` for another coach's, `InvalidState` for one that is over.
pub async fn remove(app: &App, caller: &Caller, absence_id: Uuid) -> Result<Model> {
    let person = caller.require_person()?.clone();
    let (now, correlation_id) = (app.clock.now(), caller.correlation_id.clone());
    let gone = app
        .db
        .write(move |txn| {
            let (person, correlation_id) = (person.clone(), correlation_id.clone());
            Box::pin(async move {
                let (mut row, coach) = lock(txn, &person, absence_id).await?;
                if row.last_day < today(&coach, now) {
                    return Err(Conflict::InvalidState("this absence is over".to_owned()).into());
                }
                (row.removed_at, row.version, row.updated_at) = (Some(now), row.version + 1, now);
                if keeps_settings(coach.scheduler) {
                    // It stays until that is known there.
                    row.state = Some(State::Pending);
                    row = row.into_active_model().reset_all().update(&**txn).await?;
                } else {
                    Entity::delete_by_id(absence_id).exec(&**txn).await?;
                }
                record_change(
                    txn,
                    &person,
                    &coach,
                    (&row, "absence.remove"),
                    &correlation_id,
                )
                .await?;
                Ok(row)
            })
        })
        .await?;
    app.slots.invalidate(gone.coach_id);
    Ok(gone)
}
