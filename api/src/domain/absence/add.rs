//! Adds an absence.

use chrono::NaiveDate;
use entity::Uuid;
use entity::absence::{Model, Reason};
use entity::sync_state::State;
use sea_orm::{ActiveModelTrait, IntoActiveModel};

use super::{
    ChangedAbsence, affected, check_days, check_note, lock_coach, record_change, require_room,
};
use crate::app::App;
use crate::db::Txn;
use crate::domain::coach::acting_for;
use crate::domain::scheduling::{keeps_settings, today};
use crate::domain::text::{Problems, filled};
use crate::domain::{Caller, Command, Result};

/// When and why.
#[derive(Clone, Debug)]
pub struct Add {
    /// The caller's own profile when `None`.
    pub coach_id: Option<Uuid>,
    /// In the coach's zone, today or later.
    pub first_day: NaiveDate,
    /// In the coach's zone, inclusive; at most 366 days in all.
    pub last_day: NaiveDate,
    pub reason: Reason,
    /// For the coach, at most 500 characters.
    pub note: Option<String>,
}

/// Adds an absence. Bookings within it stay and are returned.
///
/// # Errors
/// `Invalid` with everything that is wrong, `NotFound` for another coach, `AbsenceOverlap` for days
/// of another absence, `InvalidState` when there are 200 ahead.
pub async fn add(app: &App, caller: &Caller, input: Add) -> Result<ChangedAbsence> {
    let (_, coach_id) = acting_for(caller, input.coach_id)?;
    let command = Command::new(app, caller, NewAbsence { coach_id, input })?;
    let kept = app.db.transaction(command, insert).await?;
    app.slots.invalidate(coach_id);
    Ok(kept)
}

#[derive(Clone)]
struct NewAbsence {
    coach_id: Uuid,
    input: Add,
}

async fn insert(txn: &Txn, command: Command<NewAbsence>) -> Result<ChangedAbsence> {
    let Command { author, input } = command;
    let (NewAbsence { coach_id, input }, now) = (input, author.now);
    let coach = lock_coach(txn, coach_id).await?;
    let today = today(&coach, now);
    let mut problems = Problems::default();
    check_days(
        &mut problems,
        (input.first_day, input.last_day),
        today,
        None,
    );
    check_note(&mut problems, input.note.as_deref());
    problems.finish()?;
    let row = Model {
        id: entity::new_id(),
        coach_id,
        first_day: input.first_day,
        last_day: input.last_day,
        reason: input.reason,
        note: filled(input.note),
        external_id: None,
        told_first_day: None,
        told_last_day: None,
        state: keeps_settings(coach.scheduler).then_some(State::Pending),
        message: None,
        synced_at: None,
        removed_at: None,
        version: 1,
        created_at: now,
        updated_at: now,
    };
    require_room(txn, &row, today).await?;
    let absence = row.into_active_model().reset_all().insert(&**txn).await?;
    record_change(txn, &author, &coach, &absence, "absence.add").await?;
    let affected = affected(txn, &coach, &absence, now).await?;
    Ok(ChangedAbsence { absence, affected })
}
