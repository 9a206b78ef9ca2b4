//! Limits the size and duration of request bodies. The extractors' errors cannot tell a timeout
//! from a disconnect, so this layer wraps the body and replaces the response when one of its limits
//! ended the read.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use futures_util::StreamExt as _;
use http::header::{CONTENT_LENGTH, EXPECT};
use http::{HeaderMap, StatusCode};
use hyper::body::{Frame, SizeHint};
use tokio::time::{Instant, Sleep, sleep, timeout};

use super::refusal::refusal_and_close;

/// Limits for the request bodies of one route. A layer: `from_fn_with_state(limits,
/// body_limit::limit)`.
#[derive(Clone, Copy, Debug)]
pub struct BodyLimits {
    pub bytes: u64,
    /// Maximum time between two frames.
    pub idle: Duration,
    /// Maximum time from the start of the read to the last frame.
    pub total: Duration,
}

impl BodyLimits {
    /// 10 s between frames, 30 s in total.
    pub const fn of(bytes: u64) -> Self {
        Self {
            bytes,
            idle: Duration::from_secs(10),
            total: Duration::from_secs(30),
        }
    }
}

/// Limits for draining a refused body: a client whose connection closes while it still sends never
/// reads the response.
const MAX_DRAIN_BYTES: usize = 16 * 1024 * 1024;
const DRAIN_TIMEOUT: Duration = Duration::from_secs(2);

const WITHIN: u8 = 0;
const TOO_LARGE: u8 = 1;
const TOO_SLOW: u8 = 2;

/// The middleware: answers 413 above the size, 408 beyond the time.
pub async fn limit(State(limits): State<BodyLimits>, request: Request, next: Next) -> Response {
    let (head, body) = request.into_parts();
    if declared(&head.headers).is_some_and(|bytes| bytes > limits.bytes) {
        if !head.headers.contains_key(EXPECT) {
            drain_body(body).await;
        }
        return too_large(limits);
    }
    let verdict = Arc::new(AtomicU8::new(WITHIN));
    let watched = LimitedBody {
        body,
        left: limits.bytes,
        idle: limits.idle,
        total: limits.total,
        until: None,
        timer: None,
        waiting: false,
        verdict: Arc::clone(&verdict),
    };
    let response = next
        .run(Request::from_parts(head, Body::new(watched)))
        .await;
    match verdict.load(Ordering::Relaxed) {
        TOO_LARGE => too_large(limits),
        TOO_SLOW => refusal_and_close(
            StatusCode::REQUEST_TIMEOUT,
            "REQUEST_TIMEOUT",
            "The request body arrived too slowly.",
        ),
        _ => response,
    }
}

fn too_large(limits: BodyLimits) -> Response {
    let message = format!(
        "The request body is larger than the {} bytes allowed here.",
        limits.bytes
    );
    refusal_and_close(StatusCode::PAYLOAD_TOO_LARGE, "PAYLOAD_TOO_LARGE", &message)
}

fn declared(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

async fn drain_body(body: Body) {
    let mut frames = body.into_data_stream();
    let drain = async {
        let mut left = MAX_DRAIN_BYTES;
        while let Some(Ok(frame)) = frames.next().await {
            let Some(rest) = left.checked_sub(frame.len()) else {
                return;
            };
            left = rest;
        }
    };
    // A timeout is fine: the response is sent either way.
    let _ = timeout(DRAIN_TIMEOUT, drain).await;
}

struct LimitedBody {
    body: Body,
    left: u64,
    idle: Duration,
    total: Duration,
    /// Set at the first poll: a handler may do other work before it reads.
    until: Option<Instant>,
    timer: Option<Pin<Box<Sleep>>>,
    waiting: bool,
    verdict: Arc<AtomicU8>,
}

impl LimitedBody {
    fn end(&self, verdict: u8) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        self.verdict.store(verdict, Ordering::Relaxed);
        let why = if verdict == TOO_LARGE {
            "the request body is too large"
        } else {
            "the request body is too slow"
        };
        Poll::Ready(Some(Err(axum::Error::new(why))))
    }

    fn has_waited_too_long(&mut self, cx: &mut Context<'_>) -> bool {
        let (now, idle) = (Instant::now(), self.idle);
        let until = *self.until.get_or_insert(now + self.total);
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep(idle)));
        if !self.waiting {
            self.waiting = true;
            timer.as_mut().reset(until.min(now + idle));
        }
        timer.as_mut().poll(cx).is_ready()
    }
}

impl HttpBody for LimitedBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        match Pin::new(&mut self.body).poll_frame(cx) {
            Poll::Pending if self.has_waited_too_long(cx) => self.end(TOO_SLOW),
            Poll::Pending => Poll::Pending,
            Poll::Ready(frame) => {
                self.waiting = false;
                let bytes = match &frame {
                    Some(Ok(frame)) => frame.data_ref().map_or(0, |data| data.len() as u64),
                    _ => 0,
                };
                match self.left.checked_sub(bytes) {
                    Some(left) => self.left = left,
                    None => return self.end(TOO_LARGE),
                }
                Poll::Ready(frame)
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
