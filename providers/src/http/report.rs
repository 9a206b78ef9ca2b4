//! What the observer hears of an attempt.

use std::time::Duration;

use tokio::time::Instant;

use super::bucket::Spent;
use super::observer::{Exchange, Observer};
use super::wire::{Failure, Reply};
use crate::error::Provider;

/// Why an attempt did not begin.
#[derive(Debug, Clone, Copy)]
pub(super) enum Refusal {
    /// The breaker is open.
    Shut,
    /// Too many calls are under way.
    Busy,
    /// The credential's quota is used up.
    Spent(Spent),
}

/// Tells the observer of an attempt, also of one whose caller left.
pub(super) struct Report<'a> {
    provider: Provider,
    observer: &'a dyn Observer,
    route: &'static str,
    attempt: u32,
    began: Instant,
    done: bool,
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
            began: Instant::now(),
            done: false,
        }
    }

    /// Queueing is not part of what the provider took.
    pub(super) fn begin(mut self) -> Self {
        self.began = Instant::now();
        self
    }

    pub(super) fn tried(mut self, tried: &Result<Reply, Failure>) {
        let (status, outcome) = match tried {
            Ok(reply) => (Some(reply.status.as_u16()), outcome(reply.status.as_u16())),
            Err(failure) => (None, failure.how.as_str()),
        };
        self.tell(status, outcome, self.began.elapsed());
    }

    pub(super) fn refused(mut self, refusal: Refusal) {
        let outcome = match refusal {
            Refusal::Shut => "breaker_open",
            Refusal::Busy => "busy",
            Refusal::Spent(_) => "quota",
        };
        self.tell(None, outcome, Duration::ZERO);
    }

    fn tell(&mut self, status: Option<u16>, outcome: &'static str, took: Duration) {
        self.done = true;
        let (provider, route, attempt) = (self.provider, self.route, self.attempt);
        self.observer.exchanged(&Exchange {
            provider,
            route,
            status,
            outcome,
            attempt,
            took,
        });
    }
}

impl Drop for Report<'_> {
    fn drop(&mut self) {
        if !self.done {
            self.tell(None, "canceled", self.began.elapsed());
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
