//! Schema migrations, up and down, for SQLite and PostgreSQL.
//!
//! Tables are written once, as SQL, with the type names that differ in braces (see [`dialect`]).
//! Constraints that the two databases express differently (no overlapping bookings, immutable
//! history) are in one file per database.
//!
//! Changes expand first and contract in a later release: a running older binary must keep working
//! while a newer one migrates.

use sea_orm_migration::prelude::{MigrationTrait, async_trait};
pub use sea_orm_migration::prelude::{MigratorTrait, SchemaManager};

mod dialect;
mod m20261121_000001_initial;
mod m20261121_000002_connections;
mod m20261121_000003_scheduler_request;
mod m20261121_000004_sync;
mod m20261121_000005_absence;
mod m20261121_000006_guests;
mod m20261121_000007_passed_over;
mod m20261130_000008_names;
mod m20261130_000009_job_queue;
mod m20261130_000010_stream;
mod m20261130_000011_speaker;
mod m20261130_000012_identity;

/// All migrations, oldest first.
#[derive(Debug)]
pub struct Migrator;

#[async_trait::async_trait]
impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(m20261121_000001_initial::Migration),
            Box::new(m20261121_000002_connections::Migration),
            Box::new(m20261121_000003_scheduler_request::Migration),
            Box::new(m20261121_000004_sync::Migration),
            Box::new(m20261121_000005_absence::Migration),
            Box::new(m20261121_000006_guests::Migration),
            Box::new(m20261121_000007_passed_over::Migration),
            Box::new(m20261130_000008_names::Migration),
            Box::new(m20261130_000009_job_queue::Migration),
            Box::new(m20261130_000010_stream::Migration),
            Box::new(m20261130_000011_speaker::Migration),
            Box::new(m20261130_000012_identity::Migration),
        ]
    }
}
