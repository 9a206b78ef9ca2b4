//! Disconnects accounts.

use chrono::{DateTime, Utc};
use entity::connection::{ActiveModel, Column, Entity, Health, Kind, Model};
use entity::{Uuid, webhook_registration};
use sea_orm::ActiveValue::Set;
use sea_orm::{ColumnTrait as _, EntityTrait as _, QueryFilter as _};

use super::lease::subject;
use super::{invalid_state, read, unavailable};
use crate::app::App;
use crate::db::Txn;
use crate::domain::{Caller, Command, Error, Result};

/// The input of [`disconnect`].
#[derive(Clone, Debug)]
pub struct Disconnect {
    pub connection_id: Uuid,
    /// What happens to the account.
    pub account: AccountFate,
}

/// What happens to the account at the provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccountFate {
    Kept,
    /// Deleted there permanently, with its bookings. Only for accounts that the platform created.
    Deleted,
}

/// Ends a connection and erases its tokens, so that it can no longer be used. Bookings stay.
///
/// # Errors
/// `NotFound` for another coach's, `InvalidState` for an account that cannot be deleted,
/// `Unavailable` when the provider does not delete it: then nothing has changed.
pub async fn disconnect(app: &App, caller: &Caller, input: Disconnect) -> Result<Model> {
    let row = read::get_managed(app, caller, input.connection_id).await?;
    caller.require_person()?;
    if !row.is_live() {
        return Err(invalid_state("it is not connected"));
    }
    if let Some(remote) = app.schedulers.find_by_provider(&row.provider) {
        remote.withdraw_webhook(app, &row).await;
    }
    if input.account == AccountFate::Deleted {
        delete_account(app, &row).await?;
    }
    let command = Command::new(app, caller, row.id)?;
    let row = app.db.transaction(command, disconnect_in).await?;
    app.credentials.forget(row.id);
    Ok(row)
}

async fn disconnect_in(txn: &Txn, command: Command<Uuid>) -> Result<Model> {
    let Command { author, input: id } = command;
    erase(txn, id, author.now).await?;
    forget_webhooks(txn, id).await?;
    author
        .audit(txn, "connection.disconnect", &subject(id))
        .await?;
    Entity::find_by_id(id)
        .one(&**txn)
        .await?
        .ok_or(Error::NotFound("connection"))
}

/// Erases the tokens of a connection.
pub(super) async fn erase(txn: &Txn, id: Uuid, now: DateTime<Utc>) -> Result<()> {
    let erased = ActiveModel {
        access_token: Set(None),
        refresh_token: Set(None),
        access_expires_at: Set(None),
        refresh_expires_at: Set(None),
        lease: Set(None),
        leased_until: Set(None),
        health: Set(Health::Observed),
        health_reason: Set(None),
        broken_since: Set(None),
        failures: Set(0),
        retry_at: Set(None),
        disconnected_at: Set(Some(now)),
        updated_at: Set(now),
        ..Default::default()
    };
    Entity::update_many()
        .set(erased)
        .filter(Column::Id.eq(id))
        .exec(&**txn)
        .await?;
    Ok(())
}

/// Deletes what is registered of the account's webhooks.
async fn forget_webhooks(txn: &Txn, id: Uuid) -> Result<()> {
    webhook_registration::Entity::delete_many()
        .filter(webhook_registration::Column::ConnectionId.eq(id))
        .exec(&**txn)
        .await?;
    Ok(())
}

async fn delete_account(app: &App, row: &Model) -> Result<()> {
    if row.kind != Kind::ManagedUser {
        return Err(invalid_state(
            "only accounts that were made here can be deleted",
        ));
    }
    let provider = app.accounts.find(&row.provider);
    let provider = provider
        .ok_or_else(|| invalid_state("this server cannot call the provider of the account"))?;
    let deleted = provider.delete(&row.external_id).await;
    deleted.map_err(|error| unavailable(&error))
}
