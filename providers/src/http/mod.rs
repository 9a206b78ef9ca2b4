//! The only module that sends requests.
//!
//! Every call to a provider goes through one `send`, which isolates us from the provider's faults:
//! it enforces a deadline, obeys the credential's rate limit, retries only what is safe to retry,
//! limits concurrency (bulkhead) and stops calling a provider that fails (circuit breaker).
//! [`Policy`] sets the parameters, an [`Observer`] collects metrics. Nothing here knows a provider.

mod breaker;
mod bulkhead;
mod call;
mod headers;
mod json;
mod limiter;
mod limiters;
mod observer;
mod policy;
mod prepared;
mod queue;
mod report;
mod retry;
mod send;
mod token_bucket;
mod transport;

use std::sync::Arc;

pub(crate) use self::call::{Body, Call, Quota, Response, Safety};
pub use self::observer::{BreakerState, Exchange, NoopObserver, Observer};
pub use self::policy::{Breaker, Bulkhead, Limits, Policy, RateLimit, Retries};
use self::send::Shared;
use self::transport::Transport;
use crate::error::{Error, Kind};
use crate::provider::Provider;

/// A client for one provider. Clones share connections, quotas and the circuit breaker.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    shared: Arc<Shared>,
}

impl Client {
    /// # Errors
    /// `Unavailable` when the machine has no usable TLS set-up, for example no root certificates at
    /// all.
    pub(crate) fn new(
        provider: Provider,
        policy: Policy,
        observer: Arc<dyn Observer>,
    ) -> Result<Self, Error> {
        let transport = Transport::new(policy.limits).map_err(|cause| {
            let detail = format!("no HTTP client: {cause}");
            Error::new(provider, Kind::Unavailable, detail).not_applied()
        })?;
        Ok(Self {
            shared: Arc::new(Shared::new(provider, policy, observer, transport)),
        })
    }

    /// Sends one call, with retries where they are safe.
    ///
    /// Every completed exchange is `Ok`, whatever its status: the provider's own module reads its
    /// error envelopes.
    ///
    /// # Errors
    /// - `Unavailable` when no complete response came, or when nothing was sent: the breaker is
    ///   open, or the bulkhead is full.
    /// - `RateLimited` when the credential's quota is exhausted beyond the caller's deadline;
    ///   nothing was sent.
    /// - `Malformed` when the response exceeds the size limit.
    ///
    /// [`Error::outcome_unknown`] tells whether a write may have been applied all the same.
    pub(crate) async fn send(&self, call: Call<'_>) -> Result<Response, Error> {
        self.shared.send(call).await
    }
}

#[cfg(test)]
mod tests;
