//! Accounts as their owners and staff see them, and their suspension.

use std::collections::HashMap;

use entity::Uuid;
use entity::user;
use providers::normalised_email;
use sea_orm::ActiveValue::Set;
use sea_orm::{
    ActiveModelTrait, ColumnTrait, Condition, EntityTrait, IntoActiveModel, PaginatorTrait,
    QueryFilter, QueryOrder,
};

use super::LOCAL_ISSUER;
use crate::app::App;
use crate::db::{Db, Txn};
use crate::domain::page::{self, Direction, List, Page, PageInput};
use crate::domain::{Caller, Command, Conflict, Error, Result, coach};

/// The caller's own account.
///
/// # Errors
/// `Unauthenticated`, `Forbidden`.
pub async fn get_own_account(app: &App, caller: &Caller) -> Result<user::Model> {
    let id = caller.require_person()?.user_id;
    user::Entity::find_by_id(id)
        .one(app.db.read())
        .await?
        .ok_or(Error::Unauthenticated)
}

/// Whether there is an account.
pub async fn is_any(db: &Db) -> Result<bool> {
    Ok(user::Entity::find().one(db.read()).await?.is_some())
}

/// The oldest account of the local issuer with a role, and with a subject if one is given.
pub async fn find_local(
    db: &Db,
    role: user::Role,
    subject: Option<&str>,
) -> Result<Option<user::Model>> {
    let named = subject.map(|subject| user::Column::Subject.eq(subject));
    Ok(user::Entity::find()
        .filter(user::Column::Issuer.eq(LOCAL_ISSUER))
        .filter(user::Column::Role.eq(role))
        .filter(Condition::all().add_option(named))
        .order_by_asc(user::Column::CreatedAt)
        .order_by_asc(user::Column::Id)
        .one(db.read())
        .await?)
}

/// These accounts: for whoever may see the objects that name them.
pub async fn find_many(app: &App, ids: &[Uuid]) -> Result<HashMap<Uuid, user::Model>> {
    let rows = user::Entity::find()
        .filter(user::Column::Id.is_in(ids.iter().copied()))
        .all(app.db.read())
        .await?;
    Ok(rows.into_iter().map(|row| (row.id, row)).collect())
}

/// All accounts, newest first; optionally filtered by address.
///
/// # Errors
/// `Unauthenticated`, `Forbidden` for anyone but staff, `Invalid` for an invalid cursor.
pub async fn list(
    app: &App,
    caller: &Caller,
    email: Option<String>,
    page: &PageInput,
) -> Result<Page<user::Model>> {
    caller.require_admin()?;
    let mut query = user::Entity::find();
    if let Some(email) = email {
        query = query.filter(user::Column::Email.eq(normalised_email(&email)));
    }
    let order = (
        List::Accounts,
        (user::Column::CreatedAt, user::Column::Id),
        Direction::Descending,
    );
    page::cut(app.db.read(), query, page, order, |row: &user::Model| {
        (row.created_at, row.id)
    })
    .await
}

/// The number of accounts without a verified address, for the operator.
///
/// # Errors
/// When the database fails.
pub async fn count_unverified(app: &App) -> Result<u64> {
    let unverified = Condition::any()
        .add(user::Column::Email.is_null())
        .add(user::Column::EmailVerified.eq(false));
    Ok(user::Entity::find()
        .filter(unverified)
        .count(app.db.read())
        .await?)
}

/// Checks that the caller's rights are unchanged since they connected.
///
/// # Errors
/// `Unauthenticated` once the credential has expired, `Forbidden` once the account is suspended or
/// its role has changed.
pub async fn require_good_standing(app: &App, caller: &Caller) -> Result<()> {
    let person = caller.require_person()?;
    if person.expires_at <= app.clock.now() {
        return Err(Error::Unauthenticated);
    }
    let account = get_own_account(app, caller).await?;
    if account.suspended_at.is_some() || account.role != person.role {
        return Err(Error::Forbidden("the rights of this account have changed"));
    }
    Ok(())
}

/// Suspends a person or lifts the suspension. Tokens stay valid, but grant nothing while suspended.
/// A suspended coach is unlisted, and stays so until the profile is listed again.
///
/// # Errors
/// `NotFound`; `InvalidState` for the caller's own account, which could not lift it again.
pub async fn set_suspended(
    app: &App,
    caller: &Caller,
    user_id: Uuid,
    suspended: bool,
) -> Result<user::Model> {
    let person = caller.require_admin()?;
    if suspended && person.user_id == user_id {
        return Err(Conflict::InvalidState("you cannot suspend yourself".to_owned()).into());
    }
    let input = SetSuspended { user_id, suspended };
    let command = Command::new(app, caller, input)?;
    let user = app.db.transaction(command, store_suspended).await?;
    app.recent.clear();
    Ok(user)
}

#[derive(Clone, Copy)]
struct SetSuspended {
    user_id: Uuid,
    suspended: bool,
}

async fn store_suspended(txn: &Txn, command: Command<SetSuspended>) -> Result<user::Model> {
    let Command { author, input } = command;
    let SetSuspended { user_id, suspended } = input;
    let user = user::Entity::find_by_id(user_id)
        .one(&**txn)
        .await?
        .ok_or(Error::NotFound("user"))?;
    let mut row = user.into_active_model();
    row.suspended_at = Set(suspended.then_some(author.now));
    row.updated_at = Set(author.now);
    if suspended {
        coach::unlist(txn, user_id, author.now).await?;
    }
    let action = if suspended {
        "user.suspend"
    } else {
        "user.reinstate"
    };
    let subject = format!("user_{}", user_id.simple());
    author.audit(txn, action, &subject).await?;
    Ok(row.update(&**txn).await?)
}
