//! A call with its final headers, body and deadline, ready to be sent once or more.

use std::time::Duration;

use ::http::{HeaderMap, HeaderValue, Method, header};
use bytes::Bytes;
use reqwest::Url;
use tokio::time::Instant;

use super::call::{Body, Call, Quota, Safety};
use super::transport::Request;

/// Caps the budget, so that it can be added to an [`Instant`].
const LONGEST_BUDGET: Duration = Duration::from_secs(24 * 60 * 60);

/// All attempts of a call share it, the deadline included.
pub(super) struct PreparedCall<'a> {
    pub(super) method: Method,
    pub(super) url: Url,
    pub(super) route: &'static str,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
    pub(super) safety: Safety,
    pub(super) quota: Quota<'a>,
    pub(super) deadline: Instant,
}

impl<'a> PreparedCall<'a> {
    pub(super) fn new(call: Call<'a>, now: Instant, default_budget: Duration) -> Self {
        let Call {
            method,
            url,
            route,
            mut headers,
            body,
            safety,
            quota,
            budget,
        } = call;
        // With an `Origin`, some APIs apply their rules for browsers, and no browser is involved.
        headers.remove(header::ORIGIN);
        headers
            .entry(header::ACCEPT)
            .or_insert(HeaderValue::from_static("application/json"));
        let (body, content_type) = match body {
            Body::Empty => (Vec::new(), None),
            Body::Json(body) => (body, Some("application/json")),
            Body::Form(body) => (body, Some("application/x-www-form-urlencoded")),
        };
        if let Some(content_type) = content_type {
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
        }
        // Some servers require a length for these methods, even without a body.
        if body.is_empty() && [Method::POST, Method::PUT, Method::PATCH].contains(&method) {
            headers.insert(header::CONTENT_LENGTH, HeaderValue::from_static("0"));
        }
        for value in headers.values_mut() {
            value.set_sensitive(true);
        }
        let deadline = now + budget.unwrap_or(default_budget).min(LONGEST_BUDGET);
        Self {
            method,
            url,
            route,
            headers,
            body: body.into(),
            safety,
            quota,
            deadline,
        }
    }

    /// The request of one attempt.
    pub(super) fn request(&self) -> Request {
        Request {
            method: self.method.clone(),
            url: self.url.clone(),
            headers: self.headers.clone(),
            body: self.body.clone(),
        }
    }
}
