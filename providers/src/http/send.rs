//! One call: its attempts, and what each has to pass before it is sent.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep};
use tracing::{Instrument, Span, field};

use super::breaker::{Breaker, CircuitOpen, Outcome, Probe};
use super::bulkhead::{Bulkhead, BulkheadFull};
use super::call::{Call, Response};
use super::limiter::QuotaExceeded;
use super::limiters::Limiters;
use super::observer::Observer;
use super::policy::Policy;
use super::prepared::PreparedCall;
use super::report::{NotSent, Report};
use super::retry::{self, Retry, RetryBudget};
use super::transport::{Failure, FailureKind, Reply, Transport};
use crate::error::{Error, Kind};
use crate::provider::Provider;

/// The state that all calls to one provider share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) provider: Provider,
    pub(super) transport: Transport,
    policy: Policy,
    observer: Arc<dyn Observer>,
    retry_budget: RetryBudget,
    breaker: Breaker,
    limiters: Limiters,
    bulkhead: Bulkhead,
}

impl Shared {
    pub(super) fn new(
        provider: Provider,
        policy: Policy,
        observer: Arc<dyn Observer>,
        transport: Transport,
    ) -> Self {
        Self {
            provider,
            transport,
            retry_budget: RetryBudget::new(&policy.retries),
            breaker: Breaker::new(provider, policy.breaker, Arc::clone(&observer)),
            limiters: Limiters::new(policy.rate_limit),
            bulkhead: Bulkhead::new(policy.bulkhead),
            policy,
            observer,
        }
    }

    pub(super) async fn send(&self, call: Call<'_>) -> Result<Response, Error> {
        let start = Instant::now();
        let call = PreparedCall::new(call, start, self.policy.budget);
        let span = tracing::info_span!(
            "provider_call",
            provider = self.provider.as_str(),
            route = call.route,
            status = field::Empty,
            attempt = field::Empty,
            duration_ms = field::Empty,
        );
        let result = self.attempts(&call, &span).instrument(span.clone()).await;
        span.record("duration_ms", start.elapsed().as_millis());
        if let Ok(response) = &result {
            span.record("status", response.status.as_u16());
        }
        result
    }

    async fn attempts(&self, call: &PreparedCall<'_>, span: &Span) -> Result<Response, Error> {
        self.retry_budget.deposit();
        let mut earlier_unknown = false;
        let mut last = None;
        let mut attempt = 1;
        loop {
            span.record("attempt", attempt);
            let result = match self.attempt(call, attempt).await {
                Ok(result) => result,
                // The previous attempt's result says more than that the retry was not sent.
                Err(reason) => return last.unwrap_or_else(|| Err(self.not_sent(call, reason))),
            };
            let retry = retry::retry(call.safety, &result, attempt);
            let unknown = retry::outcome_unknown(call.safety, &result);
            let result = self.result(call, result, earlier_unknown);
            let Some(pause) = retry.and_then(|retry| self.pause(retry, attempt, call.deadline))
            else {
                return result;
            };
            last = Some(result);
            earlier_unknown |= unknown;
            tracing::debug!(attempt, pause_ms = pause.as_millis(), "retrying the call");
            sleep(pause).await;
            attempt += 1;
        }
    }

    /// How long to wait before the next attempt; `None` if there is none.
    fn pause(&self, retry: Retry, attempt: u32, deadline: Instant) -> Option<Duration> {
        if attempt >= self.policy.retries.attempts {
            return None;
        }
        let pause = match retry {
            Retry::WhenPermitted => return Some(Duration::ZERO),
            Retry::AfterBackoff { retry_after } => {
                retry::backoff(&self.policy.retries, attempt, rand::random())
                    .max(retry_after.unwrap_or_default())
            }
        };
        let in_time = pause < deadline.saturating_duration_since(Instant::now());
        (in_time && self.retry_budget.withdraw()).then_some(pause)
    }

    /// One attempt, or why it was not sent. It acquires the quota before the bulkhead, so that a
    /// credential that waits for its quota does not occupy the bulkhead.
    async fn attempt(
        &self,
        call: &PreparedCall<'_>,
        attempt: u32,
    ) -> Result<Result<Reply, Failure>, NotSent> {
        let report = Report::new(self.provider, &*self.observer, call.route, attempt);
        let admitted = async {
            self.breaker
                .check()
                .map_err(|CircuitOpen| NotSent::CircuitOpen)?;
            let permit = self
                .limiters
                .acquire(call.quota, call.route, call.deadline)
                .await
                .map_err(NotSent::QuotaExceeded)?;
            let slot = self
                .bulkhead
                .acquire(call.deadline)
                .await
                .map_err(|BulkheadFull| NotSent::BulkheadFull)?;
            let timeout = call.deadline.saturating_duration_since(Instant::now());
            if timeout.is_zero() {
                return Err(NotSent::BulkheadFull);
            }
            let probe = self
                .breaker
                .enter()
                .map_err(|CircuitOpen| NotSent::CircuitOpen)?;
            Ok((permit, slot, timeout, probe))
        };
        let (_permit, _slot, timeout, probe) = match admitted.await {
            Ok(admitted) => admitted,
            Err(reason) => {
                report.not_sent(reason);
                return Err(reason);
            }
        };
        let report = report.restart();
        let result = self.transport.exchange(call.request(), timeout).await;
        record_outcome(probe, &result);
        if let Ok(reply) = &result {
            self.limiters
                .observe(call.quota, call.route, reply.status, &reply.headers);
        }
        report.finished(&result);
        Ok(result)
    }

    fn result(
        &self,
        call: &PreparedCall<'_>,
        result: Result<Reply, Failure>,
        earlier_attempt_unknown: bool,
    ) -> Result<Response, Error> {
        let failure = match result {
            Ok(Reply {
                status,
                headers,
                body,
            }) => {
                return Ok(Response {
                    status,
                    headers,
                    body,
                    earlier_attempt_unknown,
                });
            }
            Err(failure) => failure,
        };
        let kind = match failure.kind {
            FailureKind::TooLong => Kind::Malformed,
            _ => Kind::Unavailable,
        };
        let error = self.error(call, kind, &failure.detail);
        Err(if failure.sent || earlier_attempt_unknown {
            error
        } else {
            error.not_applied()
        })
    }

    fn not_sent(&self, call: &PreparedCall<'_>, reason: NotSent) -> Error {
        let (kind, detail) = match reason {
            NotSent::CircuitOpen => (Kind::Unavailable, "not sent, the circuit breaker is open"),
            NotSent::BulkheadFull => (Kind::Unavailable, "not sent, too many calls are in flight"),
            NotSent::QuotaExceeded(QuotaExceeded { retry_after }) => (
                Kind::RateLimited {
                    retry_after: Some(retry_after),
                },
                "not sent, the quota is exhausted",
            ),
        };
        self.error(call, kind, detail).not_applied()
    }

    /// Names the route and the host only: paths contain ids, and whoever knows a booking's id may
    /// act on it.
    fn error(&self, call: &PreparedCall<'_>, kind: Kind, detail: &str) -> Error {
        let host = call.url.host_str().unwrap_or_default();
        let detail = format!("{} at {host}: {detail}", call.route);
        Error::new(self.provider, kind, detail)
    }
}

/// Reports to the circuit breaker what an exchange says about the provider's health.
fn record_outcome(probe: Probe<'_>, result: &Result<Reply, Failure>) {
    let outcome = match result {
        Ok(reply) => match reply.status.as_u16() {
            502..=504 => Outcome::Failure,
            500.. => Outcome::ServerError,
            _ => Outcome::Success,
        },
        Err(failure) => match failure.kind {
            FailureKind::TimedOut => return probe.timed_out(),
            FailureKind::TooLong => Outcome::Success,
            FailureKind::Unreachable | FailureKind::Broken => Outcome::Failure,
        },
    };
    probe.report(outcome);
}
