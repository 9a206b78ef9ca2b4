//! A provider on the loopback that behaves as badly as a test wants.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use reqwest::Url;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::Instant;

/// What becomes of one connection.
#[derive(Debug, Clone)]
pub(super) enum Then {
    /// These bytes, and the end.
    Say(String),
    /// The request is read, and that is all.
    Hang,
    /// Reset as soon as it is there.
    ResetAtOnce,
    /// Reset once something came, before any of it was read.
    ResetUnread,
    /// Reset once the whole request was read.
    ResetRead,
}

/// An answer with this status, these header lines (each ended by CR LF) and this body.
pub(super) fn say(status: u16, lines: &str, body: &str) -> Then {
    Then::Say(format!(
        "HTTP/1.1 {status} x\r\n{lines}content-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    ))
}

type Script = Box<dyn FnMut(usize) -> Then + Send>;

pub(super) struct Server {
    address: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    script: Mutex<Script>,
    /// The requests as text, and when they were whole.
    requests: Mutex<Vec<(String, Instant)>>,
    connections: Mutex<usize>,
    now: Mutex<(usize, usize)>,
}

impl Server {
    /// `script` says what happens to the n-th connection, beginning with 0.
    pub(super) async fn doing(script: impl FnMut(usize) -> Then + Send + 'static) -> Self {
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

    /// One after the other, the last one for ever.
    pub(super) async fn saying(answers: impl Into<Vec<Then>>) -> Self {
        let answers = answers.into();
        Self::doing(move |number| answers[number.min(answers.len() - 1)].clone()).await
    }

    /// An address where nobody listens.
    pub(super) async fn nowhere() -> Url {
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
        *self
            .shared
            .connections
            .lock()
            .expect("nobody panics with the lock")
    }

    pub(super) fn requests(&self) -> Vec<(String, Instant)> {
        self.shared
            .requests
            .lock()
            .expect("nobody panics with the lock")
            .clone()
    }

    /// The most requests that were under way at once.
    pub(super) fn most_at_once(&self) -> usize {
        self.shared
            .now
            .lock()
            .expect("nobody panics with the lock")
            .1
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
            let mut connections = self
                .connections
                .lock()
                .expect("nobody panics with the lock");
            *connections += 1;
            *connections - 1
        };
        let then = (self.script.lock().expect("nobody panics with the lock"))(number);
        if matches!(then, Then::ResetUnread) {
            drop(socket.peek(&mut [0]).await);
        }
        if matches!(then, Then::ResetUnread | Then::ResetAtOnce) {
            drop(socket.set_zero_linger());
            return;
        }
        let Some(request) = read(&mut socket).await else {
            return;
        };
        self.requests
            .lock()
            .expect("nobody panics with the lock")
            .push((request, Instant::now()));
        self.count(1);
        match then {
            Then::Say(answer) => {
                tokio::task::yield_now().await;
                if socket.write_all(answer.as_bytes()).await.is_ok() {
                    drop(socket.shutdown().await);
                }
            }
            // Until the client gives up.
            Then::Hang => drop(socket.read(&mut [0; 16]).await),
            Then::ResetRead | Then::ResetUnread | Then::ResetAtOnce => {
                drop(socket.set_zero_linger())
            }
        }
        self.count(-1);
    }

    fn count(&self, change: isize) {
        let mut now = self.now.lock().expect("nobody panics with the lock");
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
