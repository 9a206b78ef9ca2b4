//! Headers of every response, and headers that identify the client.

use std::collections::HashSet;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::extract::ConnectInfo;
use axum::response::Response;
use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ALLOW, AUTHORIZATION, CACHE_CONTROL,
    CONTENT_TYPE, ORIGIN, VARY, X_CONTENT_TYPE_OPTIONS,
};
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use uuid::Uuid;

use super::error::TransportError;
use super::negotiate::Media;
use crate::hooks::{ClientAddress, ClientInfo};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const MAX_REQUEST_ID: usize = 128;

/// The web origins whose pages may call this server.
#[derive(Clone, Debug, Default)]
pub struct Origins {
    allowed: HashSet<String>,
    loopback: bool,
}

impl Origins {
    /// Origins as browsers send them: `https://app.example.com`, without path or trailing slash.
    pub fn new(allowed: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self {
            allowed: allowed
                .into_iter()
                .map(|origin| origin.into().to_ascii_lowercase())
                .collect(),
            loopback: false,
        }
    }

    /// Also allows pages from the loopback address, on any port: for development.
    #[must_use]
    pub fn and_loopback(mut self) -> Self {
        self.loopback = true;
        self
    }

    pub fn allows(&self, origin: &str) -> bool {
        let origin = origin.to_ascii_lowercase();
        self.allowed.contains(&origin) || (self.loopback && is_loopback(&origin))
    }
}

fn is_loopback(origin: &str) -> bool {
    let Some(authority) = origin
        .strip_prefix("http://")
        .or_else(|| origin.strip_prefix("https://"))
    else {
        return false;
    };
    let host = match authority.rsplit_once(':') {
        Some((host, port))
            if !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()) =>
        {
            host
        }
        _ => authority,
    };
    matches!(host, "localhost" | "127.0.0.1" | "[::1]")
}

/// The origin of a browser's request. `Some(None)` if it is not readable.
pub(super) fn origin(headers: &HeaderMap) -> Option<Option<&str>> {
    headers.get(ORIGIN).map(|origin| origin.to_str().ok())
}

/// Returns the client's address and the request id.
pub(super) fn client_info(parts: &Parts) -> ClientInfo {
    let forwarded = parts
        .extensions
        .get::<ClientAddress>()
        .map(|client| client.0);
    let connected = parts
        .extensions
        .get::<ConnectInfo<SocketAddr>>()
        .map(|connected| connected.0.ip());
    let is_well_formed = |id: &&str| {
        (1..=MAX_REQUEST_ID).contains(&id.len())
            && id
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'))
    };
    let sent = parts
        .headers
        .get(REQUEST_ID)
        .and_then(|id| id.to_str().ok())
        .filter(is_well_formed);
    let request_id: Arc<str> = sent.map_or_else(|| Uuid::now_v7().to_string().into(), Into::into);
    ClientInfo {
        address: forwarded.or(connected),
        request_id,
    }
}

/// Returns the token of `Authorization: Bearer …`.
///
/// # Errors
/// 401 for any other header, or a repeated one: an unreadable header is not anonymous.
pub(super) fn bearer(headers: &HeaderMap) -> Result<Option<&str>, TransportError> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    match (values.next(), values.next()) {
        (None, _) => Ok(None),
        (Some(only), None) => only
            .to_str()
            .ok()
            .and_then(bearer_token)
            .map(Some)
            .ok_or_else(TransportError::unauthenticated),
        (Some(_), Some(_)) => Err(TransportError::unauthenticated()),
    }
}

/// Returns what follows `Bearer `, if it is a well-formed token (RFC 6750, section 2.1).
pub(super) fn bearer_token(value: &str) -> Option<&str> {
    let (scheme, token) = value.trim().split_once(' ')?;
    let token = token.trim();
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~+/=".contains(&byte);
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty() && token.bytes().all(plain))
        .then_some(token)
}

pub(super) fn set_json(headers: &mut HeaderMap) {
    headers.insert(CONTENT_TYPE, Media::Json.content_type());
}

/// Adds the headers that every response has.
pub(super) fn finish(
    mut response: Response,
    request: &HeaderMap,
    client: &ClientInfo,
    origins: &Origins,
) -> Response {
    let headers = response.headers_mut();
    headers
        .entry(CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("no-store"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(VARY, HeaderValue::from_static("Accept, Origin"));
    if let Ok(id) = HeaderValue::from_str(&client.request_id) {
        headers.insert(REQUEST_ID, id);
    }
    if let Some(origin) = request
        .get(ORIGIN)
        .filter(|origin| origin.to_str().is_ok_and(|origin| origins.allows(origin)))
    {
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
        let exposed =
            "x-request-id, retry-after, ratelimit-limit, ratelimit-remaining, ratelimit-reset";
        headers.insert(
            ACCESS_CONTROL_EXPOSE_HEADERS,
            HeaderValue::from_static(exposed),
        );
    }
    response
}

/// The response to `OPTIONS`, preflight or not. [`finish`] adds whether the origin is allowed.
pub(super) fn preflight(allow: &'static str) -> Response {
    let mut response = Response::new(axum::body::Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    let allowed =
        "authorization, content-type, x-request-id, x-requested-with, apollo-require-preflight";
    let headers = response.headers_mut();
    headers.insert(ALLOW, HeaderValue::from_static(allow));
    headers.insert(
        ACCESS_CONTROL_ALLOW_METHODS,
        HeaderValue::from_static(allow),
    );
    headers.insert(
        ACCESS_CONTROL_ALLOW_HEADERS,
        HeaderValue::from_static(allowed),
    );
    headers.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("600"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_match_whole_and_loopback_only_where_asked_for() {
        let origins = Origins::new(["https://App.example.com"]);
        assert!(origins.allows("https://app.example.com"));
        for other in [
            "https://app.example.com.evil.test",
            "http://app.example.com",
            "null",
            "",
            "http://localhost:3000",
        ] {
            assert!(!origins.allows(other), "{other}");
        }
        let local = origins.and_loopback();
        for page in [
            "http://localhost:3000",
            "http://127.0.0.1",
            "https://[::1]:8443",
        ] {
            assert!(local.allows(page), "{page}");
        }
        for other in [
            "http://localhost.evil.test",
            "http://127.0.0.1.evil.test:80",
            "http://localhost:80@evil.test",
            "file://localhost",
        ] {
            assert!(!local.allows(other), "{other}");
        }
    }

    #[test]
    fn reads_bearer_tokens_and_nothing_else() {
        assert_eq!(
            bearer_token("Bearer a.b-c_d~e+f/g=="),
            Some("a.b-c_d~e+f/g==")
        );
        assert_eq!(bearer_token("bearer x"), Some("x"));
        for value in [
            "",
            "Bearer",
            "Bearer ",
            "Basic eDp5",
            "x",
            "Bearer a b",
            "Bearer a,Bearer b",
            "Bearer \"x\"",
        ] {
            assert_eq!(bearer_token(value), None, "{value}");
        }
    }
}
