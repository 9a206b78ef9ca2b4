//! The initial schema: people, event types, bookings with their history, and jobs.

use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::DbBackend;

use crate::dialect;

pub(crate) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        "m20261121_000001_initial"
    }
}

/// In drop order: a table comes before the tables it refers to.
const TABLES: [&str; 22] = [
    "worker_beat",
    "setting",
    "audit_log",
    "idempotency_key",
    "job",
    "webhook_delivery",
    "provider_booking",
    "refund",
    "payment",
    "note",
    "session",
    "booking_event",
    "booking",
    "slot_hold",
    "event_type_host",
    "event_type",
    "schedule_override",
    "schedule",
    "connection",
    "coach_specialty",
    "coach",
    "user",
];

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let sqlite = manager.get_database_backend() == DbBackend::Sqlite;
        let guards = if sqlite {
            include_str!("guards_sqlite.sql")
        } else {
            include_str!("guards_postgres.sql")
        };
        for template in [
            include_str!("people.sql"),
            include_str!("offers.sql"),
            include_str!("bookings.sql"),
            include_str!("work.sql"),
            guards,
        ] {
            dialect::run(manager, template).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in TABLES {
            dialect::run(manager, &format!("drop table \"{table}\"")).await?;
        }
        if manager.get_database_backend() == DbBackend::Postgres {
            dialect::run(manager, "drop function refuse_history_change()").await?;
        }
        Ok(())
    }
}
