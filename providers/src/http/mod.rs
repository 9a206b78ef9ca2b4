//! The one door out of the process.
//!
//! Everything a provider is asked goes through one `send`, which keeps their trouble theirs: it has an end, stays
//! within their quota, repeats only what may be repeated and stops asking who does not answer. [`Policy`] sets the
//! measures, an [`Observer`] counts what happens.

mod call;
mod headers;
mod json;
mod observer;
mod policy;
mod wire;

use std::sync::Arc;

pub use self::observer::{BreakerState, Exchange, Observer, Unobserved};
pub use self::policy::{Breaker, Bulkhead, Limits, Pace, Policy, Retries};

pub(crate) use self::call::{Answer, Body, Bucket, Call, Safety};
use self::wire::{How, Request, Wire};
use crate::error::{Error, Kind, Provider};
use ::http::{HeaderValue, header};
use bytes::Bytes;

/// A client for one provider. Clones share everything.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    provider: Provider,
    policy: Policy,
    observer: Arc<dyn Observer>,
    wire: Wire,
}

impl Client {
    /// # Errors
    /// `Unavailable` when the machine has no usable TLS set-up, for example no root certificates at all.
    pub(crate) fn new(provider: Provider, policy: Policy, observer: Arc<dyn Observer>) -> Result<Self, Error> {
        let wire = Wire::new(policy.limits).map_err(|what| {
            Error::new(provider, Kind::Unavailable, format!("no HTTP client: {what}")).never_happened()
        })?;
        Ok(Self { shared: Arc::new(Shared { provider, policy, observer, wire }) })
    }

    fn provider(&self) -> Provider {
        self.shared.provider
    }

    fn wire(&self) -> &Wire {
        &self.shared.wire
    }

    /// One call, repeated where that does no harm.
    ///
    /// Every completed exchange is `Ok`, whatever its status: the provider's own module knows their error envelopes.
    ///
    /// # Errors
    /// `Unavailable` when no whole answer came, `Malformed` when it is too long, `RateLimited` when the credential's
    /// quota is used up for longer than the caller has. [`Error::outcome_unknown`] says whether it may have happened.
    pub(crate) async fn send(&self, call: Call<'_>) -> Result<Answer, Error> {
        let Shared { provider, policy, wire, .. } = &*self.shared;
        let time = call.budget.unwrap_or(policy.budget);
        let error = |kind, what: &str| Error::new(*provider, kind, format!("{}: {what}", call.route));
        let mut headers = call.headers;
        headers.remove(header::ORIGIN);
        let body = match call.body {
            Body::Empty => Bytes::new(),
            Body::Json(json) => {
                headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
                json.into()
            }
            Body::Form(form) => {
                headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
                form.into()
            }
        };
        let request = Request { method: call.method, url: call.url, headers, body };
        match wire.exchange(request, time).await {
            Ok(reply) => Ok(Answer { status: reply.status, headers: reply.headers, body: reply.body }),
            Err(failure) => Err(match failure.how {
                How::TooLong => error(Kind::Malformed, &failure.what),
                How::Unreachable => error(Kind::Unavailable, &failure.what).never_happened(),
                How::TimedOut | How::Broken => error(Kind::Unavailable, &failure.what),
            }),
        }
    }
}

#[cfg(test)]
mod tests;
