//! Coach profiles.

mod directory;
mod profile;

pub(crate) use directory::listed;
pub use directory::{CoachFilter, Key, find_many, get, list, specialties, specialties_of};
pub(super) use directory::{check_max_price, check_specialties, has_specialty};
pub use profile::{UpdateProfile, update_profile};

use chrono::{DateTime, Utc};
use entity::Uuid;
use entity::coach::{ActiveModel, Column, Entity, Model, Scheduler};
use entity::{connection, user};
use sea_orm::ActiveValue::Set;
use sea_orm::sea_query::{Expr, ExprTrait};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, ConnectionTrait, EntityTrait, IntoActiveModel, QueryFilter,
    QueryOrder, QuerySelect,
};

use super::{Caller, Error, Person, Result};
use crate::db::Txn;

/// The caller and the coach to change: the caller's own profile or, for staff, any.
///
/// # Errors
/// `NotFound` for another coach's, `Forbidden` for a person who is no coach, `Invalid` when staff
/// omit the coach.
pub(super) fn acting_for(caller: &Caller, coach_id: Option<Uuid>) -> Result<(Person, Uuid)> {
    let person = caller.require_person()?.clone();
    let coach_id = match (coach_id, person.coach_id) {
        (Some(id), _) if manages(&person, id) => id,
        (Some(_), _) => return Err(no_coach()),
        (None, Some(own)) => own,
        (None, None) if person.is_admin() => {
            return Err(Error::invalid("coachId", "say which coach"));
        }
        (None, None) => return Err(Error::Forbidden("only coaches may do this")),
    };
    Ok((person, coach_id))
}

/// Whether the person may change objects of a coach.
pub(super) fn manages(person: &Person, coach_id: Uuid) -> bool {
    person.is_coach(coach_id) || person.is_admin()
}

/// Whether the caller may change objects of a coach.
#[must_use]
pub fn is_managed_by(caller: &Caller, coach_id: Uuid) -> bool {
    caller
        .find_person()
        .is_some_and(|person| manages(person, coach_id))
}

/// `NotFound`, also for a coach that the caller may not see.
pub(super) fn no_coach() -> Error {
    Error::NotFound("coach")
}

/// Reads the coach without any permission check.
pub(super) async fn require(db: &impl ConnectionTrait, id: Uuid) -> Result<Model> {
    Entity::find_by_id(id).one(db).await?.ok_or_else(no_coach)
}

/// Whether the coach's account is suspended, so that the coach cannot be booked.
pub(super) async fn is_suspended(db: &impl ConnectionTrait, coach: &Model) -> Result<bool> {
    let Some(user_id) = coach.user_id else {
        return Ok(false);
    };
    let account = user::Entity::find_by_id(user_id).filter(user::Column::SuspendedAt.is_not_null());
    Ok(account.one(db).await?.is_some())
}

/// Locks the coach's row until the transaction ends. Transactions that take time of the coach block
/// on it too.
pub(super) async fn lock(txn: &Txn, id: Uuid) -> Result<Model> {
    Entity::find_by_id(id)
        .lock_exclusive()
        .one(&**txn)
        .await?
        .ok_or_else(no_coach)
}

/// The profile of an account with the role of a coach: the one that was imported for their verified
/// address, else a new, unlisted one.
pub(crate) async fn ensure_profile(
    txn: &Txn,
    user: &user::Model,
    now: DateTime<Utc>,
) -> Result<Model> {
    if let Some(coach) = Entity::find_by_user(user.id).one(&**txn).await? {
        return Ok(coach);
    }
    if let Some(imported) = imported(txn, user).await? {
        let version = imported.version + 1;
        let mut row = imported.into_active_model();
        row.user_id = Set(Some(user.id));
        row.version = Set(version);
        row.updated_at = Set(now);
        return Ok(row.update(&**txn).await?);
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

/// The profile imported from a provider's account with the same address, before its owner signed
/// up.
async fn imported(txn: &Txn, user: &user::Model) -> Result<Option<Model>> {
    let Some(email) = user.verified_email() else {
        return Ok(None);
    };
    let links = connection::Entity::find()
        .filter(connection::Column::ExternalEmail.eq(email))
        .all(&**txn)
        .await?;
    let orphans = Entity::find()
        .filter(Column::Id.is_in(links.iter().map(|link| link.coach_id)))
        .filter(Column::UserId.is_null())
        .order_by_asc(Column::CreatedAt)
        .order_by_asc(Column::Id);
    Ok(orphans.one(&**txn).await?)
}

/// Takes the profile of an account off the directory, if there is one.
pub(super) async fn unlist(txn: &Txn, user_id: Uuid, now: DateTime<Utc>) -> Result<()> {
    Entity::update_many()
        .col_expr(Column::Listed, Expr::val(false))
        .col_expr(Column::Version, Expr::col(Column::Version).add(1))
        .col_expr(Column::UpdatedAt, Expr::val(now))
        .filter(Column::UserId.eq(user_id))
        .filter(Column::Listed.eq(true))
        .exec(&**txn)
        .await?;
    Ok(())
}
