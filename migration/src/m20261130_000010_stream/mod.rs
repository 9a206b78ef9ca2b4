//! Lines of history get their place in the stream after their commit, on PostgreSQL. SQLite has one
//! writer, which numbers them as it inserts them.

use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::DbBackend;

use crate::dialect;

pub(crate) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        "m20261130_000010_stream"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        on_postgres(manager, include_str!("up.sql")).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        on_postgres(manager, include_str!("down.sql")).await
    }
}

async fn on_postgres(manager: &SchemaManager<'_>, template: &str) -> Result<(), DbErr> {
    if manager.get_database_backend() == DbBackend::Postgres {
        dialect::run(manager, template).await?;
    }
    Ok(())
}
