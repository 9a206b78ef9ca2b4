//! GET and POST, on `/graphql` and on `/graphql/stream`.

use std::sync::Arc;

use async_graphql::parser::types::OperationType;
use async_graphql::{Executor, ServerError};
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::Response;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::request::Parts;
use http::{HeaderValue, Method, StatusCode};

use super::endpoint::GraphqlEndpoint;
use super::error::{TransportError, rate_limit_headers};
use super::negotiate::{self, Accepted, Media};
use super::request::{Params, read_body};
use super::run::{Executed, PreparedOperation, Rejection};
use super::{get, headers, response, sse};
use crate::document::{ErrorCode, RequestError};
use crate::hooks::{ClientInfo, ConnectionPermit, Hooks};

const ALLOW: &str = "GET, POST, OPTIONS";

/// `/graphql`: a JSON response, or an event stream if the client asks for one.
pub(super) async fn graphql<E: Executor, H: Hooks>(
    endpoint: State<Arc<GraphqlEndpoint<E, H>>>,
    request: Request,
) -> Response {
    handle(endpoint.0, request, negotiate::accepted).await
}

/// `/graphql/stream`: always an event stream.
pub(super) async fn stream<E: Executor, H: Hooks>(
    endpoint: State<Arc<GraphqlEndpoint<E, H>>>,
    request: Request,
) -> Response {
    let only_events = |headers: &_| Accepted {
        json: None,
        prefers_events: true,
        ..negotiate::accepted(headers)
    };
    handle(endpoint.0, request, only_events).await
}

async fn handle<E: Executor, H: Hooks>(
    endpoint: Arc<GraphqlEndpoint<E, H>>,
    request: Request,
    accepted: impl FnOnce(&http::HeaderMap) -> Accepted,
) -> Response {
    let (parts, body) = request.into_parts();
    let client = headers::client_info(&parts);
    let accepted = accepted(&parts.headers);
    let response = if parts.method == Method::OPTIONS {
        headers::preflight(ALLOW)
    } else {
        respond(&endpoint, &parts, body, &client, accepted)
            .await
            .unwrap_or_else(|error| error_response(error, accepted))
    };
    headers::finish(response, &parts.headers, &client, &endpoint.origins)
}

/// The error in the media type that the client accepts.
fn error_response(error: TransportError, accepted: Accepted) -> Response {
    let mut response = error.into_response();
    if let Some(media) = accepted.json {
        response
            .headers_mut()
            .insert(CONTENT_TYPE, media.content_type());
    }
    response
}

async fn respond<E: Executor, H: Hooks>(
    endpoint: &Arc<GraphqlEndpoint<E, H>>,
    parts: &Parts,
    body: Body,
    client: &ClientInfo,
    accepted: Accepted,
) -> Result<Response, TransportError> {
    let is_get = match parts.method {
        Method::GET => true,
        Method::POST => false,
        _ => return Err(TransportError::method(ALLOW)),
    };
    if !is_get {
        negotiate::require_json(&parts.headers)?;
    }
    if accepted.json.is_none() && !accepted.events {
        return Err(TransportError::not_acceptable(negotiate::OFFERED));
    }
    let token = headers::bearer(&parts.headers)?;
    let viewer = endpoint.hooks.authenticate(token, client).await?;
    let params = if is_get {
        get::params(&parts.headers, parts.uri.query())?
    } else {
        let limits = &endpoint.limits;
        Params::from_json(
            &read_body(
                &parts.headers,
                body,
                limits.message_bytes,
                limits.body_timeout,
            )
            .await?,
        )?
    };
    let check_kind = |kind| match (kind, accepted.json) {
        (OperationType::Mutation, _) if is_get => {
            Err(Rejection::Transport(TransportError::method("POST")))
        }
        (OperationType::Subscription, Some(_)) if !accepted.events => {
            Err(Rejection::Request(vec![needs_event_stream()]))
        }
        _ => Ok(()),
    };
    match endpoint.prepare(params, &viewer, client, check_kind).await {
        Err(Rejection::Transport(error)) => Err(error),
        Err(Rejection::Request(errors)) => {
            Ok(match accepted.json.filter(|_| !accepted.prefers_events) {
                Some(media) => request_error_response(media, response::write_errors(&errors)),
                None => sse::request_errors(&errors),
            })
        }
        Ok(operation) => run(endpoint, operation, &viewer, client, accepted).await,
    }
}

fn needs_event_stream() -> ServerError {
    let message =
        "A subscription needs an event stream (`accept: text/event-stream`) or a WebSocket.";
    RequestError::new(ErrorCode::TransportMismatch, message).into()
}

async fn run<E: Executor, H: Hooks>(
    endpoint: &Arc<GraphqlEndpoint<E, H>>,
    operation: PreparedOperation<H::Viewer>,
    viewer: &H::Viewer,
    client: &ClientInfo,
    accepted: Accepted,
) -> Result<Response, TransportError> {
    let quota = operation.quota;
    let subscribes = operation.kind() == OperationType::Subscription;
    let mut response = match accepted
        .json
        .filter(|_| !accepted.prefers_events && !subscribes)
    {
        Some(media) => executed_response(media, endpoint.execute(operation).await?),
        None => {
            let permit = if subscribes {
                endpoint.hooks.connection_permit(Some(viewer), client)?
            } else {
                ConnectionPermit(None)
            };
            sse::respond(endpoint, operation, viewer, permit)
        }
    };
    for (name, value) in quota.iter().flat_map(rate_limit_headers) {
        response.headers_mut().insert(name, value);
    }
    Ok(response)
}

fn executed_response(media: Media, executed: Executed) -> Response {
    let mut response = Response::new(Body::from(executed.body));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, media.content_type());
    if let Some(time) = executed.public_max_age
        && let Ok(value) = HeaderValue::try_from(format!("public, max-age={}", time.as_secs()))
    {
        headers.insert(CACHE_CONTROL, value);
    }
    response
}

/// A request error: 400, except that clients of the older media type expect 200 for a well-formed
/// request.
fn request_error_response(media: Media, body: bytes::Bytes) -> Response {
    let mut response = Response::new(Body::from(body));
    if media == Media::GraphqlResponse {
        *response.status_mut() = StatusCode::BAD_REQUEST;
    }
    response
        .headers_mut()
        .insert(CONTENT_TYPE, media.content_type());
    response
}
