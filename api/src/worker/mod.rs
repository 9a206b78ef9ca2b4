//! Workers: run the due jobs of each queue, and scheduled rounds.

mod jobs;
mod perform;
mod queue;
mod schedule;

use std::sync::Arc;

use entity::job::Status;
use futures_util::future::join_all;
use tokio_util::sync::CancellationToken;

use crate::app::App;
use crate::domain::Result;
use crate::outbox::Queue;
use crate::outbox::job;

pub use queue::SLOTS;
pub use schedule::{beat, is_alive};

/// Reports the number of jobs per status to the metrics.
pub async fn count_jobs(app: &App) -> Result<()> {
    for (status, state) in [
        (Status::Waiting, "waiting"),
        (Status::Running, "running"),
        (Status::Dead, "dead"),
    ] {
        app.metrics
            .jobs_in(state, job::count(app.db.read(), status).await?);
    }
    Ok(())
}

/// Runs jobs until stopped, and finishes the running ones. Each queue has its own worker slots:
/// jobs that wait for a silent provider delay only jobs that call it too.
pub async fn run(app: Arc<App>, stop: CancellationToken) {
    let rounds = schedule::run(Arc::clone(&app), stop.clone());
    let queues = join_all(Queue::all().map(|queue| queue::work(&app, queue, &stop)));
    tokio::join!(rounds, queues);
}

/// Runs the due jobs of all queues once; returns how many it ran.
///
/// # Errors
/// When the jobs cannot be claimed.
pub async fn run_due(app: &Arc<App>) -> Result<usize> {
    let mut count = 0;
    for queue in Queue::all() {
        count += queue::run_due(app, queue).await?;
    }
    Ok(count)
}
