//! Reports attempts to the observer.

use std::time::Duration;

use tokio::time::Instant;

use super::limiter::QuotaExceeded;
use super::observer::{Exchange, Observer};
use super::transport::{Failure, Reply};
use crate::provider::Provider;

/// Why an attempt was not sent.
#[derive(Debug, Clone, Copy)]
pub(super) enum NotSent {
    /// The circuit breaker is open.
    CircuitOpen,
    /// Too many calls are in flight.
    BulkheadFull,
    /// The credential's quota is exhausted.
    QuotaExceeded(QuotaExceeded),
}

/// Reports one attempt exactly once; dropped without a result, it reports a cancellation.
pub(super) struct Report<'a> {
    provider: Provider,
    observer: &'a dyn Observer,
    route: &'static str,
    attempt: u32,
    start: Instant,
    reported: bool,
}

impl<'a> Report<'a> {
    pub(super) fn new(
        provider: Provider,
        observer: &'a dyn Observer,
        route: &'static str,
        attempt: u32,
    ) -> Self {
        Self {
            provider,
            observer,
            route,
            attempt,
            start: Instant::now(),
            reported: false,
        }
    }

    /// Restarts the clock: the time spent in our queues is not the provider's.
    pub(super) fn restart(mut self) -> Self {
        self.start = Instant::now();
        self
    }

    pub(super) fn finished(mut self, result: &Result<Reply, Failure>) {
        let (status, outcome) = match result {
            Ok(reply) => (Some(reply.status.as_u16()), outcome(reply.status.as_u16())),
            Err(failure) => (None, failure.kind.as_str()),
        };
        self.notify(status, outcome, self.start.elapsed());
    }

    pub(super) fn not_sent(mut self, reason: NotSent) {
        let outcome = match reason {
            NotSent::CircuitOpen => "breaker_open",
            NotSent::BulkheadFull => "busy",
            NotSent::QuotaExceeded(_) => "quota",
        };
        self.notify(None, outcome, Duration::ZERO);
    }

    fn notify(&mut self, status: Option<u16>, outcome: &'static str, duration: Duration) {
        self.reported = true;
        let (provider, route, attempt) = (self.provider, self.route, self.attempt);
        self.observer.exchanged(&Exchange {
            provider,
            route,
            status,
            outcome,
            attempt,
            duration,
        });
    }
}

impl Drop for Report<'_> {
    fn drop(&mut self) {
        if !self.reported {
            self.notify(None, "canceled", self.start.elapsed());
        }
    }
}

const fn outcome(status: u16) -> &'static str {
    match status {
        429 => "rate_limited",
        ..=399 => "ok",
        400..=499 => "client_error",
        500.. => "server_error",
    }
}
