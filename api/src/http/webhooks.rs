//! Signed requests of providers.

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{DefaultBodyLimit, Extension, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Json, Response};
use axum::routing::post;
use http::header::{ALLOW, RETRY_AFTER};
use http::{HeaderMap, HeaderValue, StatusCode};
use serde_json::json;

use crate::app::App;
use crate::domain::scheduling::cal_com;
use crate::domain::webhook::{Receipt, Refusal};
use crate::http::body_limit::{self, BodyLimits};
use crate::http::request_id::RequestId;

/// Largest body in bytes. The largest that Cal.com was seen to send has 5 KiB; answers to long
/// forms may add to that.
const MAX_BODY: u64 = 1024 * 1024;

/// Cal.com's address, and the two under which other back ends of this kind are registered there.
const CAL_COM: [&str; 3] = [
    "/webhooks/calcom",
    "/api/webhooks/calcom",
    "/api/cal/webhooks/receiver",
];

/// The routes on which providers speak to us.
///
/// | answer | when |
/// | --- | --- |
/// | 200 `{"status":"received"}` | it is stored, for good |
/// | 200 `{"status":"duplicate"}` | the same was stored before |
/// | 401 | nothing shows that the provider sent it |
/// | 404 | no secret is configured: to the outside the route does not exist |
/// | 405 | any method but POST |
/// | 408 | the body took too long |
/// | 413 | the body has more than 1 MiB |
/// | 503 with `Retry-After` | it could not be stored; nothing has changed |
pub fn router(app: Arc<App>) -> Router {
    let routes = CAL_COM.into_iter().fold(Router::new(), |routes, path| {
        routes.route(path, post(from_cal_com).fallback(only_post))
    });
    let within_limits =
        axum::middleware::from_fn_with_state(BodyLimits::of(MAX_BODY), body_limit::limit);
    let counted = axum::middleware::from_fn_with_state(Arc::clone(&app), count_cut_off);
    routes
        .layer(within_limits)
        .layer(counted)
        .layer(DefaultBodyLimit::disable())
        .with_state(app)
}

/// Counts what never came to be looked at.
async fn count_cut_off(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let response = next.run(request).await;
    let reason = match response.status() {
        StatusCode::PAYLOAD_TOO_LARGE => Some("too_large"),
        StatusCode::REQUEST_TIMEOUT => Some("too_slow"),
        StatusCode::BAD_REQUEST => Some("unreadable"),
        _ => None,
    };
    if let Some(reason) = reason {
        app.metrics.webhook_refused(cal_com::PROVIDER, reason);
    }
    response
}

async fn from_cal_com(
    State(app): State<Arc<App>>,
    request_id: Option<Extension<RequestId>>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    if !app
        .webhook_secrets
        .is_configured(&app, cal_com::PROVIDER)
        .await
    {
        return refused(&Refusal::NotConfigured);
    }
    // Where a limit ended it, the limit's own answer takes the place of this one.
    let Ok(body) = body else {
        return answer(StatusCode::BAD_REQUEST, "BAD_REQUEST");
    };
    let correlation_id = request_id
        .map_or_else(RequestId::new, |Extension(id)| id)
        .as_str()
        .to_owned();
    let tasks = app.tasks.clone();
    // On a task of its own: a sender that hangs up changes nothing.
    let stored = tasks.spawn(async move {
        let outcome = cal_com::deliveries::receive(&app, &headers, body, &correlation_id).await;
        if let Err(refusal @ Refusal::NotStored(_)) = &outcome {
            tracing::error!(provider = cal_com::PROVIDER, correlation_id, error = %refusal, "a webhook could not be stored");
        }
        outcome
    });
    match stored.await {
        Ok(Ok(Receipt::Stored)) => Json(json!({ "status": "received" })).into_response(),
        Ok(Ok(Receipt::Duplicate)) => Json(json!({ "status": "duplicate" })).into_response(),
        Ok(Err(refusal)) => refused(&refusal),
        Err(_) => unavailable(),
    }
}

fn refused(refusal: &Refusal) -> Response {
    match refusal {
        Refusal::NotConfigured => answer(StatusCode::NOT_FOUND, "NOT_FOUND"),
        // Which of the reasons it was is counted, and not told: it would help nobody but a forger.
        Refusal::NotGenuine(_) => answer(StatusCode::UNAUTHORIZED, "INVALID_SIGNATURE"),
        Refusal::NotStored(_) => unavailable(),
    }
}

fn unavailable() -> Response {
    let mut response = answer(StatusCode::SERVICE_UNAVAILABLE, "NOT_STORED");
    response
        .headers_mut()
        .insert(RETRY_AFTER, HeaderValue::from_static("5"));
    response
}

async fn only_post() -> Response {
    let mut response = answer(StatusCode::METHOD_NOT_ALLOWED, "METHOD_NOT_ALLOWED");
    response
        .headers_mut()
        .insert(ALLOW, HeaderValue::from_static("POST"));
    response
}

fn answer(status: StatusCode, code: &'static str) -> Response {
    (status, Json(json!({ "code": code }))).into_response()
}
