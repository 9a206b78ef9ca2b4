//! Webhook endpoints of providers.

mod forgeries;

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{DefaultBodyLimit, Extension, Path, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Json, Response};
use axum::routing::post;
use graphql_server::ClientAddress;
use http::header::{ALLOW, RETRY_AFTER};
use http::{HeaderMap, HeaderValue, StatusCode};
use serde_json::json;

use self::forgeries::Forgeries;
use crate::app::App;
use crate::config::RateLimits;
use crate::domain::scheduling::cal_com;
use crate::domain::webhook::{Endpoint, Receipt, Refusal};
use crate::http::body_limit::{self, BodyLimits};
use crate::http::request_id::RequestId;

/// Maximum body in bytes. The largest observed from Cal.com is 5 KiB; long form responses may add
/// to that.
const MAX_BODY: u64 = 1024 * 1024;

/// Routes of the webhook endpoints: Cal.com's common address and its aliases for the platform's
/// secrets, and below the first one an address for each registration.
///
/// | response | when |
/// | --- | --- |
/// | 200 `{"status":"received"}` | it is stored durably |
/// | 200 `{"status":"duplicate"}` | it was stored before |
/// | 401 | no valid signature |
/// | 404 | the address has no secret: it behaves as if absent |
/// | 405 | any method but POST |
/// | 408 | the body took too long |
/// | 413 | the body has more than 1 MiB |
/// | 429 with `Retry-After` | too many forgeries came from there; the body was not read |
/// | 503 with `Retry-After` | it could not be stored; nothing has changed |
pub fn router(app: Arc<App>, limits: RateLimits) -> Router {
    let receive = || post(from_cal_com).fallback(only_post);
    let platform = cal_com::WEBHOOK_PATHS.into_iter();
    let routes = platform.fold(Router::new(), |routes, path| routes.route(path, receive()));
    let own = format!("{}/{{registration}}", cal_com::WEBHOOK_PATHS[0]);
    let within_limits =
        axum::middleware::from_fn_with_state(BodyLimits::of(MAX_BODY), body_limit::limit);
    let counted = axum::middleware::from_fn_with_state(Arc::clone(&app), count_cut_off);
    let guard = Arc::new(Forgeries::new(Arc::clone(&app), limits.forged_webhooks));
    routes
        .route(&own, receive())
        .layer(within_limits)
        .layer(counted)
        .layer(axum::middleware::from_fn_with_state(guard, refuse_forgers))
        .layer(axum::middleware::from_fn(find_endpoint))
        .layer(DefaultBodyLimit::disable())
        .with_state(app)
}

/// Stores the endpoint in the request extensions.
async fn find_endpoint(
    registration: Option<Path<String>>,
    mut request: Request,
    next: Next,
) -> Response {
    let endpoint = match registration.map(|Path(id)| id.parse()) {
        None => Endpoint::Platform,
        Some(Ok(id)) => Endpoint::Registration(id),
        Some(Err(_)) => return refused(&Refusal::NotConfigured),
    };
    request.extensions_mut().insert(endpoint);
    next.run(request).await
}

/// Refuses senders of too many forgeries before their body is read.
async fn refuse_forgers(
    State(guard): State<Arc<Forgeries>>,
    Extension(endpoint): Extension<Endpoint>,
    request: Request,
    next: Next,
) -> Response {
    let address = request.extensions().get::<ClientAddress>();
    let Some(ClientAddress(address)) = address.copied() else {
        return next.run(request).await;
    };
    if let Some(refusal) = guard.refusal(address, endpoint) {
        return refusal;
    }
    let response = next.run(request).await;
    guard.count(address, endpoint, response.status());
    response
}

/// Counts requests that a limit ended before the handler.
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
    Extension(endpoint): Extension<Endpoint>,
    request_id: Option<Extension<RequestId>>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    if !app
        .webhook_secrets
        .is_configured(&app, cal_com::PROVIDER, endpoint)
        .await
    {
        return refused(&Refusal::NotConfigured);
    }
    // The limit's own response replaces this one.
    let Ok(body) = body else {
        return answer(StatusCode::BAD_REQUEST, "BAD_REQUEST");
    };
    let correlation_id = request_id
        .map_or_else(RequestId::new, |Extension(id)| id)
        .as_str()
        .to_owned();
    let tasks = app.tasks.clone();
    // Spawned, so that a disconnecting sender does not cancel the insert.
    let stored = tasks.spawn(async move {
        let outcome =
            cal_com::deliveries::receive(&app, endpoint, &headers, body, &correlation_id).await;
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
        // The reason is counted but not sent: it would only help a forger.
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
