//! Who acted in another person's name, in history and audit; and the code of a consent until the
//! person who began it finishes.

use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::DbBackend;

use crate::dialect;

pub(crate) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        "m20261130_000012_identity"
    }
}

/// Tables that record who did something. The last one is PostgreSQL's alone.
const RECORDS: [&str; 4] = [
    "booking_event",
    "audit_log",
    "scheduler_request",
    "booking_event_pending",
];

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in records(manager) {
            let template = format!("alter table {table} add column impersonator text");
            dialect::run(manager, &template).await?;
        }
        dialect::run(
            manager,
            "alter table oauth_attempt add column code text\n;;\n\
             alter table oauth_attempt add column ticket_hash text\n;;\n\
             create unique index oauth_attempt_ticket on oauth_attempt (ticket_hash)",
        )
        .await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        dialect::run(
            manager,
            "drop index oauth_attempt_ticket\n;;\n\
             alter table oauth_attempt drop column ticket_hash\n;;\n\
             alter table oauth_attempt drop column code",
        )
        .await?;
        for table in records(manager) {
            let template = format!("alter table {table} drop column impersonator");
            dialect::run(manager, &template).await?;
        }
        Ok(())
    }
}

fn records(manager: &SchemaManager<'_>) -> &'static [&'static str] {
    match manager.get_database_backend() {
        DbBackend::Postgres => &RECORDS,
        _ => &RECORDS[..3],
    }
}
