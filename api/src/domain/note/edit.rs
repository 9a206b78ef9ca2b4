//! Creates, changes and deletes notes.

use std::sync::Arc;

use entity::note::{Column, Entity, Model, Visibility};
use entity::{Uuid, booking, session};
use sea_orm::ActiveValue::Set;
use sea_orm::{
    ActiveModelTrait, ColumnTrait, EntityTrait, IntoActiveModel, PaginatorTrait, QueryFilter,
    QuerySelect,
};

use super::{no_note, seal};
use crate::app::App;
use crate::db::Txn;
use crate::domain::booking::side;
use crate::domain::text::Problems;
use crate::domain::{Caller, Command, Conflict, Error, Person, Result};
use crate::vault::Vault;

/// Maximum length of a note in characters.
const MAX_LENGTH: usize = 20_000;
/// Maximum number of notes per author and session.
const MAX_NOTES: u64 = 200;

/// A note to create.
#[derive(Clone, Debug)]
pub struct Create {
    pub session_id: Uuid,
    /// Markdown, 1 to 20,000 characters.
    pub body: String,
    pub visibility: Visibility,
}

/// Fields to change; `None` leaves a field unchanged.
#[derive(Clone, Debug)]
pub struct Update {
    pub note_id: Uuid,
    pub body: Option<String>,
    pub visibility: Option<Visibility>,
    /// The version that the caller has read; a newer one is refused.
    pub version: Option<i64>,
}

/// Creates a note on a session. Allowed for the coach and the client of its booking.
///
/// # Errors
/// `NotFound` for a session in which the caller takes no part, `Forbidden` for staff, `Invalid` for
/// an empty or too long body, `InvalidState` beyond 200 notes.
pub async fn create(app: &App, caller: &Caller, input: Create) -> Result<Model> {
    let author_id = caller.require_person()?.user_id;
    check(Some(&input.body))?;
    let (id, now) = (entity::new_id(), app.clock.now());
    let (body, body_key) = seal(&app.vault, id, &input.body)?;
    let row = Model {
        id,
        session_id: input.session_id,
        author_id,
        visibility: input.visibility,
        body,
        body_key,
        version: 1,
        created_at: now,
        updated_at: now,
    };
    let command = Command::new(app, caller, row)?;
    seal::open(&app.vault, app.db.transaction(command, insert).await?)
}

async fn insert(txn: &Txn, command: Command<Model>) -> Result<Model> {
    let Command { author, input: row } = command;
    require_party(txn, &author.person, row.session_id).await?;
    let own = Entity::find()
        .filter(Column::SessionId.eq(row.session_id))
        .filter(Column::AuthorId.eq(row.author_id));
    if own.count(&**txn).await? >= MAX_NOTES {
        let message =
            format!("you have written {MAX_NOTES} notes on this session; delete one first");
        return Err(Conflict::InvalidState(message).into());
    }
    Ok(row.into_active_model().reset_all().insert(&**txn).await?)
}

/// Changes a note of the caller's own.
///
/// # Errors
/// `NotFound` for a note that the caller may not read, `Forbidden` for another author's, `Invalid`
/// for an empty or too long body, `Stale` when it was changed since the caller read it.
pub async fn update(app: &App, caller: &Caller, input: Update) -> Result<Model> {
    caller.require_person()?;
    check(input.body.as_deref())?;
    let change = Change {
        input,
        vault: Arc::clone(&app.vault),
    };
    let command = Command::new(app, caller, change)?;
    seal::open(&app.vault, app.db.transaction(command, store).await?)
}

#[derive(Clone)]
struct Change {
    input: Update,
    vault: Arc<Vault>,
}

async fn store(txn: &Txn, command: Command<Change>) -> Result<Model> {
    let Command { author, input } = command;
    let Change { input, vault } = input;
    let note = lock_own(txn, &author.person, input.note_id, input.version).await?;
    let note = seal::open(&vault, note)?;
    let body = input.body.unwrap_or_else(|| note.body.clone());
    let visibility = input.visibility.unwrap_or(note.visibility);
    let (body, body_key) = seal(&vault, note.id, &body)?;
    let version = note.version;
    let mut row = note.into_active_model();
    row.body = Set(body);
    row.body_key = Set(body_key);
    row.visibility = Set(visibility);
    row.version = Set(version + 1);
    row.updated_at = Set(author.now);
    Ok(row.update(&**txn).await?)
}

/// Deletes a note of the caller's own permanently; returns it.
///
/// # Errors
/// As [`update`].
pub async fn delete(
    app: &App,
    caller: &Caller,
    note_id: Uuid,
    version: Option<i64>,
) -> Result<Model> {
    let command = Command::new(app, caller, Delete { note_id, version })?;
    app.db.transaction(command, remove).await
}

#[derive(Clone, Copy)]
struct Delete {
    note_id: Uuid,
    version: Option<i64>,
}

async fn remove(txn: &Txn, command: Command<Delete>) -> Result<Model> {
    let (Delete { note_id, version }, person) = (command.input, command.author.person);
    let note = lock_own(txn, &person, note_id, version).await?;
    Entity::delete_by_id(note_id).exec(&**txn).await?;
    Ok(note)
}

/// Locks the person's own note. `NotFound` unless the person may read the note, else `Forbidden`
/// for another author's.
async fn lock_own(txn: &Txn, person: &Person, id: Uuid, version: Option<i64>) -> Result<Model> {
    let note = Entity::find_by_id(id)
        .lock_exclusive()
        .one(&**txn)
        .await?
        .ok_or_else(no_note)?;
    if note.author_id != person.user_id {
        let is_readable = note.visibility == Visibility::Shared
            && require_visible(txn, person, note.session_id).await.is_ok();
        return Err(if is_readable {
            Error::Forbidden("only its author may change a note")
        } else {
            no_note()
        });
    }
    match version {
        Some(version) if version != note.version => Err(Conflict::Stale.into()),
        _ => Ok(note),
    }
}

/// The booking of a session that the person may see.
async fn require_visible(txn: &Txn, person: &Person, session_id: Uuid) -> Result<booking::Model> {
    let no_session = || Error::NotFound("session");
    let session = session::Entity::find_by_id(session_id)
        .one(&**txn)
        .await?
        .ok_or_else(no_session)?;
    let booking = booking::Entity::find_by_id(session.booking_id)
        .one(&**txn)
        .await?
        .ok_or_else(no_session)?;
    side(person, &booking).map_err(|_| no_session())?;
    Ok(booking)
}

/// Refuses anyone who does not take part in the session.
async fn require_party(txn: &Txn, person: &Person, session_id: Uuid) -> Result<()> {
    let booking = require_visible(txn, person, session_id).await?;
    let is_party = booking.client_id == Some(person.user_id) || person.is_coach(booking.coach_id);
    if is_party {
        Ok(())
    } else {
        Err(Error::Forbidden(
            "only the coach and the client write notes",
        ))
    }
}

fn check(body: Option<&str>) -> Result<()> {
    let mut problems = Problems::default();
    if let Some(body) = body {
        problems.lines("body", body, 1, MAX_LENGTH);
    }
    problems.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_has_1_to_20_000_characters() {
        check(Some("ü")).expect("one character");
        check(Some(&"ü".repeat(MAX_LENGTH))).expect("as many as there may be");
        for bad in ["", " \n", "a\0", &"ü".repeat(MAX_LENGTH + 1)] {
            assert!(matches!(check(Some(bad)), Err(Error::Invalid(_))));
        }
    }
}
