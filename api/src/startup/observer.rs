//! Calls to providers, told to the figures.

use std::fmt;
use std::sync::Arc;

use providers::Provider;
use providers::http::{BreakerState, Exchange, Observer};

use crate::metrics::Metrics;

/// Tells the figures of each attempt and of each change of a breaker.
pub(super) struct Told(pub(super) Arc<Metrics>);

impl fmt::Debug for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Told")
    }
}

impl Observer for Told {
    fn exchanged(&self, exchange: &Exchange<'_>) {
        self.0.provider_call(
            exchange.provider.as_str(),
            exchange.route,
            exchange.outcome,
            exchange.duration,
        );
    }

    fn breaker(&self, provider: Provider, state: BreakerState) {
        let level = match state {
            BreakerState::Closed => 0,
            BreakerState::HalfOpen => 1,
            BreakerState::Open => 2,
        };
        self.0.breaker(provider.as_str(), level);
    }
}
