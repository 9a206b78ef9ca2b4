//! Idempotency keys: a repeat with the same key and input returns the first result and has no
//! further effect.

use chrono::{DateTime, TimeDelta, Utc};
use entity::Uuid;
use entity::idempotency_key::{ActiveModel, Column, Entity, Model};
use sea_orm::ActiveValue::Set;
use sea_orm::sea_query::{Expr, ExprTrait, OnConflict};
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter};
use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::db::Txn;
use crate::domain::{Conflict, Error, Result};

/// How long a key is stored.
const LIFETIME: TimeDelta = TimeDelta::hours(24);

/// A key with its scope.
pub(super) struct Key<'a> {
    pub(super) user_id: Uuid,
    /// Name of the mutation.
    pub(super) operation: &'static str,
    /// Chosen by the client.
    pub(super) key: &'a str,
    pub(super) request_hash: String,
}

impl Key<'_> {
    /// The subject of a stored key, if the input is the same.
    fn is_for(&self, used: &Model) -> Result<Uuid> {
        if used.request_hash == self.request_hash {
            Ok(used.subject_id)
        } else {
            Err(Conflict::IdempotencyKeyReused.into())
        }
    }
}

/// Result of claiming a key.
pub(super) enum Claim {
    /// The key was new: the caller performs the effect, and the key commits or rolls back with it.
    New,
    /// The effect was performed before, on this object.
    Done(Uuid),
}

/// Builds a key. It includes a hash of the input, so that reuse with another input is detected.
///
/// # Errors
/// `Invalid` unless the key has 16 to 128 printable ASCII characters.
pub(super) fn key<'a>(
    user_id: Uuid,
    operation: &'static str,
    key: &'a str,
    input: &impl Serialize,
) -> Result<Key<'a>> {
    if !(16..=128).contains(&key.len()) || !key.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(Error::invalid(
            "idempotencyKey",
            "must be 16 to 128 printable ASCII characters, best a UUID",
        ));
    }
    let input =
        serde_json::to_vec(input).map_err(|error| Error::internal("hashing an input", error))?;
    Ok(Key {
        user_id,
        operation,
        key,
        request_hash: hex::encode(Sha256::digest(input)),
    })
}

/// Looks up the subject of a stored key, without claiming it; `None` for a new key.
///
/// # Errors
/// `IdempotencyKeyReused` when the key was used with another input.
pub(super) async fn find(
    db: &impl ConnectionTrait,
    key: &Key<'_>,
    now: DateTime<Utc>,
) -> Result<Option<Uuid>> {
    let used = Entity::find_by_id((key.user_id, key.operation.to_owned(), key.key.to_owned()));
    used.filter(Column::ExpiresAt.gt(now))
        .one(db)
        .await?
        .map(|used| key.is_for(&used))
        .transpose()
}

/// Points the key to another subject: the request that its effect depends on.
pub(super) async fn hand_on(txn: &Txn, key: &Key<'_>, subject: Uuid) -> Result<()> {
    Entity::update_many()
        .set(ActiveModel {
            subject_id: Set(subject),
            ..ActiveModel::default()
        })
        .filter(Column::UserId.eq(key.user_id))
        .filter(Column::Operation.eq(key.operation))
        .filter(Column::Key.eq(key.key))
        .exec(&**txn)
        .await?;
    Ok(())
}

/// Deletes the keys of a refused subject: a refusal does not use up the key.
pub(super) async fn give_back(txn: &Txn, user_id: Uuid, subject: Uuid) -> Result<()> {
    Entity::delete_many()
        .filter(Column::UserId.eq(user_id))
        .filter(Column::SubjectId.eq(subject))
        .exec(&**txn)
        .await?;
    Ok(())
}

/// Claims the key for `subject`, inside the transaction that performs the effect. A concurrent
/// caller blocks until this transaction commits, and claims the key itself if it rolls back. An
/// expired key is claimed like a new one.
///
/// # Errors
/// `IdempotencyKeyReused` when the key was used with another input.
pub(super) async fn claim(
    txn: &Txn,
    key: &Key<'_>,
    subject: Uuid,
    now: DateTime<Utc>,
) -> Result<Claim> {
    let row = ActiveModel {
        user_id: Set(key.user_id),
        operation: Set(key.operation.to_owned()),
        key: Set(key.key.to_owned()),
        request_hash: Set(key.request_hash.clone()),
        subject_id: Set(subject),
        created_at: Set(now),
        expires_at: Set(now + LIFETIME),
    };
    let mut replace = OnConflict::columns([Column::UserId, Column::Operation, Column::Key]);
    replace
        .update_columns([
            Column::RequestHash,
            Column::SubjectId,
            Column::CreatedAt,
            Column::ExpiresAt,
        ])
        .action_and_where(Expr::col((Entity, Column::ExpiresAt)).lte(now));
    let written = Entity::insert(row)
        .on_conflict(replace)
        .exec_without_returning(&**txn)
        .await?;
    if written > 0 {
        return Ok(Claim::New);
    }
    let first = Entity::find_by_id((key.user_id, key.operation.to_owned(), key.key.to_owned()))
        .one(&**txn)
        .await?
        .ok_or_else(|| Error::internal("an idempotency key", "vanished"))?;
    key.is_for(&first).map(Claim::Done)
}
