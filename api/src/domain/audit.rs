//! The audit log: actions of staff and the system outside of booking histories.

use chrono::{DateTime, Utc};
use entity::Uuid;
use entity::audit_log::ActiveModel;
use sea_orm::ActiveValue::Set;
use sea_orm::{ActiveModelTrait, DatabaseConnection};
use serde_json::json;

use super::Result;
use crate::db::Txn;

/// Writes an audit entry in the transaction of the change. `subject` is the global id of what was
/// changed.
pub(crate) async fn record(
    txn: &Txn,
    actor_id: Option<Uuid>,
    action: &str,
    subject: &str,
    now: DateTime<Utc>,
    correlation_id: &str,
) -> Result<()> {
    ActiveModel {
        id: Set(entity::new_id()),
        actor_id: Set(actor_id),
        action: Set(action.to_owned()),
        subject: Set(subject.to_owned()),
        detail: Set(None),
        correlation_id: Set(correlation_id.to_owned()),
        occurred_at: Set(now),
    }
    .insert(&**txn)
    .await?;
    Ok(())
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
