//! The third way in: work whose time has come.

mod lane;
mod perform;
mod schedule;

use std::sync::Arc;

use entity::job::Status;
use tokio_util::sync::CancellationToken;

use crate::app::App;
use crate::domain::Result;
use crate::outbox::job::{self, Lane};

pub use schedule::{beat, is_alive};

/// Tells the figures how many jobs there are in each state.
///
/// # Errors
/// When the database fails.
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

/// Works until told to stop; what it has begun by then, it finishes.
pub async fn run(app: Arc<App>, stop: CancellationToken) {
    let timed = schedule::run(Arc::clone(&app), stop.clone());
    // What waits for a provider that does not answer holds up nothing that does not.
    let (ours, theirs) = (
        lane::work(&app, Lane::Ours, &stop),
        lane::work(&app, Lane::Theirs, &stop),
    );
    tokio::join!(timed, ours, theirs);
}

/// Runs what is due now, once; gives how many jobs it ran.
///
/// # Errors
/// When the table of jobs cannot be read.
pub async fn run_due(app: &Arc<App>) -> Result<usize> {
    Ok(lane::run_due(app, Lane::Ours).await? + lane::run_due(app, Lane::Theirs).await?)
}
