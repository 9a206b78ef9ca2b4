//! One span, one log line and one count per request; answers 500 when a handler panics.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Instant;

use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::Response;
use futures_util::FutureExt as _;
use http::{Method, StatusCode};
use tracing::{Instrument as _, Span, field};

use super::refusal::refusal_and_close;
use super::request_id::RequestId;
use crate::metrics::Metrics;

/// Status recorded for clients that disconnect before the response, as in nginx.
const CLIENT_CLOSED_REQUEST: u16 = 499;

/// The middleware. Layered after the routes (so that the matched route is known) and inside
/// `request_id::assign`. Records method, route pattern, status and duration; never path, query,
/// header or body.
pub async fn observe(
    State(metrics): State<Arc<Metrics>>,
    request: Request,
    next: Next,
) -> Response {
    let route = request.extensions().get::<MatchedPath>().cloned();
    let id = request.extensions().get::<RequestId>().cloned();
    let span = tracing::info_span!(
        "request",
        request_id = id.as_ref().map(RequestId::as_str),
        route = field::Empty
    );
    let record = RequestRecord {
        metrics,
        span,
        method: request.method().clone(),
        route,
        start: Instant::now(),
        ended: false,
    };
    record.span.record("route", record.route());
    let answered = AssertUnwindSafe(next.run(request))
        .catch_unwind()
        .instrument(record.span.clone())
        .await;
    let response = answered.unwrap_or_else(|_| {
        // The panic hook has logged it, within the span.
        refusal_and_close(
            StatusCode::INTERNAL_SERVER_ERROR,
            "INTERNAL",
            "Something went wrong on our side.",
        )
    });
    record.end(response.status());
    response
}

/// A request in progress. Dropped before it finishes, it records that the client disconnected.
struct RequestRecord {
    metrics: Arc<Metrics>,
    span: Span,
    method: Method,
    route: Option<MatchedPath>,
    start: Instant,
    ended: bool,
}

impl RequestRecord {
    fn route(&self) -> &str {
        self.route.as_ref().map_or("unmatched", MatchedPath::as_str)
    }

    fn end(mut self, status: StatusCode) {
        self.ended = true;
        self.note(status);
    }

    fn note(&self, status: StatusCode) {
        let took = self.start.elapsed();
        self.metrics
            .request(&self.method, self.route(), status, took);
        let (method, status, duration_ms) = (
            self.method.as_str(),
            status.as_u16(),
            took.as_secs_f64() * 1000.0,
        );
        self.span.in_scope(|| match (self.route(), status) {
            // Polled by machines every few seconds.
            ("/healthz" | "/readyz" | "/metrics", _) => {
                tracing::debug!(method, status, duration_ms, "Answered")
            }
            (_, 500..) => tracing::warn!(
                method,
                status,
                duration_ms,
                "Answered with an error of ours"
            ),
            (_, CLIENT_CLOSED_REQUEST) => {
                tracing::info!(method, status, duration_ms, "The client disconnected")
            }
            _ => tracing::info!(method, status, duration_ms, "Answered"),
        });
    }
}

impl Drop for RequestRecord {
    fn drop(&mut self) {
        if !self.ended {
            self.note(StatusCode::from_u16(CLIENT_CLOSED_REQUEST).expect("499 is a status"));
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::Router;
    use axum::body::Body;
    use axum::middleware::{from_fn, from_fn_with_state};
    use axum::routing::get;
    use http::HeaderMap;
    use tower::ServiceExt as _;

    use super::super::request_id;
    use super::*;

    fn app(metrics: &Arc<Metrics>) -> Router {
        let broken = || async {
            if cfg!(test) {
                panic!("a handler panics");
            }
        };
        Router::new()
            .route("/things/{id}", get(|| async { "thing" }))
            .route("/broken", get(broken))
            .route("/never", get(std::future::pending::<()>))
            .layer(from_fn_with_state(Arc::clone(metrics), observe))
            .layer(from_fn(request_id::assign))
    }

    async fn call(app: Router, path: &str) -> (StatusCode, HeaderMap) {
        let mut request = Request::new(Body::empty());
        *request.uri_mut() = path.parse().expect("a path");
        request
            .headers_mut()
            .insert("x-request-id", http::HeaderValue::from_static("abc-1"));
        let response = app.oneshot(request).await.expect("a router does not fail");
        (response.status(), response.headers().clone())
    }

    #[tokio::test]
    async fn requests_are_counted_by_route_pattern() {
        let metrics = Metrics::new();
        let (status, headers) = call(app(&metrics), "/things/17?token=canary").await;
        assert_eq!(
            (status, headers["x-request-id"].as_bytes()),
            (StatusCode::OK, &b"abc-1"[..])
        );
        let text = metrics.text();
        assert!(
            text.contains(
                "http_requests_total{route=\"/things/{id}\",method=\"GET\",status=\"2xx\"} 1"
            ),
            "{text}"
        );
        assert!(!text.contains("canary"), "{text}");
    }

    #[tokio::test]
    async fn a_panic_is_answered_with_500() {
        let metrics = Metrics::new();
        let (status, headers) = call(app(&metrics), "/broken").await;
        assert_eq!(
            (status, headers["connection"].as_bytes()),
            (StatusCode::INTERNAL_SERVER_ERROR, &b"close"[..])
        );
        assert!(
            metrics
                .text()
                .contains("{route=\"/broken\",method=\"GET\",status=\"5xx\"} 1")
        );
    }

    #[tokio::test]
    async fn a_client_disconnect_is_counted() {
        let metrics = Metrics::new();
        assert!(call(app(&metrics), "/never").now_or_never().is_none());
        assert!(
            metrics
                .text()
                .contains("{route=\"/never\",method=\"GET\",status=\"4xx\"} 1")
        );
    }
}
