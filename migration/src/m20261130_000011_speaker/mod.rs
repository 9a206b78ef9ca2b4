//! Stores who sent each delivery, gives facts about bookings the account they belong to, and lets
//! registrations of earlier versions be moved to addresses of their own.

use std::collections::HashMap;

use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::prelude::Uuid;
use sea_orm_migration::sea_orm::{ConnectionTrait, DbBackend, Statement, Value};
use serde_json::{Map, Value as Json};

use crate::dialect;

pub(crate) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        "m20261130_000011_speaker"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        dialect::run(manager, include_str!("up.sql")).await?;
        let key = match manager.get_database_backend() {
            DbBackend::Sqlite => include_str!("key.sqlite.sql"),
            _ => include_str!("key.postgres.sql"),
        };
        dialect::run(manager, key).await?;
        fill_accounts(manager).await?;
        dialect::run(manager, include_str!("accounts.sql")).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        dialect::run(manager, include_str!("down.sql")).await?;
        let key = match manager.get_database_backend() {
            DbBackend::Sqlite => include_str!("unkey.sqlite.sql"),
            _ => include_str!("unkey.postgres.sql"),
        };
        dialect::run(manager, key).await
    }
}

/// Sets the account of each row whose facts name an organizer.
async fn fill_accounts(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    let db = manager.get_connection();
    let backend = manager.get_database_backend();
    let all = "select provider, uid, seat, booking_id, cast(facts as text) as facts \
               from provider_booking";
    let update =
        "update provider_booking set account = $1 where provider = $2 and uid = $3 and seat = $4";
    let mut of_bookings: HashMap<Uuid, String> = HashMap::new();
    let mut unnamed = Vec::new();
    for row in db
        .query_all_raw(Statement::from_string(backend, all))
        .await?
    {
        let text = |column: &str| row.try_get::<String>("", column);
        let booking_id: Option<Uuid> = row.try_get("", "booking_id")?;
        let facts: Map<String, Json> = serde_json::from_str(&text("facts")?)
            .map_err(|error| DbErr::Json(error.to_string()))?;
        let key = [text("provider")?, text("uid")?, text("seat")?];
        let Some(account) = account(&facts) else {
            unnamed.push((booking_id, key));
            continue;
        };
        if let Some(id) = booking_id {
            of_bookings.insert(id, account.clone());
        }
        set(db, update, account, key).await?;
    }
    for (booking_id, key) in unnamed {
        if let Some(account) = booking_id.and_then(|id| of_bookings.get(&id)) {
            set(db, update, account.clone(), key).await?;
        }
    }
    Ok(())
}

async fn set(
    db: &impl ConnectionTrait,
    update: &str,
    account: String,
    [provider, uid, seat]: [String; 3],
) -> Result<(), DbErr> {
    let values = [account, provider, uid, seat].map(Value::from);
    let backend = db.get_database_backend();
    db.execute_raw(Statement::from_sql_and_values(backend, update, values))
        .await?;
    Ok(())
}

/// The account of the organizer that the latest fact names: its id, or its address.
fn account(facts: &Map<String, Json>) -> Option<String> {
    let named = facts.values().filter_map(|fact| {
        let organizer = fact.get("organizer")?;
        let text = |name: &str| Some(organizer.get(name)?.as_str()?.to_owned());
        let at = fact.get("at").and_then(Json::as_str).unwrap_or_default();
        Some((at, text("id").or_else(|| text("email"))?))
    });
    named.max().map(|(_, account)| account)
}
