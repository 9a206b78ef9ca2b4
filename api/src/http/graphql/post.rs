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
use super::fault::{Fault, rate_limit};
use super::gate::{Caller, Gate, Seat};
use super::negotiate::{self, Accepted, Media};
use super::request::{Params, read_body};
use super::run::{Answer, Ready, Stopped};
use super::{get, headers, response, sse};
use crate::graphql::document::{Reason, Refusal};

const ALLOW: &str = "GET, POST, OPTIONS";

/// `/graphql`: an answer in JSON, or an event stream where the client asks for one.
pub(super) async fn graphql<E: Executor, G: Gate>(
    endpoint: State<Arc<GraphqlEndpoint<E, G>>>,
    request: Request,
) -> Response {
    handle(endpoint.0, request, negotiate::accepted).await
}

/// `/graphql/stream`: always an event stream.
pub(super) async fn stream<E: Executor, G: Gate>(
    endpoint: State<Arc<GraphqlEndpoint<E, G>>>,
    request: Request,
) -> Response {
    let only_events = |headers: &_| Accepted {
        json: None,
        prefers_events: true,
        ..negotiate::accepted(headers)
    };
    handle(endpoint.0, request, only_events).await
}

async fn handle<E: Executor, G: Gate>(
    endpoint: Arc<GraphqlEndpoint<E, G>>,
    request: Request,
    accepted: impl FnOnce(&http::HeaderMap) -> Accepted,
) -> Response {
    let (parts, body) = request.into_parts();
    let caller = headers::caller(&parts);
    let accepted = accepted(&parts.headers);
    let response = if parts.method == Method::OPTIONS {
        headers::preflight(ALLOW)
    } else {
        answer(&endpoint, &parts, body, &caller, accepted)
            .await
            .unwrap_or_else(|fault| failed(fault, accepted))
    };
    headers::finish(response, &parts.headers, &caller, &endpoint.origins)
}

/// A failure, in the media type that the client takes.
fn failed(fault: Fault, accepted: Accepted) -> Response {
    let mut response = fault.into_response();
    if let Some(media) = accepted.json {
        response
            .headers_mut()
            .insert(CONTENT_TYPE, media.content_type());
    }
    response
}

async fn answer<E: Executor, G: Gate>(
    endpoint: &Arc<GraphqlEndpoint<E, G>>,
    parts: &Parts,
    body: Body,
    caller: &Caller,
    accepted: Accepted,
) -> Result<Response, Fault> {
    let is_get = match parts.method {
        Method::GET => true,
        Method::POST => false,
        _ => return Err(Fault::method(ALLOW)),
    };
    if !is_get {
        negotiate::require_json(&parts.headers)?;
    }
    if accepted.json.is_none() && !accepted.events {
        return Err(Fault::not_acceptable(negotiate::OFFERED));
    }
    let token = headers::bearer(&parts.headers)?;
    let viewer = endpoint.gate.authenticate(token, caller).await?;
    let params = if is_get {
        get::params(&parts.headers, parts.uri.query())?
    } else {
        let bounds = &endpoint.bounds;
        Params::from_json(
            &read_body(&parts.headers, body, bounds.message, bounds.body_time).await?,
        )?
    };
    let fits = |kind| match (kind, accepted.json) {
        (OperationType::Mutation, _) if is_get => Err(Stopped::Fault(Fault::method("POST"))),
        (OperationType::Subscription, Some(_)) if !accepted.events => {
            Err(Stopped::Refused(vec![no_events()]))
        }
        _ => Ok(()),
    };
    match endpoint.ready(params, &viewer, caller, fits).await {
        Err(Stopped::Fault(fault)) => Err(fault),
        Err(Stopped::Refused(errors)) => {
            Ok(match accepted.json.filter(|_| !accepted.prefers_events) {
                Some(media) => request_errors(media, response::write_errors(&errors)),
                None => sse::refused(&errors),
            })
        }
        Ok(ready) => run(endpoint, ready, &viewer, caller, accepted).await,
    }
}

fn no_events() -> ServerError {
    let message =
        "A subscription needs an event stream (`accept: text/event-stream`) or a WebSocket.";
    Refusal::new(Reason::TransportMismatch, message).into()
}

async fn run<E: Executor, G: Gate>(
    endpoint: &Arc<GraphqlEndpoint<E, G>>,
    ready: Ready<G::Viewer>,
    viewer: &G::Viewer,
    caller: &Caller,
    accepted: Accepted,
) -> Result<Response, Fault> {
    let allowance = ready.allowance;
    let subscribes = ready.kind() == OperationType::Subscription;
    let mut response = match accepted
        .json
        .filter(|_| !accepted.prefers_events && !subscribes)
    {
        Some(media) => executed(media, endpoint.execute(ready).await?),
        None => {
            let seat = if subscribes {
                endpoint.gate.seat(Some(viewer), caller)?
            } else {
                Seat(None)
            };
            sse::respond(endpoint, ready, viewer, seat)
        }
    };
    for (name, value) in allowance.iter().flat_map(rate_limit) {
        response.headers_mut().insert(name, value);
    }
    Ok(response)
}

fn executed(media: Media, answer: Answer) -> Response {
    let mut response = Response::new(Body::from(answer.body));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, media.content_type());
    if let Some(time) = answer.public_for
        && let Ok(value) = HeaderValue::try_from(format!("public, max-age={}", time.as_secs()))
    {
        headers.insert(CACHE_CONTROL, value);
    }
    response
}

/// Nothing was run: 400, except that clients of the older media type expect 200 for a request that
/// is well-formed.
fn request_errors(media: Media, body: bytes::Bytes) -> Response {
    let mut response = Response::new(Body::from(body));
    if media == Media::GraphqlResponse {
        *response.status_mut() = StatusCode::BAD_REQUEST;
    }
    response
        .headers_mut()
        .insert(CONTENT_TYPE, media.content_type());
    response
}
