//! The request id: correlates log lines, jobs and events of one request. A caller may supply it.

use std::sync::Arc;

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::Response;
use http::{HeaderName, HeaderValue};
use uuid::Uuid;

pub const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The correlation id, in the extensions of every request. ASCII letters, digits, `.`, `_` and `-`
/// only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestId(Arc<str>);

impl RequestId {
    const LENGTH_MAX: usize = 64;

    pub fn new() -> Self {
        Self(Uuid::now_v7().simple().to_string().into())
    }

    /// Accepts a supplied id if it is safe to write to logs and columns unchanged.
    pub fn find(text: &str) -> Option<Self> {
        let plain = text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte));
        (plain && (1..=Self::LENGTH_MAX).contains(&text.len())).then(|| Self(text.into()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for RequestId {
    fn default() -> Self {
        Self::new()
    }
}

/// Middleware: takes the caller's `X-Request-Id` or generates one, and returns it in the response.
/// Layered outside of everything that logs.
pub async fn assign(mut request: Request, next: Next) -> Response {
    let brought = request
        .headers()
        .get(X_REQUEST_ID)
        .and_then(|value| value.to_str().ok());
    let id = brought.and_then(RequestId::find).unwrap_or_default();
    let value =
        HeaderValue::from_str(id.as_str()).expect("an id holds letters, digits and `._-` only");
    // The header and the extension carry the same id.
    request.headers_mut().insert(X_REQUEST_ID, value.clone());
    request.extensions_mut().insert(id);
    let mut response = next.run(request).await;
    response.headers_mut().insert(X_REQUEST_ID, value);
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_ids_are_accepted() {
        for plain in ["a", "0190f-7.x_Y", &"a".repeat(64)] {
            assert_eq!(
                RequestId::find(plain).as_ref().map(RequestId::as_str),
                Some(plain)
            );
        }
        for odd in ["", " ", "a b", "a\nb", "ä", "a\"", "${x}", &"a".repeat(65)] {
            assert_eq!(RequestId::find(odd), None, "{odd:?}");
        }
    }
}
