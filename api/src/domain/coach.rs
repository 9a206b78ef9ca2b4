//! Coaches' profiles.

use chrono::{DateTime, Utc};
use entity::coach::{ActiveModel, Entity, Model, Scheduler};
use entity::user;
use sea_orm::ActiveModelTrait;
use sea_orm::ActiveValue::Set;

use super::Result;
use crate::db::Txn;

/// The profile of an account with the role of a coach; made, unlisted, when it is missing.
///
/// # Errors
/// When the database fails.
pub(crate) async fn ensure_profile(txn: &Txn, user: &user::Model, now: DateTime<Utc>) -> Result<Model> {
    if let Some(coach) = Entity::find_by_user(user.id).one(&**txn).await? {
        return Ok(coach);
    }
    let id = entity::new_id();
    let coach = ActiveModel {
        id: Set(id),
        user_id: Set(Some(user.id)),
        handle: Set(format!("coach-{}", &id.simple().to_string()[20..])),
        display_name: Set(user.display_name.clone()),
        headline: Set(None),
        biography: Set(None),
        avatar_url: Set(None),
        time_zone: Set(user.time_zone.clone()),
        scheduler: Set(Scheduler::Native),
        listed: Set(false),
        accepts_bookings: Set(true),
        default_schedule_id: Set(None),
        version: Set(1),
        created_at: Set(now),
        updated_at: Set(now),
    };
    Ok(coach.insert(&**txn).await?)
}
