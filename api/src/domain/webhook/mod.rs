//! Webhooks of providers: stored first, byte for byte, and answered; processed later, in a job.

mod admin;
mod inbox;
mod parsers;
mod process;
pub(in crate::domain) mod secrets;

pub use admin::{list, replay};
pub use inbox::{Inbox, OpenError, Opened, Receipt, Refusal, receive};
pub use parsers::{Delivered, Parse, Parsers};
pub use process::{give_up, process};
pub use secrets::WebhookSecrets;

use entity::Uuid;
use entity::webhook_registration::{Column, Entity};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};

use super::Result;
use crate::db::Txn;

/// Deletes the registrations of a deleted connection.
pub(crate) async fn forget_registrations(txn: &Txn, connection_id: Uuid) -> Result<()> {
    Entity::delete_many()
        .filter(Column::ConnectionId.eq(connection_id))
        .exec(&**txn)
        .await?;
    Ok(())
}
