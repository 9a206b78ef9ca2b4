//! Server-sent events as in `graphql-sse`, distinct connections mode: `next` for every response,
//! then `complete`.

use std::sync::Arc;

use async_graphql::{Executor, ServerError};
use axum::body::Body;
use axum::response::Response;
use bytes::{BufMut, Bytes, BytesMut};
use futures_util::future::{BoxFuture, FutureExt};
use futures_util::stream::{self, BoxStream, StreamExt};
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderName, HeaderValue};
use tokio::time::{Instant, Interval, MissedTickBehavior};
use tokio_util::sync::WaitForCancellationFutureOwned;

use super::endpoint::{GaugeGuard, GraphqlEndpoint};
use super::error::coded;
use super::response;
use super::run::PreparedOperation;
use crate::hooks::{ConnectionPermit, Hooks, SessionEnd};

const COMPLETE: &[u8] = b"event: complete\ndata:\n\n";
/// A comment, which keeps proxies from closing an idle connection.
const COMMENT: &[u8] = b":\n\n";

/// A document that is not executed: its errors as the one event.
pub(super) fn request_errors(errors: &[ServerError]) -> Response {
    let mut body = BytesMut::from(COMMENT);
    body.put_slice(&next(&response::write_errors(errors)));
    body.put_slice(COMPLETE);
    with_headers(Body::from(body.freeze()))
}

/// Runs an operation and streams its responses until it ends, the viewer's session ends, or the
/// server stops. In the last case there is no `complete`, so that clients reconnect.
pub(super) fn respond<E: Executor, H: Hooks>(
    endpoint: &Arc<GraphqlEndpoint<E, H>>,
    operation: PreparedOperation<H::Viewer>,
    viewer: &H::Viewer,
    permit: ConnectionPermit,
) -> Response {
    let period = endpoint.limits.heartbeat_interval;
    let mut heartbeat = tokio::time::interval_at(Instant::now() + period, period);
    heartbeat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let events = Events {
        responses: endpoint.responses(operation),
        heartbeat,
        session_end: endpoint.hooks.session_end(viewer),
        shutdown: Box::pin(endpoint.lifecycle.shutdown.clone().cancelled_owned()),
        _gauge: GaugeGuard::new(&endpoint.gauges.operations),
        _permit: permit,
    };
    let opening = stream::iter([Bytes::from_static(COMMENT)]);
    let rest = stream::unfold(Some(events), |events| async { events?.step().await });
    with_headers(Body::from_stream(
        opening.chain(rest).map(Ok::<_, std::convert::Infallible>),
    ))
}

struct Events {
    responses: BoxStream<'static, Bytes>,
    heartbeat: Interval,
    session_end: BoxFuture<'static, SessionEnd>,
    shutdown: std::pin::Pin<Box<WaitForCancellationFutureOwned>>,
    _gauge: GaugeGuard,
    _permit: ConnectionPermit,
}

impl Events {
    /// Returns the next part of the body and the rest. Reads nothing ahead: a slow reader slows the
    /// operation down.
    async fn step(mut self) -> Option<(Bytes, Option<Self>)> {
        tokio::select! {
            biased;
            () = &mut self.shutdown => None,
            end = (&mut self.session_end).fuse() => Some((session_ended(end), None)),
            response = self.responses.next() => match response {
                Some(response) => Some((next(&response), Some(self))),
                None => Some((Bytes::from_static(COMPLETE), None)),
            },
            _ = self.heartbeat.tick() => Some((Bytes::from_static(COMMENT), Some(self))),
        }
    }
}

fn session_ended(end: SessionEnd) -> Bytes {
    let error = match end {
        SessionEnd::Expired => coded("UNAUTHENTICATED", "The access token has expired."),
        SessionEnd::Revoked => coded("FORBIDDEN", "The right to these events was taken away."),
    };
    let mut event = BytesMut::from(&next(&response::write_errors(&[error]))[..]);
    event.put_slice(COMPLETE);
    event.freeze()
}

/// Formats a `next` event. Pre-rendered JSON may have line breaks; each line becomes a `data` line.
fn next(json: &[u8]) -> Bytes {
    let mut event = BytesMut::with_capacity(json.len() + 32);
    event.put_slice(b"event: next\n");
    for line in json.split(|byte| matches!(byte, b'\n' | b'\r')) {
        event.put_slice(b"data: ");
        event.put_slice(line);
        event.put_u8(b'\n');
    }
    event.put_u8(b'\n');
    event.freeze()
}

fn with_headers(body: Body) -> Response {
    let mut response = Response::new(body);
    let headers = response.headers_mut();
    headers.insert(
        CONTENT_TYPE,
        HeaderValue::from_static("text/event-stream; charset=utf-8"),
    );
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    headers.insert(
        HeaderName::from_static("x-accel-buffering"),
        HeaderValue::from_static("no"),
    );
    response
}
