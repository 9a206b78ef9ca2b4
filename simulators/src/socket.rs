//! The sockets of a stand-in: an accept loop of its own, because a fault must be able to reset a
//! connection for real.

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{HeaderMap, Method, Response, Uri};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};

/// A request with its whole body.
pub(crate) struct Arrival {
    pub(crate) method: Method,
    pub(crate) uri: Uri,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// What becomes of a request.
pub(crate) enum Outcome {
    Answer(Response<Full<Bytes>>),
    /// The connection is torn down with a TCP reset and no byte of an answer.
    Reset,
}

/// What answers.
pub(crate) trait Handler: Send + Sync + 'static {
    fn handle(self: Arc<Self>, arrival: Arrival) -> impl Future<Output = Outcome> + Send;
}

/// A listening stand-in. Stops when dropped.
pub(crate) struct Server {
    address: SocketAddr,
    accepting: JoinHandle<()>,
}

impl Server {
    /// Listens on a free port of loopback.
    pub(crate) async fn bind() -> io::Result<(TcpListener, SocketAddr)> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        Ok((listener, address))
    }

    /// Answers whoever connects.
    pub(crate) fn serve<H: Handler>(
        listener: TcpListener,
        address: SocketAddr,
        handler: Arc<H>,
    ) -> Self {
        let accepting = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                tokio::select! {
                    accepted = listener.accept() => if let Ok((stream, _)) = accepted {
                        connections.spawn(converse(stream, handler.clone()));
                    },
                    Some(_) = connections.join_next() => {}
                }
            }
        });
        Self { address, accepting }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn converse<H: Handler>(stream: TcpStream, handler: Arc<H>) {
    // A peer that is gone is no error of ours.
    let _ = stream.set_nodelay(true);
    let cut = Arc::new(AtomicBool::new(false));
    let socket = Socket {
        stream,
        cut: cut.clone(),
    };
    let service = service_fn(move |request: http::Request<Incoming>| {
        let (handler, cut) = (handler.clone(), cut.clone());
        async move {
            let (head, body) = request.into_parts();
            let Ok(body) = body.collect().await else {
                return Err(Cut);
            };
            let arrival = Arrival {
                method: head.method,
                uri: head.uri,
                headers: head.headers,
                body: body.to_bytes(),
            };
            match handler.handle(arrival).await {
                Outcome::Answer(answer) => Ok(answer),
                Outcome::Reset => {
                    cut.store(true, Ordering::Release);
                    Err(Cut)
                }
            }
        }
    });
    let _ = http1::Builder::new()
        .title_case_headers(true)
        .serve_connection(TokioIo::new(socket), service)
        .await;
}

/// Tells hyper to give the connection up.
#[derive(Debug)]
struct Cut;

impl std::fmt::Display for Cut {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the connection is cut")
    }
}

impl std::error::Error for Cut {}

impl From<Infallible> for Cut {
    fn from(never: Infallible) -> Self {
        match never {}
    }
}

/// A stream that, once `cut`, ends with a reset instead of an orderly close.
struct Socket {
    stream: TcpStream,
    cut: Arc<AtomicBool>,
}

impl Drop for Socket {
    fn drop(&mut self) {
        if self.cut.load(Ordering::Acquire) {
            // With nothing to linger for, the kernel answers with RST.
            let _ = self.stream.set_zero_linger();
        }
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Socket {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.cut.load(Ordering::Acquire) {
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
