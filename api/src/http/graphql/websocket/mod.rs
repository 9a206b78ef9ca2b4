//! GraphQL over WebSocket: the protocol `graphql-transport-ws`, and no other.

mod connection;
mod operations;
mod outbox;
mod protocol;

use std::sync::Arc;

use async_graphql::Executor;
use axum::extract::ws::WebSocketUpgrade;
use axum::extract::{FromRequestParts, Request, State};
use axum::response::Response;
use http::Method;
use http::request::Parts;

use super::endpoint::GraphqlEndpoint;
use super::fault::Fault;
use super::gate::{Caller, Gate};
use super::headers;
use connection::Connection;

const PROTOCOL: &str = "graphql-transport-ws";
/// What a socket keeps ready for reading and for writing. There are many sockets, and most are
/// idle.
const BUFFER: usize = 1024;
/// A message that is too big is still read up to so many times its limit, so that the client gets
/// to see why the socket is closed.
const READABLE: usize = 8;

/// `/graphql/ws`
pub(super) async fn upgrade<E: Executor, G: Gate>(
    endpoint: State<Arc<GraphqlEndpoint<E, G>>>,
    request: Request,
) -> Response {
    let endpoint = endpoint.0;
    let (mut parts, _) = request.into_parts();
    let caller = headers::caller(&parts);
    let response = match parts.method {
        Method::OPTIONS => headers::preflight("GET, OPTIONS"),
        Method::GET => open(&endpoint, &mut parts, &caller)
            .await
            .unwrap_or_else(Fault::into_response),
        _ => Fault::method("GET, OPTIONS").into_response(),
    };
    headers::finish(response, &parts.headers, &caller, &endpoint.origins)
}

async fn open<E: Executor, G: Gate>(
    endpoint: &Arc<GraphqlEndpoint<E, G>>,
    parts: &mut Parts,
    caller: &Caller,
) -> Result<Response, Fault> {
    if let Some(origin) = headers::origin(&parts.headers)
        && !origin.is_some_and(|origin| endpoint.origins.allows(origin))
    {
        return Err(Fault::origin());
    }
    let upgrade = WebSocketUpgrade::from_request_parts(parts, &())
        .await
        .map_err(|_| Fault::not_a_websocket())?;
    let upgrade = upgrade.protocols([PROTOCOL]);
    if upgrade.selected_protocol().is_none() {
        return Err(Fault::subprotocol());
    }
    if endpoint.lifecycle.shutdown.is_cancelled() {
        return Err(Fault::shutting_down());
    }
    let seat = endpoint.gate.seat(None, caller)?;
    // A header that is no token is judged when the client shows what it has, in `connection_init`.
    let token = headers::bearer(&parts.headers)
        .map(|token| token.map(ToOwned::to_owned))
        .map_err(drop);
    let (endpoint, caller) = (Arc::clone(endpoint), caller.clone());
    let tracked = endpoint.lifecycle.tracker.token();
    let upgrade = upgrade
        .max_message_size(READABLE * endpoint.bounds.message)
        .max_frame_size(READABLE * endpoint.bounds.message)
        .read_buffer_size(BUFFER)
        .write_buffer_size(BUFFER);
    Ok(upgrade.on_upgrade(move |socket| async move {
        let (_tracked, _seat) = (tracked, seat);
        Connection::new(endpoint, caller, token, socket).run().await;
    }))
}
