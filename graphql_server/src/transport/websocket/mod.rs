//! GraphQL over WebSocket: the protocol `graphql-transport-ws`, and no other.

mod connection;
mod operations;
mod protocol;
mod send_queue;

use std::sync::Arc;

use async_graphql::Executor;
use axum::extract::ws::WebSocketUpgrade;
use axum::extract::{FromRequestParts, Request, State};
use axum::response::Response;
use http::Method;
use http::request::Parts;

use super::endpoint::GraphqlEndpoint;
use super::error::TransportError;
use super::headers;
use crate::hooks::{ClientInfo, Hooks};
use connection::Connection;

const PROTOCOL: &str = "graphql-transport-ws";
/// Buffer sizes for reading and writing. There are many sockets, and most are idle.
const BUFFER: usize = 1024;
/// A message up to this multiple of the limit is read before the socket is closed, so that the
/// client sees the reason.
const READ_LIMIT_FACTOR: usize = 8;

/// `/graphql/ws`
pub(super) async fn upgrade<E: Executor, H: Hooks>(
    endpoint: State<Arc<GraphqlEndpoint<E, H>>>,
    request: Request,
) -> Response {
    let endpoint = endpoint.0;
    let (mut parts, _) = request.into_parts();
    let client = headers::client_info(&parts);
    let response = match parts.method {
        Method::OPTIONS => headers::preflight("GET, OPTIONS"),
        Method::GET => open(&endpoint, &mut parts, &client)
            .await
            .unwrap_or_else(TransportError::into_response),
        _ => TransportError::method("GET, OPTIONS").into_response(),
    };
    headers::finish(response, &parts.headers, &client, &endpoint.origins)
}

async fn open<E: Executor, H: Hooks>(
    endpoint: &Arc<GraphqlEndpoint<E, H>>,
    parts: &mut Parts,
    client: &ClientInfo,
) -> Result<Response, TransportError> {
    if let Some(origin) = headers::origin(&parts.headers)
        && !origin.is_some_and(|origin| endpoint.origins.allows(origin))
    {
        return Err(TransportError::origin());
    }
    let upgrade = WebSocketUpgrade::from_request_parts(parts, &())
        .await
        .map_err(|_| TransportError::not_a_websocket())?;
    let upgrade = upgrade.protocols([PROTOCOL]);
    if upgrade.selected_protocol().is_none() {
        return Err(TransportError::subprotocol());
    }
    if endpoint.lifecycle.shutdown.is_cancelled() {
        return Err(TransportError::shutting_down());
    }
    let permit = endpoint.hooks.connection_permit(None, client)?;
    // A malformed header is an error only if `connection_init` has no token.
    let token = headers::bearer(&parts.headers)
        .map(|token| token.map(ToOwned::to_owned))
        .map_err(drop);
    let (endpoint, client) = (Arc::clone(endpoint), client.clone());
    let tracked = endpoint.lifecycle.tracker.token();
    let upgrade = upgrade
        .max_message_size(READ_LIMIT_FACTOR * endpoint.limits.message_bytes)
        .max_frame_size(READ_LIMIT_FACTOR * endpoint.limits.message_bytes)
        .read_buffer_size(BUFFER)
        .write_buffer_size(BUFFER);
    Ok(upgrade.on_upgrade(move |socket| async move {
        let (_tracked, _permit) = (tracked, permit);
        Connection::new(endpoint, client, token, socket).run().await;
    }))
}
