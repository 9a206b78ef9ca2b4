//! Connections: credentials, their health, OAuth attempts, and registered webhooks. Only adds.

use sea_orm_migration::prelude::*;

use crate::dialect;

pub(crate) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        "m20261121_000002_connections"
    }
}

/// Columns added to existing tables, in drop order.
const COLUMNS: [(&str, &[&str]); 2] = [
    ("note", &["body_key"]),
    (
        "connection",
        &[
            "disconnected_at",
            "checked_at",
            "sync_cursor",
            "last_ok_at",
            "retry_at",
            "failures",
            "broken_since",
            "health_reason",
            "leased_until",
            "lease",
            "token_version",
            "refresh_expires_at",
            "access_expires_at",
            "refresh_token",
            "access_token",
            "kind",
        ],
    ),
];

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        dialect::run(manager, include_str!("connections.sql")).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for name in ["connection_live", "connection_checked"] {
            dialect::run(manager, &format!("drop index {name}")).await?;
        }
        for name in ["webhook_registration", "oauth_attempt"] {
            dialect::run(manager, &format!("drop table {name}")).await?;
        }
        for (table, columns) in COLUMNS {
            for column in columns {
                dialect::run(
                    manager,
                    &format!("alter table {table} drop column {column}"),
                )
                .await?;
            }
        }
        Ok(())
    }
}
