//! The page at `/`, for development: GraphiQL from its CDN, or a page of our own where the CDN
//! cannot be reached.
//!
//! Everything of ours is inside the one document, so that it needs no second request. What may run
//! is named by hash (ours) or by address and hash (GraphiQL's).

mod files;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use axum::Router;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HOST, REFERRER_POLICY,
    X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderMap, HeaderName, HeaderValue};
use serde::Serialize;
use sha2::{Digest, Sha256};

use files::GRAPHIQL;

const DOCUMENT: &str = include_str!("graphiql.html");
const STYLE: &str = include_str!("offline.css");
/// One module, in this order; the last part starts it.
const SCRIPT: [&str; 4] = [
    include_str!("transport.js"),
    include_str!("shell.js"),
    include_str!("offline.js"),
    include_str!("start.js"),
];

/// The example operations that the page offers, as JSON: `examples`, and in `remember` what answers
/// teach the ones that follow.
pub const EXAMPLES: &str = include_str!("examples.json");

/// What the page is made for.
#[derive(Clone, Default)]
pub struct Page {
    /// Ready tokens to choose from. They are written into the page, for callers of a loopback
    /// address alone.
    pub tokens: Vec<Token>,
}

/// A token that works as it is. Deliberately without `Debug`: it would end in a log.
#[derive(Clone, Serialize)]
pub struct Token {
    /// Whose it is, as a person reads it.
    pub label: String,
    /// `client`, `coach` or `admin`: examples choose by it.
    pub role: String,
    /// The bearer token.
    pub token: String,
}

/// `GET /`. Meant for development only: leave it out in production.
pub fn router(page: Page) -> Router {
    let script = SCRIPT.join("\n");
    let policy =
        HeaderValue::try_from(policy(&script)).expect("a policy is written in plain ASCII");
    let rendered = Arc::new(Rendered {
        open: render(&script, &[]),
        trusted: render(&script, &page.tokens),
        policy,
    });
    Router::new().route(
        "/",
        get(move |headers: HeaderMap| async move { rendered.respond(&headers) }),
    )
}

struct Rendered {
    /// Without tokens.
    open: String,
    trusted: String,
    policy: HeaderValue,
}

impl Rendered {
    fn respond(&self, request: &HeaderMap) -> Response {
        let body = if is_for_loopback(request) {
            &self.trusted
        } else {
            &self.open
        };
        let headers = [
            (
                CONTENT_TYPE,
                HeaderValue::from_static("text/html; charset=utf-8"),
            ),
            (CONTENT_SECURITY_POLICY, self.policy.clone()),
            (CACHE_CONTROL, HeaderValue::from_static("no-store")),
            (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
            (REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
            (
                HeaderName::from_static("x-frame-options"),
                HeaderValue::from_static("DENY"),
            ),
            (
                HeaderName::from_static("cross-origin-opener-policy"),
                HeaderValue::from_static("same-origin"),
            ),
            (
                HeaderName::from_static("cross-origin-resource-policy"),
                HeaderValue::from_static("same-origin"),
            ),
        ];
        (headers, body.clone()).into_response()
    }
}

/// Whether the browser believes that it speaks to this machine. A foreign name that is made to
/// resolve to 127.0.0.1 (DNS rebinding) would let the page behind that name read the tokens; it
/// cannot change the `Host` that its requests carry. What comes through a proxy may be from
/// anywhere, whatever host the proxy asks for.
fn is_for_loopback(request: &HeaderMap) -> bool {
    if ["forwarded", "x-forwarded-for", "x-forwarded-host"]
        .iter()
        .any(|name| request.contains_key(*name))
    {
        return false;
    }
    let mut hosts = request.get_all(HOST).iter();
    let (Some(Ok(host)), None) = (hosts.next().map(HeaderValue::to_str), hosts.next()) else {
        return false;
    };
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    name == "127.0.0.1" || name == "[::1]" || name.eq_ignore_ascii_case("localhost")
}

/// Fills the document. Order matters: what is put in is not looked at again.
fn render(script: &str, tokens: &[Token]) -> String {
    let parts = [
        ("{{style}}", STYLE.to_owned()),
        ("{{tokens}}", json(tokens)),
        ("{{files}}", json(&GRAPHIQL)),
        ("{{examples}}", EXAMPLES.replace('<', "\\u003c")),
        ("{{script}}", script.to_owned()),
    ];
    let mut document =
        String::with_capacity(DOCUMENT.len() + STYLE.len() + EXAMPLES.len() + script.len());
    let mut rest = DOCUMENT;
    for (mark, part) in parts {
        let (before, after) = rest
            .split_once(mark)
            .expect("the document has its marks, in this order");
        document.push_str(before);
        document.push_str(&part);
        rest = after;
    }
    document + rest
}

/// JSON that cannot end the element it stands in.
fn json<T: Serialize + ?Sized>(value: &T) -> String {
    serde_json::to_string(value)
        .expect("plain strings can be written as JSON")
        .replace('<', "\\u003c")
}

/// What the browser may load and run. Styles may be inline since GraphiQL's menus and dialogs add
/// some as they open.
fn policy(script: &str) -> String {
    let hash = STANDARD.encode(Sha256::digest(script.as_bytes()));
    let urls = |of: &str| {
        GRAPHIQL
            .iter()
            .map(|file| file.url)
            .filter(|url| url.ends_with(of))
            .collect::<Vec<_>>()
            .join(" ")
    };
    let (scripts, styles) = (urls(".js"), urls(".css"));
    format!(
        "default-src 'none'; script-src 'sha256-{hash}' {scripts}; style-src 'unsafe-inline' {styles}; connect-src 'self'; \
         img-src data:; font-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
}
