//! A call that is ready to be sent more than once.

use std::time::Duration;

use ::http::{HeaderMap, HeaderValue, Method, header};
use bytes::Bytes;
use reqwest::Url;
use tokio::time::Instant;

use super::call::{Body, Bucket, Call, Safety};
use super::wire::Request;

/// Longer than anybody waits, and short enough to be added to now.
const LONGEST_BUDGET: Duration = Duration::from_secs(24 * 60 * 60);

/// Fixed when the call was made, its deadline included.
pub(super) struct Job<'a> {
    pub(super) method: Method,
    pub(super) url: Url,
    pub(super) route: &'static str,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
    pub(super) safety: Safety,
    pub(super) bucket: Bucket<'a>,
    pub(super) deadline: Instant,
}

impl<'a> Job<'a> {
    pub(super) fn new(call: Call<'a>, now: Instant, budget: Duration) -> Self {
        let Call {
            method,
            url,
            route,
            mut headers,
            body,
            safety,
            bucket,
            budget: asked,
        } = call;
        // With an origin, Cal.com checks it against the client's pages, and no page is ours.
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
        // Some servers want to be told that nothing comes where something might.
        if body.is_empty() && [Method::POST, Method::PUT, Method::PATCH].contains(&method) {
            headers.insert(header::CONTENT_LENGTH, HeaderValue::from_static("0"));
        }
        for value in headers.values_mut() {
            value.set_sensitive(true);
        }
        let deadline = now + asked.unwrap_or(budget).min(LONGEST_BUDGET);
        Self {
            method,
            url,
            route,
            headers,
            body: body.into(),
            safety,
            bucket,
            deadline,
        }
    }

    /// For one attempt.
    pub(super) fn request(&self) -> Request {
        Request {
            method: self.method.clone(),
            url: self.url.clone(),
            headers: self.headers.clone(),
            body: self.body.clone(),
        }
    }
}
