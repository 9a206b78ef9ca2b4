//! Changes at a provider that could not be applied and were skipped.

use sea_orm_migration::prelude::*;

use crate::dialect;

pub(crate) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        "m20261121_000007_passed_over"
    }
}

/// Columns added to connections, in drop order.
const COLUMNS: [(&str, &str); 3] = [
    ("passed_over_until", "{instant}"),
    ("passed_over_from", "{instant}"),
    ("sync_failures", "{int} not null default 0"),
];

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for (column, kind) in COLUMNS.iter().rev() {
            dialect::run(
                manager,
                &format!("alter table connection add column {column} {kind}"),
            )
            .await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for (column, _) in COLUMNS {
            dialect::run(
                manager,
                &format!("alter table connection drop column {column}"),
            )
            .await?;
        }
        Ok(())
    }
}
