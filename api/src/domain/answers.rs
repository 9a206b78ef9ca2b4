//! Seals clients' answers to the questions of event types in the database.

use entity::Uuid;
use entity::booking::{Answer, Answers};
use secrecy::ExposeSecret as _;

use super::{Error, Result};
use crate::vault::{Place, Vault, row_key};

/// The answers as a booking's row stores them.
///
/// # Errors
/// When there are no keys.
pub(crate) fn seal(vault: &Vault, booking_id: Uuid, answers: &[Answer]) -> Result<Answers> {
    if answers.is_empty() {
        return Ok(Answers::default());
    }
    let plain = serde_json::to_string(answers)
        .map_err(|error| Error::internal("writing answers", error))?;
    let sealed = vault
        .seal(place(&row_key(booking_id)), &plain)
        .map_err(|error| Error::internal("sealing answers", error))?;
    Ok(Answers::Sealed(sealed))
}

/// Stored answers in plain text.
///
/// # Errors
/// When their key is missing, or they were modified.
pub fn open(vault: &Vault, booking_id: Uuid, answers: &Answers) -> Result<Vec<Answer>> {
    let sealed = match answers {
        Answers::Plain(answers) => return Ok(answers.clone()),
        Answers::Sealed(sealed) => sealed,
    };
    let plain = vault
        .open(place(&row_key(booking_id)), sealed)
        .map_err(|error| Error::internal("opening answers", error))?;
    serde_json::from_str(plain.expose_secret())
        .map_err(|error| Error::internal("reading answers", error))
}

/// Where the answers of a booking are.
fn place(row: &str) -> Place<'_> {
    Place {
        table: "booking",
        row,
        column: "answers",
    }
}
