//! One call to a provider, and its response.

use std::fmt;
use std::time::Duration;

use ::http::{HeaderMap, Method, StatusCode};
use bytes::Bytes;
use reqwest::Url;

use super::headers;
use crate::error::Kind;

/// Whether a call may be sent twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Safety {
    /// It changes nothing.
    Read,
    /// It changes something, and twice is the same as once.
    Idempotent,
    /// Twice is not the same as once.
    Once,
}

/// The request body. It has no `Debug`, since it may be personal.
pub(crate) enum Body {
    /// No body.
    Empty,
    /// `application/json`
    Json(Vec<u8>),
    /// `application/x-www-form-urlencoded`
    Form(Vec<u8>),
}

/// The quota that a call counts against.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Quota<'a> {
    /// Identifies the credential: a digest, never the credential itself.
    pub(crate) key: &'a str,
    /// Requests per minute that the provider allows this credential. A limit in its response
    /// headers takes precedence.
    pub(crate) per_minute: u32,
}

/// One call to one route. It has no `Debug`: all of it may be personal or secret.
pub(crate) struct Call<'a> {
    /// The HTTP method.
    pub(crate) method: Method,
    /// The full URL.
    pub(crate) url: Url,
    /// The template for metrics, logs and errors, as in `POST /v2/bookings/{uid}/cancel`.
    pub(crate) route: &'static str,
    /// Credentials and versions. `Accept` and `Content-Type` are added, `Origin` is removed.
    pub(crate) headers: HeaderMap,
    /// The request body.
    pub(crate) body: Body,
    /// Whether it may be retried.
    pub(crate) safety: Safety,
    /// The quota it counts against.
    pub(crate) quota: Quota<'a>,
    /// The time limit of the call, queueing and retries included; `None` takes the policy's budget.
    pub(crate) budget: Option<Duration>,
}

/// A provider's response, whatever its status.
pub(crate) struct Response {
    /// Any status, 4xx and 5xx included.
    pub(crate) status: StatusCode,
    /// All headers.
    pub(crate) headers: HeaderMap,
    /// The complete body, never longer than the limit.
    pub(crate) body: Bytes,
    /// This is the response to a retried write, one of whose earlier attempts may have been
    /// applied: a 404 may mean that our own delete succeeded, and a refusal does not mean that
    /// nothing changed.
    pub(crate) earlier_attempt_unknown: bool,
}

impl Response {
    /// The error kind of the status alone, without the body; `None` for 2xx.
    pub(crate) fn kind(&self) -> Option<Kind> {
        headers::kind_of(self.status, &self.headers)
    }
}

/// Omits headers and body, which may be personal.
impl fmt::Debug for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Response")
            .field("status", &self.status)
            .field("bytes", &self.body.len())
            .finish()
    }
}
