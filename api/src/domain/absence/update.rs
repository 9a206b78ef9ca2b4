//! Changes an absence.

use chrono::NaiveDate;
use entity::Uuid;
use entity::absence::Reason;
use entity::sync_state::State;
use sea_orm::{ActiveModelTrait, IntoActiveModel};

use super::{ChangedAbsence, affected, check_days, check_note, lock, record_change, require_room};
use crate::app::App;
use crate::db::Txn;
use crate::domain::scheduling::{keeps_settings, today};
use crate::domain::text::{Problems, filled};
use crate::domain::{Caller, Command, Conflict, Result};

/// Fields to change; `None` leaves a field unchanged.
#[derive(Clone, Debug)]
pub struct Update {
    pub absence_id: Uuid,
    /// Fixed once it has passed.
    pub first_day: Option<NaiveDate>,
    /// Today or later.
    pub last_day: Option<NaiveDate>,
    pub reason: Option<Reason>,
    pub note: Option<Option<String>>,
    /// The version that the caller has read; a newer one is refused.
    pub version: Option<i64>,
}

/// Changes an absence that is not over.
///
/// # Errors
/// As for adding one; `NotFound` for another coach's, `Stale` when it was changed since the caller
/// read it, `InvalidState` for one that is over.
pub async fn update(app: &App, caller: &Caller, input: Update) -> Result<ChangedAbsence> {
    let command = Command::new(app, caller, input)?;
    let kept = app.db.transaction(command, change).await?;
    app.slots.invalidate(kept.absence.coach_id);
    Ok(kept)
}

async fn change(txn: &Txn, command: Command<Update>) -> Result<ChangedAbsence> {
    let Command { author, input } = command;
    let (found, coach) = lock(txn, &author.person, input.absence_id).await?;
    let today = today(&coach, author.now);
    if input
        .version
        .is_some_and(|version| version != found.version)
    {
        return Err(Conflict::Stale.into());
    }
    if found.last_day < today {
        return Err(Conflict::InvalidState("this absence is over".to_owned()).into());
    }
    let mut row = found.clone();
    row.first_day = input.first_day.unwrap_or(found.first_day);
    row.last_day = input.last_day.unwrap_or(found.last_day);
    row.reason = input.reason.unwrap_or(found.reason);
    let mut problems = Problems::default();
    check_days(
        &mut problems,
        (row.first_day, row.last_day),
        today,
        Some(found.first_day),
    );
    check_note(
        &mut problems,
        input.note.as_ref().and_then(Option::as_deref),
    );
    problems.finish()?;
    if let Some(note) = input.note {
        row.note = filled(note);
    }
    require_room(txn, &row, today).await?;
    row.state = keeps_settings(coach.scheduler).then_some(State::Pending);
    (row.message, row.version, row.updated_at) = (None, found.version + 1, author.now);
    let absence = row.into_active_model().reset_all().update(&**txn).await?;
    record_change(txn, &author, &coach, &absence, "absence.update").await?;
    let affected = affected(txn, &coach, &absence, author.now).await?;
    Ok(ChangedAbsence { absence, affected })
}
