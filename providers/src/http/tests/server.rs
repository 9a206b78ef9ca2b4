//! A scripted HTTP server on the loopback, with connection faults.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use reqwest::Url;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::Instant;

/// What the server does with one connection.
#[derive(Debug, Clone)]
pub(super) enum Action {
    /// Sends these bytes and closes.
    Send(String),
    /// Reads the request and never responds.
    Hang,
    /// Resets the connection at once.
    ResetAtOnce,
    /// Resets once bytes arrived, before reading any.
    ResetUnread,
    /// Resets after reading the whole request.
    ResetRead,
}

/// An response with this status, these header lines (each ended by CR LF) and this body.
pub(super) fn respond(status: u16, lines: &str, body: &str) -> Action {
    Action::Send(format!(
        "HTTP/1.1 {status} x\r\n{lines}content-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    ))
}

type Script = Box<dyn FnMut(usize) -> Action + Send>;

pub(super) struct Server {
    address: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    script: Mutex<Script>,
    /// The requests as text, and when they were complete.
    requests: Mutex<Vec<(String, Instant)>>,
    connections: Mutex<usize>,
    now: Mutex<(usize, usize)>,
}

impl Server {
    /// `script` says what happens to the n-th connection, beginning with 0.
    pub(super) async fn scripted(script: impl FnMut(usize) -> Action + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0")
            .await
            .expect("a free loopback port");
        let address = listener
            .local_addr()
            .expect("a bound socket has an address");
        let shared = Arc::new(Shared {
            script: Mutex::new(Box::new(script)),
            requests: Mutex::default(),
            connections: Mutex::default(),
            now: Mutex::default(),
        });
        let server = Arc::clone(&shared);
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                tokio::spawn(Arc::clone(&server).converse(socket));
            }
        });
        Self { address, shared }
    }

    /// One action per connection in this order; the last one repeats.
    pub(super) async fn sequence(responses: impl Into<Vec<Action>>) -> Self {
        let responses = responses.into();
        Self::scripted(move |number| responses[number.min(responses.len() - 1)].clone()).await
    }

    /// An address where no server listens.
    pub(super) async fn unreachable() -> Url {
        let listener = TcpListener::bind("127.0.0.1:0")
            .await
            .expect("a free loopback port");
        url(listener
            .local_addr()
            .expect("a bound socket has an address"))
    }

    pub(super) fn url(&self) -> Url {
        url(self.address)
    }

    pub(super) fn connections(&self) -> usize {
        *self.shared.connections.lock().expect("no holder panics")
    }

    pub(super) fn requests(&self) -> Vec<(String, Instant)> {
        self.shared
            .requests
            .lock()
            .expect("no holder panics")
            .clone()
    }

    /// The maximum number of concurrent requests.
    pub(super) fn most_at_once(&self) -> usize {
        self.shared.now.lock().expect("no holder panics").1
    }
}

fn url(address: SocketAddr) -> Url {
    format!("http://{address}/v2/things/uid-s3cret?token=s3cret")
        .parse()
        .expect("a well-formed URL")
}

impl Shared {
    async fn converse(self: Arc<Self>, mut socket: TcpStream) {
        let number = {
            let mut connections = self.connections.lock().expect("no holder panics");
            *connections += 1;
            *connections - 1
        };
        let then = (self.script.lock().expect("no holder panics"))(number);
        if matches!(then, Action::ResetUnread) {
            drop(socket.peek(&mut [0]).await);
        }
        if matches!(then, Action::ResetUnread | Action::ResetAtOnce) {
            drop(socket.set_zero_linger());
            return;
        }
        let Some(request) = read(&mut socket).await else {
            return;
        };
        self.requests
            .lock()
            .expect("no holder panics")
            .push((request, Instant::now()));
        self.count(1);
        match then {
            Action::Send(response) => {
                tokio::task::yield_now().await;
                if socket.write_all(response.as_bytes()).await.is_ok() {
                    drop(socket.shutdown().await);
                }
            }
            // Until the client gives up.
            Action::Hang => drop(socket.read(&mut [0; 16]).await),
            Action::ResetRead | Action::ResetUnread | Action::ResetAtOnce => {
                drop(socket.set_zero_linger())
            }
        }
        self.count(-1);
    }

    fn count(&self, change: isize) {
        let mut now = self.now.lock().expect("no holder panics");
        now.0 = now.0.saturating_add_signed(change);
        now.1 = now.1.max(now.0);
    }
}

/// The whole request, body included.
async fn read(socket: &mut TcpStream) -> Option<String> {
    let mut text = String::new();
    let mut buffer = [0; 4096];
    loop {
        let read = socket
            .read(&mut buffer)
            .await
            .ok()
            .filter(|read| *read > 0)?;
        text.push_str(&String::from_utf8_lossy(&buffer[..read]));
        let Some((head, body)) = text.split_once("\r\n\r\n") else {
            continue;
        };
        let length = head
            .to_ascii_lowercase()
            .split("content-length: ")
            .nth(1)
            .map_or(0, |rest| {
                rest.lines()
                    .next()
                    .and_then(|number| number.trim().parse().ok())
                    .unwrap_or(0)
            });
        if body.len() >= length {
            return Some(text);
        }
    }
}
