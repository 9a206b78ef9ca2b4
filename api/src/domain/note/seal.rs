//! Seals notes in the database. Rows that were written before notes were sealed are read as they are,
//! until the worker seals them.

use entity::Uuid;
use entity::note::Model;

use crate::app::App;
use crate::domain::{Error, Result};
use crate::vault::{Place, Vault, row_key};
use secrecy::ExposeSecret as _;

/// The stored body and the id of its key.
///
/// # Errors
/// When there are no keys.
pub fn seal(vault: &Vault, id: Uuid, body: &str) -> Result<(String, Option<String>)> {
    let sealed = vault
        .seal(place(&row_key(id)), body)
        .map_err(|error| Error::internal("sealing a note", error))?;
    Ok((sealed, vault.current_key().map(str::to_owned)))
}

/// The note with its body in plain text.
pub(super) fn open(vault: &Vault, mut note: Model) -> Result<Model> {
    if note.body_key.take().is_some() {
        note.body = opened(vault, note.id, &note.body)?;
    }
    Ok(note)
}

/// Opens a sealed body.
///
/// # Errors
/// When its key is missing, or it was modified.
pub fn open_body(app: &App, id: Uuid, body: &str) -> Result<String> {
    opened(&app.vault, id, body)
}

fn opened(vault: &Vault, id: Uuid, body: &str) -> Result<String> {
    let body = vault.open(place(&row_key(id)), body);
    Ok(body
        .map_err(|error| Error::internal("opening a note", error))?
        .expose_secret()
        .to_owned())
}

fn place(row: &str) -> Place<'_> {
    Place {
        table: "note",
        row,
        column: "body",
    }
}
