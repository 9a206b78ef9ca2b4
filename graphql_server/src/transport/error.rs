//! Errors of the transport: a status, a code and a message. Errors of documents are
//! [`crate::document::RequestError`]s.

use std::borrow::Cow;
use std::time::Duration;

use async_graphql::{ErrorExtensionValues, ServerError};
use axum::body::Body;
use axum::response::Response;
use http::header::{ALLOW, CONNECTION, RETRY_AFTER, UPGRADE, WWW_AUTHENTICATE};
use http::{HeaderName, HeaderValue, StatusCode};

use super::{headers, response};
use crate::hooks::{AuthError, Quota, RateLimited};

/// An HTTP error response.
#[derive(Debug)]
pub(super) struct TransportError {
    pub(super) status: StatusCode,
    pub(super) code: &'static str,
    pub(super) message: Cow<'static, str>,
    headers: Vec<(HeaderName, HeaderValue)>,
}

impl TransportError {
    pub(super) fn new(
        status: StatusCode,
        code: &'static str,
        message: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self {
            status,
            code,
            message: message.into(),
            headers: Vec::new(),
        }
    }

    fn with(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }

    /// The body is not a GraphQL request.
    pub(super) fn malformed(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "BAD_REQUEST", message)
    }

    pub(super) fn batch() -> Self {
        Self::new(
            StatusCode::BAD_REQUEST,
            "BATCHING_NOT_SUPPORTED",
            "Batches are not supported: send one operation a request.",
        )
    }

    pub(super) fn method(allow: &'static str) -> Self {
        let message = format!("The method is not allowed here; allowed: {allow}.");
        Self::new(
            StatusCode::METHOD_NOT_ALLOWED,
            "METHOD_NOT_ALLOWED",
            message,
        )
        .with(ALLOW, HeaderValue::from_static(allow))
    }

    pub(super) fn media_type(message: &'static str) -> Self {
        Self::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "UNSUPPORTED_MEDIA_TYPE",
            message,
        )
    }

    pub(super) fn not_acceptable(offered: &'static str) -> Self {
        Self::new(
            StatusCode::NOT_ACCEPTABLE,
            "NOT_ACCEPTABLE",
            format!("Nothing in the Accept header can be had here; offered: {offered}."),
        )
    }

    pub(super) fn cross_site() -> Self {
        let message = "A GET needs `content-type: application/json`, or an `apollo-require-preflight` or `x-requested-with` header that \
                       is not empty, so that no other site's page can send it.";
        Self::new(StatusCode::BAD_REQUEST, "CSRF_PREVENTED", message)
    }

    /// The rest of the body is not read, so the connection is closed.
    pub(super) fn too_large(limit: usize) -> Self {
        let message = format!("The request body is larger than {limit} bytes.");
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "PAYLOAD_TOO_LARGE", message)
            .with(CONNECTION, HeaderValue::from_static("close"))
    }

    pub(super) fn slow_body() -> Self {
        Self::new(
            StatusCode::REQUEST_TIMEOUT,
            "REQUEST_TIMEOUT",
            "The request body did not arrive in time.",
        )
        .with(CONNECTION, HeaderValue::from_static("close"))
    }

    pub(super) fn uri_too_long(limit: usize) -> Self {
        Self::new(
            StatusCode::URI_TOO_LONG,
            "URI_TOO_LONG",
            format!("The query string is longer than {limit} bytes: use POST."),
        )
    }

    pub(super) fn unauthenticated() -> Self {
        Self::new(
            StatusCode::UNAUTHORIZED,
            "UNAUTHENTICATED",
            "The access token is not valid.",
        )
        .with(
            WWW_AUTHENTICATE,
            HeaderValue::from_static("Bearer error=\"invalid_token\""),
        )
    }

    pub(super) fn origin() -> Self {
        Self::new(
            StatusCode::FORBIDDEN,
            "ORIGIN_NOT_ALLOWED",
            "Pages of this origin may not open a socket here.",
        )
    }

    pub(super) fn not_a_websocket() -> Self {
        Self::new(
            StatusCode::UPGRADE_REQUIRED,
            "UPGRADE_REQUIRED",
            "This address speaks WebSocket, version 13.",
        )
        .with(UPGRADE, HeaderValue::from_static("websocket"))
        .with(CONNECTION, HeaderValue::from_static("upgrade"))
    }

    pub(super) fn subprotocol() -> Self {
        Self::new(
            StatusCode::BAD_REQUEST,
            "SUBPROTOCOL_NOT_SUPPORTED",
            "The only subprotocol here is graphql-transport-ws.",
        )
    }

    pub(super) fn overloaded() -> Self {
        Self::unavailable("OVERLOADED", "The server is at its limit.")
    }

    pub(super) fn shutting_down() -> Self {
        Self::unavailable("SHUTTING_DOWN", "The server is about to stop.")
    }

    fn unavailable(code: &'static str, message: &'static str) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, code, message)
            .with(RETRY_AFTER, HeaderValue::from_static("1"))
    }

    /// The same as an error of a GraphQL response.
    pub(super) fn to_server_error(&self) -> ServerError {
        coded(self.code, self.message.clone())
    }

    pub(super) fn into_response(self) -> Response {
        let body = response::write_errors(&[self.to_server_error()]);
        let mut response = Response::new(Body::from(body));
        *response.status_mut() = self.status;
        headers::set_json(response.headers_mut());
        for (name, value) in self.headers {
            response.headers_mut().insert(name, value);
        }
        response
    }
}

impl From<AuthError> for TransportError {
    fn from(error: AuthError) -> Self {
        match error {
            AuthError::Invalid => Self::unauthenticated(),
            AuthError::Unavailable => Self::unavailable(
                "AUTHENTICATION_UNAVAILABLE",
                "Access tokens cannot be checked at the moment.",
            ),
        }
    }
}

impl From<RateLimited> for TransportError {
    fn from(limited: RateLimited) -> Self {
        let seconds = whole_seconds(limited.retry_after);
        let error = Self::new(
            StatusCode::TOO_MANY_REQUESTS,
            "RATE_LIMITED",
            format!("Too many requests: try again in {seconds} s."),
        );
        let mut error = error.with(RETRY_AFTER, seconds.into());
        error
            .headers
            .extend(limited.quota.iter().flat_map(rate_limit_headers));
        error
    }
}

/// Returns an error with a code.
pub(super) fn coded(code: &'static str, message: impl Into<String>) -> ServerError {
    let mut extensions = ErrorExtensionValues::default();
    extensions.set("code", code);
    let mut error = ServerError::new(message, None);
    error.extensions = Some(extensions);
    error
}

/// Formats `RateLimit-*` headers (draft-ietf-httpapi-ratelimit-headers-06).
pub(super) fn rate_limit_headers(quota: &Quota) -> [(HeaderName, HeaderValue); 3] {
    [
        (
            HeaderName::from_static("ratelimit-limit"),
            quota.limit.into(),
        ),
        (
            HeaderName::from_static("ratelimit-remaining"),
            quota.remaining.into(),
        ),
        (
            HeaderName::from_static("ratelimit-reset"),
            whole_seconds(quota.reset).into(),
        ),
    ]
}

/// Rounds up, to at least one second, so that an obedient client does not return too early.
fn whole_seconds(time: Duration) -> u64 {
    (time.as_secs() + u64::from(time.subsec_nanos() > 0)).max(1)
}
