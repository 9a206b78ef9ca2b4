//! Doing a job and putting it away.

use std::sync::Arc;
use std::time::Instant;

use entity::Uuid;
use entity::job::{Model, Status};

use crate::app::App;
use crate::domain::scheduling::{settings, webhooks};
use crate::domain::{Error, Result, booking, connection, reconcile, webhook};
use crate::outbox::job::{self, Job, Lane};

/// Sorts jobs into those that are done together: deliveries share a transaction, everything else is
/// done by itself.
pub(super) fn together(jobs: Vec<Model>) -> Vec<Vec<Model>> {
    let (deliveries, others): (Vec<_>, Vec<_>) =
        jobs.into_iter().partition(|job| delivery(job).is_some());
    let mut groups: Vec<_> = others.into_iter().map(|job| vec![job]).collect();
    groups.extend((!deliveries.is_empty()).then_some(deliveries));
    groups
}

/// The delivery that a job is about; `None` for other jobs, and for one that has been tried too
/// often.
fn delivery(job: &Model) -> Option<Uuid> {
    match Job::from_row(job) {
        Some(Job::ProcessDelivery { delivery_id }) if job.attempts <= job::MAX_ATTEMPTS => {
            Some(delivery_id)
        }
        _ => None,
    }
}

/// Does jobs that belong together and puts them away.
pub(super) async fn perform(app: Arc<App>, jobs: Arc<[Model]>, lane: Lane) {
    let _turn = if lane == Lane::Ours {
        app.db.background_turn().await
    } else {
        None
    };
    if jobs.len() > 1 {
        let started = Instant::now();
        match webhook::process(&app, jobs.iter().filter_map(delivery).collect()).await {
            Ok(()) => return finish(&app, &jobs, started).await,
            Err(error) => {
                tracing::debug!(%error, "one of several deliveries failed; each is taken by itself")
            }
        }
    }
    for job in &*jobs {
        let started = Instant::now();
        match dispatch(&app, job).await {
            Ok(()) => finish(&app, std::slice::from_ref(job), started).await,
            Err(error) => fail(&app, job, &error, started).await,
        }
    }
}

/// Jobs that were done together have taken an equal share of the time each.
async fn finish(app: &App, jobs: &[Model], started: Instant) {
    let share = started.elapsed().div_f64(jobs.len().max(1) as f64);
    match job::finish(app.db.write_one(), jobs).await {
        Ok(()) => jobs
            .iter()
            .for_each(|job| app.metrics.job_ran(label(job), "done", share)),
        // Their leases run out and somebody takes them up again.
        Err(error) => tracing::warn!(%error, jobs = jobs.len(), "could not put away what is done"),
    }
}

async fn fail(app: &App, job: &Model, error: &Error, started: Instant) {
    tracing::warn!(job.kind = job.kind, job.id = %job.id, job.attempts = job.attempts,
        correlation_id = job.correlation_id, %error, "a job failed");
    let why = error.to_string();
    let kept = async {
        let status = job::fail(app.db.write_one(), job, app.clock.now(), &why).await?;
        if status == Status::Dead && job.kind == "process_delivery" {
            webhook::give_up(app, job.subject_id, &why).await?;
        }
        Ok::<_, Error>(status)
    };
    match kept.await {
        Ok(status) => {
            let outcome = if status == Status::Dead {
                "dead"
            } else {
                "failed"
            };
            app.metrics.job_ran(label(job), outcome, started.elapsed());
        }
        Err(error) => {
            tracing::warn!(job.kind = job.kind, job.id = %job.id, %error, "could not put a job away")
        }
    }
}

/// Its name in metrics.
fn label(job: &Model) -> &'static str {
    Job::from_row(job).map_or("unknown", Job::kind)
}

async fn dispatch(app: &App, row: &Model) -> Result<()> {
    if row.attempts > job::MAX_ATTEMPTS {
        return Err(Error::internal("a job", "it never came to an end"));
    }
    let job = Job::from_row(row)
        .ok_or_else(|| Error::internal("a job", "its kind is not known to this version"))?;
    match job {
        Job::ProcessDelivery { delivery_id } => webhook::process(app, vec![delivery_id]).await,
        Job::SettleConflicts { coach_id } => booking::settle_conflicts(app, coach_id).await,
        Job::ClaimBookings { user_id } => booking::claim(app, user_id).await,
        Job::RunSchedulerRequest { request_id } => booking::run_request(app, request_id).await,
        Job::PushBooking { booking_id } => booking::push(app, booking_id).await,
        Job::ReconcileRecent { connection_id } => {
            reconcile::recent(app, connection_id).await.map(drop)
        }
        Job::ReconcileAll { connection_id } => {
            reconcile::full(app, connection_id, None).await.map(drop)
        }
        Job::CheckConnection { connection_id } => connection::check(app, connection_id).await,
        Job::PushEventType { event_type_id } => settings::push_event_type(app, event_type_id).await,
        Job::PushSchedule { schedule_id } => settings::push_schedule(app, schedule_id).await,
        Job::PushAbsences { coach_id } => settings::push_absences(app, coach_id).await,
        Job::PullSettings { connection_id } => settings::pull(app, connection_id).await,
        Job::EnsureWebhook { connection_id } => webhooks::ensure_webhook(app, connection_id).await,
    }
}
