//! The development page at `/`: GraphiQL from its CDN, or a built-in page where the CDN cannot be
//! reached.
//!
//! All of our own code is inline, so the page needs no second request. The content security policy
//! allows our scripts by hash, and GraphiQL's by address and hash.

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
/// Script modules, in load order; the last one starts the page.
const SCRIPT: [&str; 4] = [
    include_str!("transport.js"),
    include_str!("shell.js"),
    include_str!("offline.js"),
    include_str!("start.js"),
];

/// Example operations of the page, as JSON: `examples`, and in `remember` the values that later
/// examples reuse from earlier responses.
pub const EXAMPLES: &str = include_str!("examples.json");

/// Content of the page.
#[derive(Clone, Default)]
pub struct Page {
    /// Tokens to choose from. Embedded in the page, for requests to a loopback address only.
    pub tokens: Vec<Token>,
}

/// A ready bearer token. Deliberately without `Debug`, which would end up in a log.
#[derive(Clone, Serialize)]
pub struct Token {
    /// The person's name, for display.
    pub label: String,
    /// `client`, `coach` or `admin`: examples select a token by role.
    pub role: String,
    /// The bearer token.
    pub token: String,
}

/// Routes of the page. For development only: do not mount it in production.
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
    /// Variant without tokens.
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

/// Whether the request was sent to a loopback host without a proxy. DNS rebinding (a foreign name
/// that resolves to 127.0.0.1) would let the foreign page read the tokens, but cannot change the
/// `Host` header. A proxied request may come from anywhere, whatever its `Host`.
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

/// Fills the template. Order matters: inserted text is not scanned again.
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

/// Serializes JSON so that it cannot close the script element that contains it.
fn json<T: Serialize + ?Sized>(value: &T) -> String {
    serde_json::to_string(value)
        .expect("plain strings can be written as JSON")
        .replace('<', "\\u003c")
}

/// The content security policy. Allows inline styles, because GraphiQL's menus and dialogs add some
/// when they open.
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
