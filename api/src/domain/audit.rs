//! The audit log: actions of staff and the system outside of booking histories.

use chrono::{DateTime, Utc};
use entity::Uuid;
use entity::audit_log::{ActiveModel, Column, Entity};
use sea_orm::ActiveValue::Set;
use sea_orm::sea_query::OnConflict;
use sea_orm::{ActiveModelTrait, DatabaseConnection, EntityTrait};
use serde_json::json;
use sha2::{Digest, Sha256};

use super::Result;
use crate::db::{Db, Txn};

/// What an entry says, besides when.
#[derive(Clone, Debug)]
pub(crate) struct Entry<'a> {
    pub(crate) actor_id: Option<Uuid>,
    /// Id at the identity provider of whoever acted in the actor's name.
    pub(crate) impersonator: Option<String>,
    pub(crate) action: &'a str,
    /// The global id of what was changed.
    pub(crate) subject: &'a str,
    pub(crate) correlation_id: &'a str,
}

/// Writes an audit entry in the transaction of the change.
pub(crate) async fn record(txn: &Txn, entry: Entry<'_>, now: DateTime<Utc>) -> Result<()> {
    row(entity::new_id(), entry, now).insert(&**txn).await?;
    Ok(())
}

/// Writes one audit entry for each session in which somebody acts in another person's name. The
/// entry's id derives from the session's, so that a repeat is a no-op.
///
/// # Errors
/// When the entry cannot be written. The request must be refused then.
pub(crate) async fn record_impersonation(
    db: &Db,
    session: &str,
    entry: Entry<'_>,
    now: DateTime<Utc>,
) -> Result<()> {
    let digest = Sha256::digest(format!("impersonation {session}"));
    let id = Uuid::from_slice(&digest[..16]).expect("a digest is longer than an id");
    if Entity::find_by_id(id).one(db.read()).await?.is_some() {
        return Ok(());
    }
    let on_conflict = OnConflict::column(Column::Id).do_nothing().to_owned();
    Entity::insert(row(id, entry, now))
        .on_conflict(on_conflict)
        .exec_without_returning(db.write_one())
        .await?;
    Ok(())
}

fn row(id: Uuid, entry: Entry<'_>, now: DateTime<Utc>) -> ActiveModel {
    ActiveModel {
        id: Set(id),
        actor_id: Set(entry.actor_id),
        impersonator: Set(entry.impersonator),
        action: Set(entry.action.to_owned()),
        subject: Set(entry.subject.to_owned()),
        detail: Set(None),
        correlation_id: Set(entry.correlation_id.to_owned()),
        occurred_at: Set(now),
    }
}

/// Writes an audit entry before a secret is read: for whom and what for. There is no transaction, as
/// reading changes nothing.
///
/// # Errors
/// When the entry cannot be written. The secret must not be read then.
pub(crate) async fn record_reading(
    db: &DatabaseConnection,
    actor_id: Option<Uuid>,
    subject: &str,
    purpose: &'static str,
    now: DateTime<Utc>,
) -> Result<()> {
    ActiveModel {
        id: Set(entity::new_id()),
        actor_id: Set(actor_id),
        impersonator: Set(None),
        action: Set("connection.read_credential".to_owned()),
        subject: Set(subject.to_owned()),
        detail: Set(Some(json!({ "purpose": purpose }))),
        correlation_id: Set(String::new()),
        occurred_at: Set(now),
    }
    .insert(db)
    .await?;
    Ok(())
}
