//! Liveness (`/healthz`) and readiness (`/readyz`).

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use futures_util::future::join_all;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderValue, StatusCode};
use serde_json::json;
use tokio::sync::Mutex;
use tokio::time::timeout;

type CheckFuture = Pin<Box<dyn Future<Output = Result<(), String>> + Send>>;

/// A dependency that the server cannot work without.
struct Check {
    name: &'static str,
    run: Box<dyn Fn() -> CheckFuture + Send + Sync>,
}

/// Result of a round of checks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    Ready,
    Failing(Vec<&'static str>),
    Draining,
}

/// Collects the checks at start-up.
pub struct ReadinessBuilder {
    checks: Vec<Check>,
    timeout: Duration,
    fresh: Duration,
}

/// Shared by the route and the shutdown.
#[derive(Clone)]
pub struct Readiness(Arc<Inner>);

struct Inner {
    checks: Vec<Check>,
    timeout: Duration,
    fresh: Duration,
    draining: AtomicBool,
    /// Locked during a round, so that concurrent callers share one round of checks.
    last: Mutex<Option<(Instant, Vec<&'static str>)>>,
}

impl Readiness {
    /// Defaults: 2 s per check, results cached for 1 s.
    pub fn builder() -> ReadinessBuilder {
        ReadinessBuilder {
            checks: Vec::new(),
            timeout: Duration::from_secs(2),
            fresh: Duration::from_secs(1),
        }
    }

    /// Reports unready from now on.
    pub fn drain(&self) {
        self.0.draining.store(true, Ordering::Relaxed);
    }

    pub fn is_draining(&self) -> bool {
        self.0.draining.load(Ordering::Relaxed)
    }

    pub async fn state(&self) -> Verdict {
        if self.is_draining() {
            return Verdict::Draining;
        }
        let mut last = self.0.last.lock().await;
        let failing = match &*last {
            Some((at, failing)) if at.elapsed() < self.0.fresh => failing.clone(),
            _ => {
                let failing = self.failing().await;
                *last = Some((Instant::now(), failing.clone()));
                failing
            }
        };
        if failing.is_empty() {
            Verdict::Ready
        } else {
            Verdict::Failing(failing)
        }
    }

    async fn failing(&self) -> Vec<&'static str> {
        let rounds = self.0.checks.iter().map(|check| async {
            let reason = match timeout(self.0.timeout, (check.run)()).await {
                Ok(Ok(())) => return None,
                Ok(Err(reason)) => reason,
                Err(_) => format!("no answer within {:?}", self.0.timeout),
            };
            tracing::warn!(check = check.name, reason, "A readiness check fails");
            Some(check.name)
        });
        join_all(rounds).await.into_iter().flatten().collect()
    }
}

impl ReadinessBuilder {
    /// Adds a check. Its error text is logged, never sent.
    #[must_use]
    pub fn check<F, Fut>(mut self, name: &'static str, run: F) -> Self
    where
        F: Fn() -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<(), String>> + Send + 'static,
    {
        self.checks.push(Check {
            name,
            run: Box::new(move || Box::pin(run())),
        });
        self
    }

    /// Sets the timeout of a check and how long the results of a round are cached.
    #[must_use]
    pub fn timing(mut self, timeout: Duration, fresh: Duration) -> Self {
        (self.timeout, self.fresh) = (timeout, fresh);
        self
    }

    pub fn build(self) -> Readiness {
        let Self {
            checks,
            timeout,
            fresh,
        } = self;
        Readiness(Arc::new(Inner {
            checks,
            timeout,
            fresh,
            draining: AtomicBool::new(false),
            last: Mutex::default(),
        }))
    }
}

pub fn routes(readiness: Readiness) -> Router {
    Router::new()
        .route("/healthz", get(healthz))
        .route("/readyz", get(readyz))
        .with_state(readiness)
}

/// Checks nothing: a slow database is no reason to restart the process.
async fn healthz() -> Response {
    answer(
        StatusCode::OK,
        &json!({ "status": "up", "version": env!("CARGO_PKG_VERSION") }),
    )
}

async fn readyz(State(readiness): State<Readiness>) -> Response {
    match readiness.state().await {
        Verdict::Ready => answer(StatusCode::OK, &json!({ "status": "ready" })),
        Verdict::Failing(names) => answer(
            StatusCode::SERVICE_UNAVAILABLE,
            &json!({ "status": "unready", "failing": names }),
        ),
        Verdict::Draining => answer(
            StatusCode::SERVICE_UNAVAILABLE,
            &json!({ "status": "draining" }),
        ),
    }
}

fn answer(status: StatusCode, body: &serde_json::Value) -> Response {
    let json = HeaderValue::from_static("application/json");
    (
        status,
        [
            (CONTENT_TYPE, json),
            (CACHE_CONTROL, HeaderValue::from_static("no-store")),
        ],
        body.to_string(),
    )
        .into_response()
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use super::*;

    #[tokio::test]
    async fn failing_and_hanging_checks_are_reported() {
        let readiness = Readiness::builder()
            .timing(Duration::from_millis(20), Duration::ZERO)
            .check("fine", || async { Ok(()) })
            .check("broken", || async { Err("secret detail".to_owned()) })
            .check("hanging", std::future::pending)
            .build();
        assert_eq!(
            readiness.state().await,
            Verdict::Failing(vec!["broken", "hanging"])
        );
        readiness.drain();
        assert_eq!(readiness.state().await, Verdict::Draining);
    }

    #[tokio::test]
    async fn concurrent_callers_share_one_round_of_checks() {
        let rounds = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&rounds);
        let readiness = Readiness::builder()
            .timing(Duration::from_secs(1), Duration::from_secs(3600))
            .check("counted", move || {
                counted.fetch_add(1, Ordering::Relaxed);
                async { Ok(()) }
            })
            .build();
        let states = join_all((0..50).map(|_| readiness.state())).await;
        assert!(states.iter().all(|state| *state == Verdict::Ready));
        assert_eq!(rounds.load(Ordering::Relaxed), 1);
    }
}
