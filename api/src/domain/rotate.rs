//! Key rotation: reseals every value under the current key (`courtside rotate-keys`). The worker seals
//! what was written before notes and answers were sealed ([`seal_plain`]).
//!
//! Safe beside a running server: each value is replaced only if it is unchanged since it was read,
//! so a token that is renewed meanwhile stays, and is under the new key already. Resealed values no
//! longer match the query, so an interrupted run resumes where it stopped.

use entity::booking::Answers;
use entity::{Uuid, booking, connection, note, webhook_registration};
use sea_orm::sea_query::{Expr, ExprTrait};
use sea_orm::{ColumnTrait, Condition, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use secrecy::ExposeSecret as _;

use super::{Error, Result, answers};
use crate::app::App;
use crate::db::Txn;
use crate::vault::{Place, Vault, VaultError, row_key};

/// Values per transaction; bounds how long other writers wait.
const BATCH: u64 = 200;

/// Result of a rotation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rotated {
    /// Tokens and API keys of connections.
    pub tokens: u64,
    /// Secrets of webhooks.
    pub webhook_secrets: u64,
    /// Notes, including those that were plain text.
    pub notes: u64,
    /// Answers of bookings, including those that were plain text.
    pub answers: u64,
    /// Values that did not open, because their key is missing. Left unchanged.
    pub unreadable: u64,
}

/// Reseals every value that is not under the first key.
///
/// # Errors
/// When there are no keys, or the database fails. Finished batches stay committed.
pub async fn rotate(app: &App) -> Result<Rotated> {
    if !app.vault.is_open() {
        return Err(Error::internal("rotating keys", VaultError::Closed));
    }
    let mut done = Rotated::default();
    for (column, name) in [
        (connection::Column::AccessToken, "access_token"),
        (connection::Column::RefreshToken, "refresh_token"),
    ] {
        let of = SealedColumn::<connection::Entity> {
            id: connection::Column::Id,
            column,
            table: "connection",
            name,
        };
        done.tokens += of.rotate(app, &mut done.unreadable).await?;
    }
    for (column, name) in [
        (webhook_registration::Column::Secret, "secret"),
        (
            webhook_registration::Column::PreviousSecret,
            "previous_secret",
        ),
    ] {
        let id = webhook_registration::Column::Id;
        let of = SealedColumn::<webhook_registration::Entity> {
            id,
            column,
            table: "webhook_registration",
            name,
        };
        done.webhook_secrets += of.rotate(app, &mut done.unreadable).await?;
    }
    let current = app.vault.current_key().unwrap_or_default();
    let notes_under_others = Condition::any()
        .add(note::Column::BodyKey.is_null())
        .add(note::Column::BodyKey.ne(current));
    done.notes = notes(app, notes_under_others, &mut done.unreadable).await?;
    let current = app.vault.current_prefix().unwrap_or_default();
    let answers_under_others = Condition::all()
        .add(Expr::cust(ANSWERS_TEXT).ne("[]"))
        .add(Expr::cust(ANSWERS_TEXT).not_like(format!("\"{current}%")));
    done.answers = answers(app, answers_under_others, &mut done.unreadable).await?;
    Ok(done)
}

/// Seals notes and answers that are still plain text. Values that are sealed, under whatever key,
/// stay as they are.
///
/// # Errors
/// When the database fails. Finished batches stay committed.
pub async fn seal_plain(app: &App) -> Result<()> {
    let plain_notes = Condition::all().add(note::Column::BodyKey.is_null());
    let mut unreadable = 0;
    let notes = notes(app, plain_notes, &mut unreadable).await?;
    let plain_answers = Condition::all().add(Expr::cust(ANSWERS_TEXT).like("[{%"));
    let answers = answers(app, plain_answers, &mut unreadable).await?;
    if notes + answers > 0 {
        tracing::info!(notes, answers, "sealed what was plain text");
    }
    Ok(())
}

/// The stored JSON of a booking's answers: a list, or the text of a sealed value.
const ANSWERS_TEXT: &str = "cast(answers as text)";

/// A column of sealed values.
struct SealedColumn<E: EntityTrait> {
    id: E::Column,
    column: E::Column,
    table: &'static str,
    name: &'static str,
}

impl<E: EntityTrait> SealedColumn<E> {
    async fn rotate(&self, app: &App, unreadable: &mut u64) -> Result<u64> {
        let (mut done, mut after) = (0, Uuid::nil());
        loop {
            let rows = self.next(app, after).await?;
            let Some((last, _)) = rows.last() else {
                return Ok(done);
            };
            after = *last;
            let mut changes = Vec::new();
            for (id, old) in rows {
                let place = Place {
                    table: self.table,
                    row: &row_key(id),
                    column: self.name,
                };
                match app.vault.reseal(place, &old) {
                    Ok(Some(new)) => changes.push(Change { id, old, new }),
                    Ok(None) => {}
                    Err(_) => *unreadable += 1,
                }
            }
            done += self.put(app, changes).await?;
        }
    }

    async fn next(&self, app: &App, after: Uuid) -> Result<Vec<(Uuid, String)>> {
        let current = app.vault.current_prefix().unwrap_or_default();
        let rows = E::find()
            .select_only()
            .column(self.id)
            .column(self.column)
            .filter(self.column.is_not_null())
            .filter(self.column.not_like(format!("{current}%")))
            .filter(self.id.gt(after))
            .order_by_asc(self.id)
            .limit(BATCH)
            .into_tuple();
        Ok(rows.all(app.db.write_one()).await?)
    }

    async fn put(&self, app: &App, changes: Vec<Change>) -> Result<u64> {
        let changes = Changes {
            id: self.id,
            column: self.column,
            changes,
        };
        app.db.transaction(changes, store::<E>).await
    }
}

/// A value sealed with the current key, and the value that it replaces.
#[derive(Clone)]
struct Change {
    id: Uuid,
    old: String,
    new: String,
}

#[derive(Clone)]
struct Changes<C> {
    id: C,
    column: C,
    changes: Vec<Change>,
}

async fn store<E: EntityTrait>(txn: &Txn, input: Changes<E::Column>) -> Result<u64> {
    let mut done = 0;
    for change in input.changes {
        let put = E::update_many()
            .col_expr(input.column, Expr::value(change.new))
            .filter(input.id.eq(change.id))
            .filter(input.column.eq(change.old))
            .exec(&**txn)
            .await?;
        done += put.rows_affected;
    }
    Ok(done)
}

async fn notes(app: &App, which: Condition, unreadable: &mut u64) -> Result<u64> {
    let (mut done, mut after) = (0, Uuid::nil());
    let current = app.vault.current_key().unwrap_or_default().to_owned();
    loop {
        let rows = note::Entity::find()
            .filter(which.clone())
            .filter(note::Column::Id.gt(after))
            .order_by_asc(note::Column::Id)
            .limit(BATCH)
            .all(app.db.write_one())
            .await?;
        let Some(last) = rows.last() else {
            return Ok(done);
        };
        after = last.id;
        let mut changes = Vec::new();
        for row in rows {
            match sealed_note(&app.vault, &row) {
                Ok(new) => changes.push((row, new)),
                Err(_) => *unreadable += 1,
            }
        }
        let key = current.clone();
        done += app
            .db
            .transaction(NoteChanges { key, changes }, put_notes)
            .await?;
    }
}

/// The body under the first key. Not recorded in the audit log: a note is no credential.
fn sealed_note(vault: &Vault, row: &note::Model) -> Result<String, VaultError> {
    let place = Place {
        table: "note",
        row: &row_key(row.id),
        column: "body",
    };
    match &row.body_key {
        None => vault.seal(place, &row.body),
        Some(_) => vault.seal(place, vault.open(place, &row.body)?.expose_secret()),
    }
}

#[derive(Clone)]
struct NoteChanges {
    key: String,
    changes: Vec<(note::Model, String)>,
}

async fn put_notes(txn: &Txn, input: NoteChanges) -> Result<u64> {
    let mut done = 0;
    for (row, body) in input.changes {
        let put = note::Entity::update_many()
            .col_expr(note::Column::Body, Expr::value(body))
            .col_expr(note::Column::BodyKey, Expr::value(&input.key))
            .filter(note::Column::Id.eq(row.id))
            .filter(note::Column::Body.eq(row.body))
            .exec(&**txn)
            .await?;
        done += put.rows_affected;
    }
    Ok(done)
}

async fn answers(app: &App, which: Condition, unreadable: &mut u64) -> Result<u64> {
    let (mut done, mut after) = (0, Uuid::nil());
    loop {
        let rows: Vec<(Uuid, i64, Answers)> = booking::Entity::find()
            .select_only()
            .columns([
                booking::Column::Id,
                booking::Column::Version,
                booking::Column::Answers,
            ])
            .filter(which.clone())
            .filter(booking::Column::Id.gt(after))
            .order_by_asc(booking::Column::Id)
            .limit(BATCH)
            .into_tuple()
            .all(app.db.write_one())
            .await?;
        let Some((last, ..)) = rows.last() else {
            return Ok(done);
        };
        after = *last;
        let mut changes = Vec::new();
        for (id, version, old) in rows {
            match resealed(&app.vault, id, &old) {
                Ok(new) => changes.push((id, version, new)),
                Err(_) => *unreadable += 1,
            }
        }
        done += app.db.transaction(changes, put_answers).await?;
    }
}

fn resealed(vault: &Vault, id: Uuid, old: &Answers) -> Result<Answers> {
    answers::seal(vault, id, &answers::open(vault, id, old)?)
}

/// A booking whose version is another one now was changed meanwhile, and stays as it is.
async fn put_answers(txn: &Txn, changes: Vec<(Uuid, i64, Answers)>) -> Result<u64> {
    let mut done = 0;
    for (id, version, new) in changes {
        let put = booking::Entity::update_many()
            .col_expr(booking::Column::Answers, Expr::value(new))
            .filter(booking::Column::Id.eq(id))
            .filter(booking::Column::Version.eq(version))
            .exec(&**txn)
            .await?;
        done += put.rows_affected;
    }
    Ok(done)
}
