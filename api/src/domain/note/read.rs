//! Reads notes. A private note is visible to its author only, not even to staff.

use std::collections::HashMap;

use entity::Uuid;
use entity::note::{Column, Entity, Model, Visibility};
use sea_orm::sea_query::{Alias, Expr, ExprTrait, Query};
use sea_orm::{ColumnTrait, Condition, EntityTrait, QueryFilter, QueryOrder, Select};

use super::{no_note, seal};
use crate::app::App;
use crate::domain::page::{self, Direction, List, Page, PageInput};
use crate::domain::{Caller, Error, Result, session};

/// Notes on a session that the caller may read, newest first.
///
/// # Errors
/// `NotFound` for a session in which the caller takes no part; `Invalid` for an invalid cursor.
pub async fn list(
    app: &App,
    caller: &Caller,
    session_id: Uuid,
    visibility: Option<Visibility>,
    page: &PageInput,
) -> Result<Page<Model>> {
    let person = caller.require_person()?;
    session::get(app, caller, session_id).await?;
    let query = Entity::find_readable_by(person.user_id)
        .filter(Column::SessionId.eq(session_id))
        .filter(
            Condition::all()
                .add_option(visibility.map(|visibility| Column::Visibility.eq(visibility))),
        );
    let order = (List::Notes, (ORDER[0], ORDER[1]), Direction::Descending);
    let rows = page::cut(app.db.read(), query, page, order, |row: &Model| {
        (row.created_at, row.id)
    })
    .await?;
    rows.try_map(|row| seal::open(&app.vault, row))
}

/// Sort order of the notes on a session; lists are descending.
pub(crate) const ORDER: [Column; 2] = [Column::CreatedAt, Column::Id];

/// The query of notes that the caller may read on the session whose key is an expression, without
/// order: for joins to sessions that the caller may see.
///
/// # Errors
/// `Unauthenticated`, `Forbidden`.
pub(crate) fn readable_on(caller: &Caller, session_id: Expr) -> Result<Select<Entity>> {
    let person = caller.require_person()?;
    Ok(Entity::find_readable_by(person.user_id)
        .filter(Expr::col((Entity, Column::SessionId)).eq(session_id)))
}

/// Builds the first page of the notes on a session from rows of [`list_by_sessions`], one more than
/// the page size where a next page exists. Equals the page of [`list`].
#[must_use]
pub fn first_page(user_id: Uuid, session_id: Uuid, size: usize, rows: Vec<Model>) -> Page<Model> {
    let query = Entity::find_readable_by(user_id).filter(Column::SessionId.eq(session_id));
    page::first(query, (List::Notes, size), rows, |row: &Model| {
        (row.created_at, row.id)
    })
}

/// A note that the caller may read.
///
/// # Errors
/// `NotFound` when it does not exist or the caller may not read it.
pub async fn get(app: &App, caller: &Caller, id: Uuid) -> Result<Model> {
    let person = caller.require_person()?;
    let query = Entity::find_readable_by(person.user_id).filter(Column::Id.eq(id));
    let note = query.one(app.db.read()).await?.ok_or_else(no_note)?;
    match session::get(app, caller, note.session_id).await {
        Err(Error::NotFound(_)) => Err(no_note()),
        Err(error) => Err(error),
        Ok(_) => seal::open(&app.vault, note),
    }
}

/// The newest `most` notes on each of these sessions that the caller may read, newest first, in one
/// statement: for whoever has the sessions from a list that showed only what they may see.
pub async fn list_by_sessions(
    app: &App,
    caller: &Caller,
    session_ids: &[Uuid],
    most: u64,
) -> Result<HashMap<Uuid, Vec<Model>>> {
    let Some(person) = caller.find_person() else {
        return Ok(HashMap::new());
    };
    let readable = Condition::any()
        .add(Column::AuthorId.eq(person.user_id))
        .add(Column::Visibility.eq(Visibility::Shared));
    let place = "row_number() over (partition by session_id order by created_at desc, id desc)";
    let ranked = Query::select()
        .column(Column::Id)
        .expr_as(Expr::cust(place), Alias::new("place"))
        .from(Entity)
        .and_where(Column::SessionId.is_in(session_ids.iter().copied()))
        .cond_where(readable)
        .to_owned();
    let newest = Query::select()
        .column(Column::Id)
        .from_subquery(ranked, Alias::new("ranked"))
        .and_where(Expr::col(Alias::new("place")).lte(most))
        .to_owned();
    let rows = Entity::find()
        .filter(Column::Id.in_subquery(newest))
        .order_by_desc(Column::CreatedAt)
        .order_by_desc(Column::Id)
        .all(app.db.read())
        .await?;
    let mut found: HashMap<Uuid, Vec<Model>> = HashMap::new();
    for row in rows {
        found
            .entry(row.session_id)
            .or_default()
            .push(seal::open(&app.vault, row)?);
    }
    Ok(found)
}
