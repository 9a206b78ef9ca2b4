//! A queue for the jobs of each provider.

use sea_orm_migration::prelude::*;

use crate::dialect;

pub(crate) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        "m20261130_000009_job_queue"
    }
}

/// The default serves programs that do not know the column yet: what they enqueue is run, though in
/// the queue of the database. Until now Cal.com was the only provider that a job could call.
const UP: &str = "
alter table job add column queue text not null default 'database'
;;
update job set queue = 'calcom' where kind in ('run_scheduler_request', 'push_booking',
    'reconcile_recent', 'reconcile_all', 'check_connection', 'push_event_type', 'push_schedule',
    'push_absences', 'pull_settings', 'ensure_webhook')
;;
create index job_queue on job (queue, status, run_at)
";

const DOWN: &str = "
drop index job_queue
;;
alter table job drop column queue
";

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        dialect::run(manager, UP).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        dialect::run(manager, DOWN).await
    }
}
