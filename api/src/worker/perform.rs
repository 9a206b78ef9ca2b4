//! Runs claimed jobs and stores their outcomes.

use std::sync::Arc;
use std::time::Instant;

use entity::Uuid;
use entity::job::{Model, Status};

use super::jobs;
use crate::app::App;
use crate::domain::{Error, Result, webhook};
use crate::outbox::job::{self, Kind, Queue};

/// Groups jobs that run together: deliveries share a transaction, every other job runs by itself.
pub(super) fn group(jobs: Vec<Model>) -> Vec<Vec<Model>> {
    let (deliveries, others): (Vec<_>, Vec<_>) =
        jobs.into_iter().partition(|job| delivery(job).is_some());
    let mut groups: Vec<_> = others.into_iter().map(|job| vec![job]).collect();
    groups.extend((!deliveries.is_empty()).then_some(deliveries));
    groups
}

/// The delivery of a job; `None` for other jobs, and after the last attempt.
fn delivery(job: &Model) -> Option<Uuid> {
    let is_delivery = Kind::parse(&job.kind) == Some(Kind::ProcessDelivery);
    (is_delivery && job.attempts <= job::MAX_ATTEMPTS).then_some(job.subject_id)
}

/// Runs a group of jobs and stores the outcome of each.
pub(super) async fn perform(app: Arc<App>, jobs: Arc<[Model]>, queue: Queue) {
    let _turn = match queue {
        Queue::Database => app.db.background_turn().await,
        Queue::Provider(_) => None,
    };
    if jobs.len() > 1 {
        let started = Instant::now();
        match webhook::process(&app, jobs.iter().filter_map(delivery).collect()).await {
            Ok(()) => return complete(&app, &jobs, started).await,
            Err(error) => {
                tracing::debug!(%error, "one delivery of a group failed; processing each by itself")
            }
        }
    }
    for job in &*jobs {
        let started = Instant::now();
        match run(&app, job).await {
            Ok(()) => complete(&app, std::slice::from_ref(job), started).await,
            Err(error) => retry(&app, job, &error, started).await,
        }
    }
}

async fn run(app: &App, job: &Model) -> Result<()> {
    if job.attempts > job::MAX_ATTEMPTS {
        return Err(Error::internal("a job", "it never came to an end"));
    }
    let kind = Kind::parse(&job.kind)
        .ok_or_else(|| Error::internal("a job", "its kind is not known to this version"))?;
    jobs::run(app, kind, job.subject_id).await
}

/// Jobs that ran together report equal shares of the duration.
async fn complete(app: &App, jobs: &[Model], started: Instant) {
    let share = started.elapsed().div_f64(jobs.len().max(1) as f64);
    match job::complete(app.db.write_one(), jobs).await {
        Ok(()) => jobs
            .iter()
            .for_each(|job| app.metrics.job_ran(label(job), "done", share)),
        // Their leases expire, and another worker claims them.
        Err(error) => {
            tracing::warn!(%error, jobs = jobs.len(), "could not delete finished jobs")
        }
    }
}

async fn retry(app: &App, job: &Model, error: &Error, started: Instant) {
    tracing::warn!(job.kind = job.kind, job.queue = job.queue, job.id = %job.id,
        job.attempts = job.attempts, correlation_id = job.correlation_id, %error, "job failed");
    let why = error.to_string();
    let stored = async {
        let status = job::retry(app.db.write_one(), job, app.clock.now(), &why).await?;
        if status == Status::Dead && Kind::parse(&job.kind) == Some(Kind::ProcessDelivery) {
            webhook::give_up(app, job.subject_id, &why).await?;
        }
        Ok::<_, Error>(status)
    };
    match stored.await {
        Ok(status) => {
            let outcome = if status == Status::Dead {
                "dead"
            } else {
                "failed"
            };
            app.metrics.job_ran(label(job), outcome, started.elapsed());
        }
        Err(error) => {
            tracing::warn!(job.kind = job.kind, job.id = %job.id, %error, "could not store the failure of a job")
        }
    }
}

/// Its name in metrics.
fn label(job: &Model) -> &'static str {
    Kind::parse(&job.kind).map_or("unknown", Kind::as_str)
}
