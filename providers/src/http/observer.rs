//! Hooks for metrics.

use std::fmt;
use std::time::Duration;

use crate::provider::Provider;

/// Receives every exchange and every change of a circuit breaker. The methods are called
/// synchronously in the course of a call, so they must not block.
pub trait Observer: Send + Sync + fmt::Debug {
    /// One attempt ended, or was refused before it began.
    fn exchanged(&self, exchange: &Exchange<'_>) {
        let _ = exchange;
    }

    /// The breaker of `provider` changed to `state`.
    fn breaker(&self, provider: Provider, state: BreakerState) {
        let _ = (provider, state);
    }
}

/// Ignores everything.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoopObserver;

impl Observer for NoopObserver {}

/// One attempt. Nothing in it is personal or secret: every field can be a metrics label.
#[derive(Debug, Clone, Copy)]
pub struct Exchange<'a> {
    /// The provider that was called.
    pub provider: Provider,
    /// The template of the route, without ids.
    pub route: &'a str,
    /// The response's status, if there was a response.
    pub status: Option<u16>,
    /// One of few: `ok`, `client_error`, `rate_limited`, `server_error`, `timeout`, `unreachable`,
    /// `reset`, `too_long`, `breaker_open`, `busy`, `quota`, `canceled`.
    pub outcome: &'static str,
    /// 1 for the first.
    pub attempt: u32,
    /// From the first byte sent to the last byte received; zero for an attempt that was not sent.
    pub duration: Duration,
}

/// Whether a circuit breaker lets calls through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BreakerState {
    /// All calls pass.
    Closed,
    /// No call passes.
    Open,
    /// One call passes as a probe.
    HalfOpen,
}

impl BreakerState {
    /// A stable label for metrics and logs.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Open => "open",
            Self::HalfOpen => "half_open",
        }
    }
}
