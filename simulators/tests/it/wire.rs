//! Both ends of HTTP for the replay: a client that sends what was recorded, and a subscriber that
//! keeps what it gets.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// What came back.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Value,
    /// The body as it came, JSON or not.
    pub(crate) text: String,
}

/// Sends one request over a connection of its own.
pub(crate) async fn send(
    base: &str,
    method: &str,
    path: &str,
    headers: &[(String, String)],
    body: Option<String>,
) -> Answer {
    try_send(base, method, path, headers, body)
        .await
        .expect("an answer")
}

/// The same; `None` when the connection ends before the whole answer has come.
pub(crate) async fn try_send(
    base: &str,
    method: &str,
    path: &str,
    headers: &[(String, String)],
    body: Option<String>,
) -> Option<Answer> {
    let address = base.trim_start_matches("http://");
    let stream = TcpStream::connect(address)
        .await
        .expect("the stand-in listens");
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .expect("HTTP/1.1");
    let driving = tokio::spawn(connection);
    let mut request = Request::builder()
        .method(method)
        .uri(path)
        .header("host", address);
    for (name, value) in headers {
        request = request.header(name, value);
    }
    let request = request
        .body(Full::new(Bytes::from(body.unwrap_or_default())))
        .expect("a recorded request is sound");
    let answer = sender.send_request(request).await;
    let (head, body) = answer.ok()?.into_parts();
    let bytes = body.collect().await.ok()?.to_bytes();
    driving.abort();
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let body = serde_json::from_slice(&bytes).unwrap_or_default();
    Some(Answer {
        status: head.status.as_u16(),
        headers: head.headers,
        body,
        text,
    })
}

/// A webhook that arrived.
pub(crate) struct Delivered {
    pub(crate) path: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// Somebody who subscribes to everything.
#[derive(Clone)]
pub(crate) struct Subscriber {
    pub(crate) url: String,
    delivered: Arc<Mutex<Vec<Delivered>>>,
    /// Whether it lets senders wait for their answers.
    pub(crate) busy: watch::Sender<bool>,
}

impl Subscriber {
    pub(crate) async fn listen() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0))
            .await
            .expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("it is bound"));
        let delivered = Arc::new(Mutex::new(Vec::new()));
        let busy = watch::Sender::new(false);
        let (kept, working) = (delivered.clone(), busy.clone());
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (kept, working) = (kept.clone(), working.clone());
                tokio::spawn(async move {
                    let service =
                        service_fn(move |request| keep(kept.clone(), working.subscribe(), request));
                    let _ = hyper::server::conn::http1::Builder::new()
                        .serve_connection(TokioIo::new(stream), service)
                        .await;
                });
            }
        });
        Self {
            url,
            delivered,
            busy,
        }
    }

    /// What arrived since the last time.
    pub(crate) fn take(&self) -> Vec<Delivered> {
        std::mem::take(
            &mut *self
                .delivered
                .lock()
                .expect("nobody panics while holding it"),
        )
    }
}

async fn keep(
    kept: Arc<Mutex<Vec<Delivered>>>,
    mut busy: watch::Receiver<bool>,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.expect("a whole body").to_bytes();
    let delivered = Delivered {
        path: head.uri.path().to_owned(),
        headers: head.headers,
        body,
    };
    kept.lock()
        .expect("nobody panics while holding it")
        .push(delivered);
    let _ = busy.wait_for(|busy| !busy).await;
    Ok(Response::new(Full::new(Bytes::new())))
}
