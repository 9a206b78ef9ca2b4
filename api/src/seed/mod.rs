//! Demo data: a small marketplace. Only added to a database without coaches.

mod bookings;
mod people;

use std::sync::Arc;

use chrono::{DateTime, Utc};
use sea_orm::EntityTrait;

use crate::app::App;
use crate::db::Txn;
use crate::domain::Result;
use crate::vault::Vault;

/// Adds the demo data; returns whether there was room for it.
///
/// # Errors
/// When the database fails. Then nothing was added.
pub async fn run(app: &App) -> Result<bool> {
    let input = (app.clock.now(), Arc::clone(&app.vault));
    app.db.transaction(input, add).await
}

async fn add(txn: &Txn, (now, vault): (DateTime<Utc>, Arc<Vault>)) -> Result<bool> {
    if entity::coach::Entity::find().one(&**txn).await?.is_some() {
        return Ok(false);
    }
    let people = people::add(txn, now).await?;
    bookings::add(txn, &people, &vault, now).await?;
    Ok(true)
}
