//! What the process that runs us may count.

use std::fmt;
use std::time::Duration;

use crate::error::Provider;

/// Hears of every exchange and of every change of a breaker. Both are called between two steps of a
/// call, so they must return at once.
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

/// Counts nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Unobserved;

impl Observer for Unobserved {}

/// One attempt. Nothing in here is personal or secret: all of it may become a label.
#[derive(Debug, Clone, Copy)]
pub struct Exchange<'a> {
    /// Who was asked.
    pub provider: Provider,
    /// The template of the route, without ids.
    pub route: &'a str,
    /// What they answered, if they did.
    pub status: Option<u16>,
    /// One of few: `ok`, `client_error`, `rate_limited`, `server_error`, `timeout`, `unreachable`,
    /// `reset`, `too_long`, `breaker_open`, `busy`, `quota`, `canceled`.
    pub outcome: &'static str,
    /// 1 for the first.
    pub attempt: u32,
    /// From the first byte out to the last byte in; zero for an attempt that was refused here.
    pub took: Duration,
}

/// Does a breaker let calls through?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BreakerState {
    /// All of them.
    Closed,
    /// None.
    Open,
    /// One, to see how it goes.
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
