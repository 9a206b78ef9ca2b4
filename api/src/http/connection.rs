//! Wraps an accepted socket with timeouts per phase. hyper has a single timer, from the end of a
//! response to the end of the next head, and none for writes; this wrapper tracks the phase of the
//! connection and applies that phase's own limit.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use futures_util::FutureExt as _;
use hyper::body::{Frame, SizeHint};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, Sleep, sleep};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};
use tokio_util::task::task_tracker::TaskTrackerToken;

/// Between requests; hyper's own timer closes an idle connection.
const IDLE: u8 = 0;
/// A request head is arriving.
const HEAD: u8 = 1;
/// A request is in progress.
const BUSY: u8 = 2;
/// Upgraded, for example to WebSocket.
const UPGRADED: u8 = 3;

/// Phase of a connection, shared by the socket and the requests on it.
#[derive(Clone)]
pub(super) struct Phase(Arc<AtomicU8>);

impl Phase {
    /// A new connection starts in the head phase, so the head timeout applies at once.
    pub(super) fn new() -> Self {
        Self(Arc::new(AtomicU8::new(HEAD)))
    }

    pub(super) fn request_begins(&self) {
        self.0.store(BUSY, Ordering::Relaxed);
    }

    pub(super) fn upgraded(&self) {
        self.0.store(UPGRADED, Ordering::Relaxed);
    }

    fn head_begins(&self) {
        self.0.store(HEAD, Ordering::Relaxed);
    }

    fn answer_ends(&self) {
        // An upgraded connection stays upgraded.
        let _ = self
            .0
            .compare_exchange(BUSY, IDLE, Ordering::Relaxed, Ordering::Relaxed);
    }

    fn get(&self) -> u8 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Guards that live as long as the socket, upgraded or not.
#[expect(dead_code, reason = "kept for their `Drop`")]
pub(super) struct ConnectionGuards {
    pub(super) permit: OwnedSemaphorePermit,
    pub(super) tracked: TaskTrackerToken,
}

/// The socket with its timers.
pub(super) struct Socket {
    stream: TcpStream,
    phase: Phase,
    head_timeout: Duration,
    write_stall: Duration,
    head_timer: Option<Pin<Box<Sleep>>>,
    write_timer: Option<Pin<Box<Sleep>>>,
    stalled: bool,
    cut: CancellationToken,
    cut_heard: Option<Pin<Box<WaitForCancellationFutureOwned>>>,
    _guards: ConnectionGuards,
}

impl Socket {
    pub(super) fn new(
        stream: TcpStream,
        phase: Phase,
        limits: &super::limits::ServeLimits,
        cut: CancellationToken,
        guards: ConnectionGuards,
    ) -> Self {
        let (head_timeout, write_stall) = (limits.head_timeout, limits.write_stall);
        let head_timer = Some(Box::pin(sleep(head_timeout)));
        Self {
            stream,
            phase,
            head_timeout,
            write_stall,
            head_timer,
            write_timer: None,
            stalled: false,
            cut,
            cut_heard: None,
            _guards: guards,
        }
    }

    /// Closes an upgraded connection on cut: only the socket can, as hyper has handed the task
    /// over.
    fn poll_cut(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        if self.phase.get() != UPGRADED {
            return Ok(());
        }
        let cut = &self.cut;
        let heard = self
            .cut_heard
            .get_or_insert_with(|| Box::pin(cut.clone().cancelled_owned()));
        match heard.as_mut().poll_unpin(cx) {
            Poll::Ready(()) => Err(io::Error::new(
                io::ErrorKind::ConnectionAborted,
                "the server has stopped",
            )),
            Poll::Pending => Ok(()),
        }
    }

    fn written(
        &mut self,
        cx: &mut Context<'_>,
        wrote: Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        if wrote.is_ready() {
            self.stalled = false;
            return wrote;
        }
        let stall = self.write_stall;
        let timer = self
            .write_timer
            .get_or_insert_with(|| Box::pin(sleep(stall)));
        if !self.stalled {
            self.stalled = true;
            timer.as_mut().reset(Instant::now() + stall);
        }
        match timer.as_mut().poll(cx) {
            Poll::Ready(()) => Poll::Ready(Err(timed_out("the peer does not read"))),
            Poll::Pending => Poll::Pending,
        }
    }
}

fn timed_out(why: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, why)
}

impl AsyncRead for Socket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        this.poll_cut(cx)?;
        let before = buffer.filled().len();
        let read = Pin::new(&mut this.stream).poll_read(cx, buffer);
        match (this.phase.get(), &read) {
            (IDLE, Poll::Ready(Ok(()))) if buffer.filled().len() > before => {
                this.phase.head_begins();
                let timeout = this.head_timeout;
                let timer = this
                    .head_timer
                    .get_or_insert_with(|| Box::pin(sleep(timeout)));
                timer.as_mut().reset(Instant::now() + timeout);
            }
            (HEAD, Poll::Pending) => {
                if let Some(timer) = &mut this.head_timer
                    && timer.as_mut().poll(cx).is_ready()
                {
                    return Poll::Ready(Err(timed_out("the head of the request took too long")));
                }
            }
            _ => {}
        }
        read
    }
}

impl AsyncWrite for Socket {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_cut(cx)?;
        let wrote = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.written(cx, wrote)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.poll_cut(cx)?;
        let wrote = Pin::new(&mut self.stream).poll_write_vectored(cx, slices);
        self.written(cx, wrote)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

/// A response body that reports to its connection when it is sent or dropped.
pub(super) struct AnswerBody {
    body: Body,
    phase: Phase,
}

impl AnswerBody {
    pub(super) fn new(body: Body, phase: Phase) -> Self {
        Self { body, phase }
    }
}

impl Drop for AnswerBody {
    fn drop(&mut self) {
        self.phase.answer_ends();
    }
}

impl HttpBody for AnswerBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
