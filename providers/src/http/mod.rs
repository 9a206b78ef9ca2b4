//! The one door out of the process.
//!
//! Everything a provider is asked goes through one `send`, which keeps their trouble theirs: it has
//! an end, stays within their quota, repeats only what may be repeated and stops asking who does
//! not answer. [`Policy`] sets the measures, an [`Observer`] counts what happens.

mod breaker;
mod bucket;
mod buckets;
mod call;
mod gate;
mod headers;
mod job;
mod json;
mod level;
mod observer;
mod policy;
mod queue;
mod report;
mod retry;
mod send;
mod wire;

use std::sync::Arc;

pub(crate) use self::call::{Answer, Body, Bucket, Call, Safety};
pub use self::observer::{BreakerState, Exchange, Observer, Unobserved};
pub use self::policy::{Breaker, Bulkhead, Limits, Pace, Policy, Retries};
use self::send::Shared;
use self::wire::Wire;
use crate::error::{Error, Kind, Provider};

/// A client for one provider. Clones share everything.
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
        let wire = Wire::new(policy.limits).map_err(|what| {
            Error::new(
                provider,
                Kind::Unavailable,
                format!("no HTTP client: {what}"),
            )
            .never_happened()
        })?;
        Ok(Self {
            shared: Arc::new(Shared::new(provider, policy, observer, wire)),
        })
    }

    /// One call, repeated where that does no harm.
    ///
    /// Every completed exchange is `Ok`, whatever its status: the provider's own module knows their
    /// error envelopes.
    ///
    /// # Errors
    /// - `Unavailable` when no whole answer came, or when we did not ask: the breaker is open, too
    ///   many calls are under way.
    /// - `RateLimited` when the credential's quota is used up for longer than the caller has; they
    ///   were not asked.
    /// - `Malformed` when the answer is longer than we read.
    ///
    /// [`Error::outcome_unknown`] says whether a write may have happened all the same.
    pub(crate) async fn send(&self, call: Call<'_>) -> Result<Answer, Error> {
        self.shared.send(call).await
    }
}

#[cfg(test)]
mod tests;
