//! One call to a provider, and its answer.

use std::fmt;
use std::time::Duration;

use ::http::{HeaderMap, Method, StatusCode};
use bytes::Bytes;
use reqwest::Url;

use super::headers;
use crate::error::Kind;

/// What a repetition would do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Safety {
    /// It changes nothing.
    Read,
    /// It changes something, and twice is the same as once.
    Idempotent,
    /// Twice is not the same as once.
    Once,
}

/// What is sent along. Its content is never shown.
pub(crate) enum Body {
    /// Nothing.
    Empty,
    /// `application/json`
    Json(Vec<u8>),
    /// `application/x-www-form-urlencoded`
    Form(Vec<u8>),
}

/// Whose quota a call uses.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bucket<'a> {
    /// Names the credential without telling it: a digest, never the credential itself.
    pub(crate) key: &'a str,
    /// What the provider allows this credential per minute. What its answers say about it wins.
    pub(crate) per_minute: u32,
}

/// One call to one route. It has no `Debug`: all of it is somebody's business.
pub(crate) struct Call<'a> {
    /// How.
    pub(crate) method: Method,
    /// Where, with whatever the route leaves open.
    pub(crate) url: Url,
    /// The template for metrics, logs and errors, as in `POST /v2/bookings/{uid}/cancel`.
    pub(crate) route: &'static str,
    /// Credentials and versions. `Accept` and `Content-Type` are filled in, `Origin` is taken out.
    pub(crate) headers: HeaderMap,
    /// What is sent along.
    pub(crate) body: Body,
    /// What a repetition would do.
    pub(crate) safety: Safety,
    /// Whose quota it uses.
    pub(crate) bucket: Bucket<'a>,
    /// How long the caller has, queueing and repetitions included; the policy's budget if they do
    /// not say.
    pub(crate) budget: Option<Duration>,
}

/// What a provider answered, whatever the status.
pub(crate) struct Answer {
    /// Any status, 4xx and 5xx included.
    pub(crate) status: StatusCode,
    /// As sent.
    pub(crate) headers: HeaderMap,
    /// All of it, never longer than the cap.
    pub(crate) body: Bytes,
    /// This answers a repetition of a write, and an earlier attempt may have happened: a 404 may
    /// mean that it is gone because we deleted it, and a refusal does not mean that nothing
    /// changed.
    pub(crate) doubtful: bool,
}

impl Answer {
    /// What the status says to somebody who does not read the body; `None` for 2xx.
    pub(crate) fn kind(&self) -> Option<Kind> {
        headers::kind_of(self.status, &self.headers)
    }
}

/// Without the headers and the body, which are other people's business.
impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answer")
            .field("status", &self.status)
            .field("bytes", &self.body.len())
            .finish()
    }
}
