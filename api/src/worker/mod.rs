//! The third way in: work whose time has come.

mod schedule;

use std::sync::Arc;
use std::time::{Duration, Instant};

use entity::job::{Model, Status};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::app::App;
use crate::domain::{Error, Result, booking, connection, reconcile, sync, webhook};
use crate::outbox::job::{self, Job, Lane};

pub use schedule::{beat, is_alive};

/// Jobs that one process runs side by side, in each lane.
const AT_ONCE: u64 = 8;
/// How long [`Lane::Theirs`] rests when it has found nothing. Every delivery wakes both lanes, and to see that nothing is for this one means
/// going past all that waits in the other.
const REST: Duration = Duration::from_millis(50);
/// How long due work may go unnoticed when nobody tells us.
const POLL: Duration = Duration::from_millis(500);

/// Tells the figures how many jobs there are in each state.
///
/// # Errors
/// When the database fails.
pub async fn count_jobs(app: &App) -> Result<()> {
    for (status, state) in [(Status::Waiting, "waiting"), (Status::Running, "running"), (Status::Dead, "dead")] {
        app.metrics.jobs_in(state, job::count(app.db.read(), status).await?);
    }
    Ok(())
}

/// Works until told to stop; what it has begun by then, it finishes.
pub async fn run(app: Arc<App>, stop: CancellationToken) {
    let timed = schedule::run(Arc::clone(&app), stop.clone());
    // What waits for a provider that does not answer holds up nothing that does not.
    let (ours, theirs) = (work(&app, Lane::Ours, &stop), work(&app, Lane::Theirs, &stop));
    tokio::join!(timed, ours, theirs);
}

async fn work(app: &Arc<App>, lane: Lane, stop: &CancellationToken) {
    while !stop.is_cancelled() {
        let told = app.db.wake().jobs.notified();
        match run_due_in(app, lane).await {
            Ok(0) if lane == Lane::Theirs => tokio::time::sleep(REST).await,
            Ok(0) => {}
            Ok(_) => continue,
            Err(error) => tracing::warn!(%error, "could not look for work; trying again"),
        }
        tokio::select! {
            () = told => {}
            () = tokio::time::sleep(POLL) => {}
            () = stop.cancelled() => {}
        }
    }
}

/// Runs what is due now, once; gives how many jobs it ran.
///
/// # Errors
/// When the table of jobs cannot be read.
pub async fn run_due(app: &Arc<App>) -> Result<usize> {
    Ok(run_due_in(app, Lane::Ours).await? + run_due_in(app, Lane::Theirs).await?)
}

async fn run_due_in(app: &Arc<App>, lane: Lane) -> Result<usize> {
    let due = job::claim(app.db.write_one(), app.clock.now(), lane, AT_ONCE).await?;
    let count = due.len();
    let mut running = JoinSet::new();
    for row in due {
        running.spawn(run_one(Arc::clone(app), row, lane));
    }
    while let Some(ran) = running.join_next().await {
        if let Err(error) = ran {
            // Its lease runs out, and it is tried again until its attempts are used up.
            tracing::error!(%error, "a job ended without an outcome");
        }
    }
    Ok(count)
}

async fn run_one(app: Arc<App>, row: Model, lane: Lane) {
    let _turn = if lane == Lane::Ours { app.db.background_turn().await } else { None };
    let started = Instant::now();
    let outcome = match Job::from_row(&row) {
        _ if row.attempts > job::MAX_ATTEMPTS => Err(Error::internal("a job", "it never came to an end")),
        Some(job) => dispatch(&app, job).await,
        None => Err(Error::internal("a job", "its kind is not known to this version")),
    };
    let kept = match &outcome {
        Ok(()) => job::finish(app.db.write_one(), &row).await.map(|()| "done"),
        Err(error) => {
            let status = job::fail(app.db.write_one(), &row, app.clock.now(), &error.to_string()).await;
            tracing::warn!(job.kind = row.kind, job.id = %row.id, job.attempts = row.attempts,
                correlation_id = row.correlation_id, %error, "a job failed");
            if matches!(status, Ok(Status::Dead)) && row.kind == "project_delivery" {
                webhook::give_up(&app, row.subject_id, &error.to_string()).await
            } else {
                Ok(())
            }
            .map(|()| if matches!(status, Ok(Status::Dead)) { "dead" } else { "failed" })
        }
    };
    match kept {
        Ok(outcome) => app.metrics.job_ran(job_label(&row.kind), outcome, started.elapsed()),
        // Its lease runs out and somebody takes it up again.
        Err(error) => tracing::warn!(job.kind = row.kind, job.id = %row.id, %error, "could not put a job away"),
    }
}

/// Kinds of jobs are few, and the same words live as long as the program.
fn job_label(kind: &str) -> &'static str {
    match kind {
        "project_delivery" => "project_delivery",
        "settle_conflicts" => "settle_conflicts",
        "claim_bookings" => "claim_bookings",
        "see_to_request" => "see_to_request",
        "align_booking" => "align_booking",
        "reconcile_recent" => "reconcile_recent",
        "reconcile_all" => "reconcile_all",
        "check_connection" => "check_connection",
        "push_event_type" => "push_event_type",
        "push_schedule" => "push_schedule",
        "push_absences" => "push_absences",
        "pull_settings" => "pull_settings",
        "ensure_webhook" => "ensure_webhook",
        _ => "unknown",
    }
}

async fn dispatch(app: &App, job: Job) -> Result<()> {
    match job {
        Job::ProjectDelivery { delivery_id } => webhook::project(app, delivery_id).await,
        Job::SettleConflicts { coach_id } => booking::settle_conflicts(app, coach_id).await,
        Job::ClaimBookings { user_id } => booking::claim(app, user_id).await,
        Job::SeeToRequest { request_id } => booking::see_to(app, request_id).await,
        Job::AlignBooking { booking_id } => booking::align(app, booking_id).await,
        Job::ReconcileRecent { connection_id } => reconcile::recent(app, connection_id).await.map(drop),
        Job::ReconcileAll { connection_id } => reconcile::full(app, connection_id, None).await.map(drop),
        Job::CheckConnection { connection_id } => connection::check(app, connection_id).await,
        Job::PushEventType { event_type_id } => sync::push_event_type(app, event_type_id).await,
        Job::PushSchedule { schedule_id } => sync::push_schedule(app, schedule_id).await,
        Job::PushAbsences { coach_id } => sync::push_absences(app, coach_id).await,
        Job::PullSettings { connection_id } => sync::pull(app, connection_id, None).await,
        Job::EnsureWebhook { connection_id } => webhook::see_to_registration(app, connection_id).await,
    }
}
