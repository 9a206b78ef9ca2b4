//! Changes a coach profile.

use chrono::{DateTime, Utc};
use entity::coach::Model;
use entity::{Uuid, coach_specialty};
use sea_orm::ActiveValue::Set;
use sea_orm::{ActiveModelTrait, ColumnTrait, EntityTrait, IntoActiveModel, QueryFilter};
use zones::Zone;

use super::directory::{MAX_SPECIALTIES, check_specialties};
use super::{acting_for, lock};
use crate::app::App;
use crate::db::Txn;
use crate::domain::scheduling;
use crate::domain::text::{Problems, filled};
use crate::domain::{Caller, Command, Conflict, Error, Result};

/// Fields to change; `None` leaves a field unchanged, `Some(None)` clears it.
#[derive(Clone, Debug, Default)]
pub struct UpdateProfile {
    /// The caller's own profile when `None`.
    pub coach_id: Option<Uuid>,
    /// 1 to 120 characters.
    pub display_name: Option<String>,
    /// Part of the public address, unique: 1 to 64 of a-z, 0-9 and hyphens.
    pub handle: Option<String>,
    /// At most 200 characters.
    pub headline: Option<Option<String>>,
    /// Markdown, at most 10,000 characters.
    pub biography: Option<Option<String>>,
    /// https only.
    pub avatar_url: Option<Option<String>>,
    pub time_zone: Option<Zone>,
    /// The complete list, at most 20.
    pub specialties: Option<Vec<String>>,
    pub listed: Option<bool>,
    pub accepts_bookings: Option<bool>,
    /// The version that the caller has read; a newer one is refused.
    pub version: Option<i64>,
}

/// Changes the caller's own profile; staff change any.
///
/// # Errors
/// `NotFound` for another coach's profile, `Invalid` with all violations, `Stale` when it was
/// changed since the caller read it, `Taken` when another coach has the handle.
pub async fn update_profile(app: &App, caller: &Caller, mut input: UpdateProfile) -> Result<Model> {
    let (_, coach_id) = acting_for(caller, input.coach_id)?;
    input.headline = input.headline.map(filled);
    input.biography = input.biography.map(filled);
    input.avatar_url = input.avatar_url.map(filled);
    check(&input)?;
    let command = Command::new(app, caller, Change { coach_id, input })?;
    app.db.transaction(command, change).await
}

#[derive(Clone)]
struct Change {
    coach_id: Uuid,
    input: UpdateProfile,
}

async fn change(txn: &Txn, command: Command<Change>) -> Result<Model> {
    let Command { author, input } = command;
    let Change { coach_id, input } = input;
    let coach = lock(txn, coach_id).await?;
    if input
        .version
        .is_some_and(|version| version != coach.version)
    {
        return Err(Conflict::Stale.into());
    }
    let zone = coach.time_zone.clone();
    let coach = store(txn, coach, input, author.now).await?;
    if coach.time_zone != zone && scheduling::keeps_settings(coach.scheduler) {
        // Their days begin at other times now.
        scheduling::absences_changed(txn, &coach, author.now, &author.correlation_id).await?;
    }
    let subject = format!("coach_{}", coach_id.simple());
    author
        .audit_unless_own(txn, coach_id, "coach.update", &subject)
        .await?;
    Ok(coach)
}

fn check(input: &UpdateProfile) -> Result<()> {
    let mut problems = Problems::default();
    if let Some(name) = &input.display_name {
        problems.line("displayName", name, 120);
    }
    if let Some(handle) = &input.handle {
        problems.slug("handle", handle);
    }
    if let Some(Some(headline)) = &input.headline {
        problems.line("headline", headline, 200);
    }
    if let Some(Some(biography)) = &input.biography {
        problems.lines("biography", biography, 1, 10_000);
    }
    if let Some(Some(url)) = &input.avatar_url {
        problems.https("avatarUrl", url);
    }
    check_specialties(&mut problems, "specialties", input.specialties.as_deref());
    let keys = input.specialties.as_deref().unwrap_or_default();
    for (index, key) in keys.iter().enumerate().take(MAX_SPECIALTIES) {
        problems.require(
            !keys[..index].contains(key),
            &format!("specialties.{index}"),
            "is listed twice",
        );
    }
    problems.finish()
}

async fn store(txn: &Txn, coach: Model, input: UpdateProfile, now: DateTime<Utc>) -> Result<Model> {
    let (id, version) = (coach.id, coach.version);
    let mut row = coach.into_active_model();
    if let Some(name) = input.display_name {
        row.display_name = Set(name.trim().to_owned());
    }
    if let Some(handle) = input.handle {
        row.handle = Set(handle);
    }
    if let Some(headline) = input.headline {
        row.headline = Set(headline);
    }
    if let Some(biography) = input.biography {
        row.biography = Set(biography);
    }
    if let Some(avatar_url) = input.avatar_url {
        row.avatar_url = Set(avatar_url);
    }
    if let Some(zone) = input.time_zone {
        row.time_zone = Set(zone.name().to_owned());
    }
    if let Some(listed) = input.listed {
        row.listed = Set(listed);
    }
    if let Some(accepts) = input.accepts_bookings {
        row.accepts_bookings = Set(accepts);
    }
    if let Some(specialties) = input.specialties {
        replace_specialties(txn, id, specialties).await?;
    }
    row.version = Set(version + 1);
    row.updated_at = Set(now);
    row.update(&**txn)
        .await
        .map_err(|error| Error::or_taken(error, "handle", "handle"))
}

async fn replace_specialties(txn: &Txn, coach_id: Uuid, specialties: Vec<String>) -> Result<()> {
    use coach_specialty::{ActiveModel, Column, Entity};

    Entity::delete_many()
        .filter(Column::CoachId.eq(coach_id))
        .exec(&**txn)
        .await?;
    if specialties.is_empty() {
        return Ok(());
    }
    let rows = specialties.into_iter().map(|specialty| ActiveModel {
        coach_id: Set(coach_id),
        specialty: Set(specialty),
    });
    Entity::insert_many(rows)
        .exec_without_returning(&**txn)
        .await?;
    Ok(())
}
