//! One call: its attempts, and what each has to pass.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep};
use tracing::{Instrument, Span, field};

use super::breaker::{Breaker, Pass, Shut, Verdict};
use super::bucket::Spent;
use super::buckets::Buckets;
use super::call::{Answer, Call};
use super::gate::{Busy, Gate};
use super::job::Job;
use super::observer::Observer;
use super::policy::Policy;
use super::report::{Refusal, Report};
use super::retry::{self, Again, Allowance};
use super::wire::{Failure, How, Reply, Wire};
use crate::error::{Error, Kind, Provider};

/// All that calls to one provider share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) provider: Provider,
    pub(super) wire: Wire,
    policy: Policy,
    observer: Arc<dyn Observer>,
    allowance: Allowance,
    breaker: Breaker,
    buckets: Buckets,
    gate: Gate,
}

impl Shared {
    pub(super) fn new(
        provider: Provider,
        policy: Policy,
        observer: Arc<dyn Observer>,
        wire: Wire,
    ) -> Self {
        Self {
            provider,
            wire,
            allowance: Allowance::new(&policy.retries),
            breaker: Breaker::new(provider, policy.breaker, Arc::clone(&observer)),
            buckets: Buckets::new(policy.pace),
            gate: Gate::new(policy.bulkhead),
            policy,
            observer,
        }
    }

    pub(super) async fn send(&self, call: Call<'_>) -> Result<Answer, Error> {
        let began = Instant::now();
        let job = Job::new(call, began, self.policy.budget);
        let span = tracing::info_span!(
            "provider_call",
            provider = self.provider.as_str(),
            route = job.route,
            status = field::Empty,
            attempt = field::Empty,
            duration_ms = field::Empty,
        );
        let result = self.attempts(&job, &span).instrument(span.clone()).await;
        span.record("duration_ms", began.elapsed().as_millis());
        if let Ok(answer) = &result {
            span.record("status", answer.status.as_u16());
        }
        result
    }

    async fn attempts(&self, job: &Job<'_>, span: &Span) -> Result<Answer, Error> {
        self.allowance.earn();
        let mut doubtful = false;
        let mut last = None;
        let mut attempt = 1;
        loop {
            span.record("attempt", attempt);
            let tried = match self.attempt(job, attempt).await {
                Ok(tried) => tried,
                // What happened before says more than that there was no other chance.
                Err(refusal) => return last.unwrap_or_else(|| Err(self.refused(job, refusal))),
            };
            let again = retry::again(job.safety, &tried, attempt);
            let now_doubtful = retry::in_doubt(job.safety, &tried);
            let result = self.result(job, tried, doubtful);
            let Some(pause) = again.and_then(|again| self.pause(again, attempt, job.deadline))
            else {
                return result;
            };
            last = Some(result);
            doubtful |= now_doubtful;
            tracing::debug!(
                attempt,
                pause_ms = pause.as_millis(),
                "the call is repeated"
            );
            sleep(pause).await;
            attempt += 1;
        }
    }

    /// How long to wait before the next attempt; `None` if there is none.
    fn pause(&self, again: Again, attempt: u32, deadline: Instant) -> Option<Duration> {
        if attempt >= self.policy.retries.attempts {
            return None;
        }
        let pause = match again {
            Again::WhenAllowed => return Some(Duration::ZERO),
            Again::Later { told } => retry::pause(&self.policy.retries, attempt, rand::random())
                .max(told.unwrap_or_default()),
        };
        let in_time = pause < deadline.saturating_duration_since(Instant::now());
        (in_time && self.allowance.spend()).then_some(pause)
    }

    /// One attempt, or why it did not begin. It queues for the quota before it queues for a place,
    /// so that one credential that waits for its quota takes no place from the others.
    async fn attempt(
        &self,
        job: &Job<'_>,
        attempt: u32,
    ) -> Result<Result<Reply, Failure>, Refusal> {
        let report = Report::new(self.provider, &*self.observer, job.route, attempt);
        let passed = async {
            self.breaker.check().map_err(|Shut| Refusal::Shut)?;
            let leave = self
                .buckets
                .take(job.bucket, job.route, job.deadline)
                .await
                .map_err(Refusal::Spent)?;
            let slot = self
                .gate
                .enter(job.deadline)
                .await
                .map_err(|Busy| Refusal::Busy)?;
            let time = job.deadline.saturating_duration_since(Instant::now());
            if time.is_zero() {
                return Err(Refusal::Busy);
            }
            let pass = self.breaker.enter().map_err(|Shut| Refusal::Shut)?;
            Ok((leave, slot, time, pass))
        };
        let (_leave, _slot, time, pass) = match passed.await {
            Ok(passed) => passed,
            Err(refusal) => {
                report.refused(refusal);
                return Err(refusal);
            }
        };
        let report = report.begin();
        let tried = self.wire.exchange(job.request(), time).await;
        judge(pass, &tried);
        if let Ok(reply) = &tried {
            self.buckets
                .heard(job.bucket, job.route, reply.status, &reply.headers);
        }
        report.tried(&tried);
        Ok(tried)
    }

    fn result(
        &self,
        job: &Job<'_>,
        tried: Result<Reply, Failure>,
        doubtful: bool,
    ) -> Result<Answer, Error> {
        let Failure { how, left, what } = match tried {
            Ok(Reply {
                status,
                headers,
                body,
            }) => {
                return Ok(Answer {
                    status,
                    headers,
                    body,
                    doubtful,
                });
            }
            Err(failure) => failure,
        };
        let kind = if how == How::TooLong {
            Kind::Malformed
        } else {
            Kind::Unavailable
        };
        let error = self.error(job, kind, &what);
        let nothing_happened = !left && !doubtful;
        Err(if nothing_happened {
            error.never_happened()
        } else {
            error
        })
    }

    fn refused(&self, job: &Job<'_>, refusal: Refusal) -> Error {
        let (kind, what) = match refusal {
            Refusal::Shut => (Kind::Unavailable, "not asked, since they do not answer"),
            Refusal::Busy => (
                Kind::Unavailable,
                "not asked, since too many calls are under way",
            ),
            Refusal::Spent(Spent { retry_after }) => (
                Kind::RateLimited {
                    retry_after: Some(retry_after),
                },
                "not asked, since the quota is used up",
            ),
        };
        self.error(job, kind, what).never_happened()
    }

    /// The route and the host: paths carry ids, and a booking's id is as good as a key to it.
    fn error(&self, job: &Job<'_>, kind: Kind, what: &str) -> Error {
        let host = job.url.host_str().unwrap_or_default();
        Error::new(
            self.provider,
            kind,
            format!("{} at {host}: {what}", job.route),
        )
    }
}

/// What an exchange says about the provider's health.
fn judge(pass: Pass<'_>, tried: &Result<Reply, Failure>) {
    match tried {
        Ok(reply) => pass.report(match reply.status.as_u16() {
            502..=504 => Verdict::Failing,
            500.. => Verdict::Faltering,
            _ => Verdict::Well,
        }),
        Err(Failure {
            how: How::TimedOut, ..
        }) => pass.report_silence(),
        Err(Failure {
            how: How::TooLong, ..
        }) => pass.report(Verdict::Well),
        Err(Failure {
            how: How::Unreachable | How::Broken,
            ..
        }) => pass.report(Verdict::Failing),
    }
}
