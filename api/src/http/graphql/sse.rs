//! Server-sent events as `graphql-sse` has them in distinct connections mode: `next` for every
//! answer, then `complete`.

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

use super::endpoint::{Counted, GraphqlEndpoint};
use super::fault::coded;
use super::gate::{Gate, Seat, SessionEnd};
use super::response;
use super::run::Ready;

const COMPLETE: &[u8] = b"event: complete\ndata:\n\n";
/// Says nothing; keeps proxies from thinking that nobody is there.
const COMMENT: &[u8] = b":\n\n";

/// A document that is not run: its errors as the one event.
pub(super) fn refused(errors: &[ServerError]) -> Response {
    let mut body = BytesMut::from(COMMENT);
    body.put_slice(&next(&response::write_errors(errors)));
    body.put_slice(COMPLETE);
    with_headers(Body::from(body.freeze()))
}

/// Runs an operation and streams its answers until it ends, the viewer's session is over, or the
/// server stops. In the last case there is no `complete`, so that clients connect again.
pub(super) fn respond<E: Executor, G: Gate>(
    endpoint: &Arc<GraphqlEndpoint<E, G>>,
    ready: Ready<G::Viewer>,
    viewer: &G::Viewer,
    seat: Seat,
) -> Response {
    let period = endpoint.bounds.heartbeat;
    let mut heartbeat = tokio::time::interval_at(Instant::now() + period, period);
    heartbeat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let events = Events {
        answers: endpoint.answers(ready),
        heartbeat,
        session_end: endpoint.gate.session_end(viewer),
        shutdown: Box::pin(endpoint.lifecycle.shutdown.clone().cancelled_owned()),
        _counted: Counted::new(&endpoint.gauges.operations),
        _seat: seat,
    };
    let opening = stream::iter([Bytes::from_static(COMMENT)]);
    let rest = stream::unfold(Some(events), |events| async { events?.step().await });
    with_headers(Body::from_stream(
        opening.chain(rest).map(Ok::<_, std::convert::Infallible>),
    ))
}

struct Events {
    answers: BoxStream<'static, Bytes>,
    heartbeat: Interval,
    session_end: BoxFuture<'static, SessionEnd>,
    shutdown: std::pin::Pin<Box<WaitForCancellationFutureOwned>>,
    _counted: Counted,
    _seat: Seat,
}

impl Events {
    /// The next piece of the body, and what comes after it. Nothing is read ahead: a slow reader
    /// slows the operation down.
    async fn step(mut self) -> Option<(Bytes, Option<Self>)> {
        tokio::select! {
            biased;
            () = &mut self.shutdown => None,
            end = (&mut self.session_end).fuse() => Some((over(end), None)),
            answer = self.answers.next() => match answer {
                Some(answer) => Some((next(&answer), Some(self))),
                None => Some((Bytes::from_static(COMPLETE), None)),
            },
            _ = self.heartbeat.tick() => Some((Bytes::from_static(COMMENT), Some(self))),
        }
    }
}

fn over(end: SessionEnd) -> Bytes {
    let error = match end {
        SessionEnd::Expired => coded("UNAUTHENTICATED", "The access token has expired."),
        SessionEnd::Revoked => coded("FORBIDDEN", "The right to these events was taken away."),
    };
    let mut event = BytesMut::from(&next(&response::write_errors(&[error]))[..]);
    event.put_slice(COMPLETE);
    event.freeze()
}

/// One `next` event. JSON that was rendered elsewhere may have line breaks: each line is one of
/// data.
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
