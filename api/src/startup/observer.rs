//! Records provider calls as metrics.

use std::fmt;
use std::sync::Arc;

use providers::Provider;
use providers::http::{BreakerState, Exchange, Observer};

use crate::metrics::Metrics;

/// Records each attempt and each state change of a circuit breaker.
pub(super) struct MetricsObserver(pub(super) Arc<Metrics>);

impl fmt::Debug for MetricsObserver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MetricsObserver")
    }
}

impl Observer for MetricsObserver {
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
