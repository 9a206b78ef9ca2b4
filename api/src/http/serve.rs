//! The accept loop. axum's own has no timeouts, so a client that sends a byte a minute would occupy
//! a connection for ever.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use http::{Request, Response, StatusCode};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::Service as _;

use super::connection::{AnswerBody, ConnectionGuards, Phase, Socket};
pub use super::limits::ServeLimits;

/// Result of a shutdown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ShutdownReport {
    /// Connections still open at the deadline, which were cut.
    pub cut: usize,
    /// From the shutdown signal to the end of the last connection.
    pub took: Duration,
}

impl ShutdownReport {
    pub fn is_clean(&self) -> bool {
        self.cut == 0
    }
}

struct Server {
    router: Router,
    limits: ServeLimits,
    http: http1::Builder,
    /// Stops accepting requests.
    shutdown: CancellationToken,
    /// Closes open connections.
    cut: CancellationToken,
    open: TaskTracker,
}

/// Serves until `shutdown` is cancelled. Then stops accepting, lets requests in flight finish, and
/// cuts the remaining connections after `deadline`. Upgraded sockets are expected to observe the
/// same token and to close on their own.
pub async fn run(
    listener: TcpListener,
    router: Router,
    limits: ServeLimits,
    shutdown: CancellationToken,
    deadline: Duration,
) -> ShutdownReport {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(limits.keep_alive.max(limits.head_timeout))
        .max_header_size(limits.head_bytes)
        .max_buf_size((limits.head_bytes * 2).max(16 * 1024));
    let (cut, open) = (CancellationToken::new(), TaskTracker::new());
    let server = Arc::new(Server {
        router: router.with_state(()),
        limits,
        http,
        shutdown,
        cut,
        open,
    });
    accept(&server, listener).await;
    server.drain(deadline).await
}

/// Accepts until shutdown; closes the listener before it returns.
async fn accept(server: &Arc<Server>, listener: TcpListener) {
    let room = Arc::new(Semaphore::new(
        server.limits.connections.min(Semaphore::MAX_PERMITS),
    ));
    let shutdown = server.shutdown.clone();
    loop {
        let next = async {
            let permit = Arc::clone(&room)
                .acquire_owned()
                .await
                .expect("the semaphore is never closed");
            (permit, listener.accept().await)
        };
        let (permit, accepted) = tokio::select! {
            biased;
            () = shutdown.cancelled() => return,
            next = next => next,
        };
        match accepted {
            Ok((stream, peer)) => {
                let guards = ConnectionGuards {
                    permit,
                    tracked: server.open.token(),
                };
                tokio::spawn(Arc::clone(server).connection(stream, peer, guards));
            }
            Err(error) if is_of_one_connection(&error) => {}
            Err(error) => {
                tracing::error!(%error, "Accept failed; retrying");
                tokio::select! {
                    () = shutdown.cancelled() => return,
                    () = sleep(server.limits.accept_pause) => {}
                }
            }
        }
    }
}

/// Whether the error concerns only the accepted connection (the peer disconnected before accept)
/// and not the listener.
fn is_of_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    matches!(
        error.kind(),
        ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted
    )
}

impl Server {
    async fn connection(
        self: Arc<Self>,
        stream: TcpStream,
        peer: SocketAddr,
        guards: ConnectionGuards,
    ) {
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "A connection failed before its first request");
            return;
        }
        let phase = Phase::new();
        let socket = Socket::new(
            stream,
            phase.clone(),
            &self.limits,
            self.cut.clone(),
            guards,
        );
        let router = self.router.clone();
        let service =
            service_fn(move |request| answer(router.clone(), request, peer, phase.clone()));
        let connection = self
            .http
            .serve_connection(TokioIo::new(socket), service)
            .with_upgrades();
        let mut connection = std::pin::pin!(connection);
        let ended = tokio::select! {
            biased;
            ended = connection.as_mut() => ended,
            () = self.shutdown.cancelled() => {
                connection.as_mut().graceful_shutdown();
                tokio::select! {
                    biased;
                    ended = connection.as_mut() => ended,
                    () = self.cut.cancelled() => return,
                }
            }
        };
        if let Err(error) = ended {
            tracing::debug!(%error, "A connection failed");
        }
    }

    async fn drain(&self, deadline: Duration) -> ShutdownReport {
        let start = Instant::now();
        self.open.close();
        let mut cut = 0;
        if timeout(deadline, self.open.wait()).await.is_err() {
            cut = self.open.len();
            self.cut.cancel();
            tracing::warn!(
                connections = cut,
                "Shutdown deadline reached: cutting the remaining connections"
            );
            // A handler that never yields cannot be cancelled, and must not block the exit.
            let _ = timeout(Duration::from_secs(1), self.open.wait()).await;
        }
        ShutdownReport {
            cut,
            took: start.elapsed(),
        }
    }
}

async fn answer(
    mut router: Router,
    request: Request<Incoming>,
    peer: SocketAddr,
    phase: Phase,
) -> Result<Response<AnswerBody>, Infallible> {
    phase.request_begins();
    let mut request = request.map(Body::new);
    request.extensions_mut().insert(ConnectInfo(peer));
    let response = router.call(request).await?;
    if response.status() == StatusCode::SWITCHING_PROTOCOLS {
        phase.upgraded();
    }
    Ok(response.map(|body| AnswerBody::new(body, phase)))
}

#[cfg(test)]
#[path = "serve_tests.rs"]
mod tests;
