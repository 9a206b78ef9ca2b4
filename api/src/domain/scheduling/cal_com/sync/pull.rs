//! Pulls what a coach has changed in their Cal.com account.

use entity::coach::Scheduler;
use entity::event_type::{self, Visibility};
use entity::sync_state::{self as row, Subject};
use entity::{Uuid, coach, connection};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};

use super::pull_event_types::look_at_event_type;
use super::pull_hours::look_at_schedule;
use super::{absences, again};
use crate::app::App;
use crate::domain::coach::acting_for;
use crate::domain::connection::{self as link, Purpose};
use crate::domain::scheduling::cal_com::Account;
use crate::domain::{Caller, Conflict, Error, Result};

/// Compares a coach's event types and hours with their account, and synchronizes both sides; on
/// behalf of a person if one requested it.
///
/// # Errors
/// When the account cannot be read.
pub async fn pull(app: &App, connection_id: Uuid, actor_id: Option<Uuid>) -> Result<()> {
    let found = connection::Entity::find_by_id(connection_id)
        .one(app.db.read())
        .await?;
    let Some(link) =
        found.filter(|link| link.is_live() && link.health != connection::Health::Broken)
    else {
        return Ok(());
    };
    let Some(coach) = coach::Entity::find_by_id(link.coach_id)
        .one(app.db.read())
        .await?
    else {
        return Ok(());
    };
    if coach.scheduler != Scheduler::CalCom {
        return Ok(());
    }
    let reason = Purpose::EventType.asked_by(actor_id);
    let Some(account) = Account::of_coach(app, coach.id, reason).await? else {
        return Ok(());
    };
    // Hours first: event types refer to them.
    let there = account.schedules().await.map_err(again)?;
    for known in row::Entity::find_by_coach(coach.id, Subject::Schedule)
        .all(app.db.read())
        .await?
    {
        look_at_schedule(app, known, &there).await?;
    }
    // Retries failed pushes. A failure here does not stop the rest.
    let pushed = absences::push_absences(app, coach.id).await;
    let there = account.event_types().await.map_err(again)?;
    let ours = event_type::Entity::find()
        .filter(event_type::Column::CoachId.eq(coach.id))
        .filter(event_type::Column::Visibility.ne(Visibility::Archived))
        .all(app.db.read())
        .await?;
    for ours in ours {
        look_at_event_type(app, ours, &there).await?;
    }
    pushed
}

/// Pulls at once, for the coach or staff.
///
/// # Errors
/// `Unauthenticated`, `NotFound` for another coach, `InvalidState` without a connected account,
/// `Unavailable` when Cal.com does not answer.
pub async fn pull_mine(app: &App, caller: &Caller, coach_id: Option<Uuid>) -> Result<coach::Model> {
    let (person, coach_id) = acting_for(caller, coach_id)?;
    let coach = crate::domain::coach::require(app.db.read(), coach_id).await?;
    let link = link::find_live(app, Scheduler::CalCom, coach_id).await?;
    let link =
        link.ok_or_else(|| Conflict::InvalidState("no Cal.com account is connected".to_owned()))?;
    pull(app, link.id, Some(person.user_id))
        .await
        .map_err(not_now)?;
    Ok(coach)
}

pub(super) fn not_now(error: Error) -> Error {
    match error {
        Error::Provider { .. } => {
            Error::Unavailable("Cal.com does not answer at present; try again later")
        }
        error => error,
    }
}
