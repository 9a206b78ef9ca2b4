//! A stand-in for Clerk's key endpoint over HTTP on the loopback, which counts requests and can be
//! switched and stopped.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

pub(super) struct Clerk {
    address: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    answer: Mutex<(u16, String)>,
    asked: AtomicUsize,
    arrivals: Semaphore,
    gate: Semaphore,
}

impl Clerk {
    pub(super) async fn serving(keys: &Value) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0")
            .await
            .expect("a free loopback port");
        let address = listener
            .local_addr()
            .expect("a bound socket has an address");
        let shared = Arc::new(Shared {
            answer: Mutex::new((200, keys.to_string())),
            asked: AtomicUsize::new(0),
            arrivals: Semaphore::new(0),
            gate: Semaphore::new(Semaphore::MAX_PERMITS),
        });
        let server = Arc::clone(&shared);
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                tokio::spawn(Arc::clone(&server).converse(socket));
            }
        });
        Self { address, shared }
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}/.well-known/jwks.json", self.address)
    }

    /// Sets the response to later requests.
    pub(super) fn answer(&self, status: u16, body: impl ToString) {
        *self.shared.answer.lock().expect("no holder panics") = (status, body.to_string());
    }

    pub(super) fn requests(&self) -> usize {
        self.shared.asked.load(Ordering::SeqCst)
    }

    /// Lets later requests hang without a response.
    pub(super) fn hold(&self) {
        self.shared.gate.forget_permits(Semaphore::MAX_PERMITS);
    }

    pub(super) fn release(&self) {
        self.shared.gate.add_permits(Semaphore::MAX_PERMITS);
    }

    /// Waits for the next request to arrive.
    pub(super) async fn arrival(&self) {
        self.shared
            .arrivals
            .acquire()
            .await
            .expect("the semaphore is never closed")
            .forget();
    }
}

impl Shared {
    async fn converse(self: Arc<Self>, mut socket: TcpStream) {
        let mut request = Vec::new();
        while let Ok(1..) = socket.read_buf(&mut request).await {
            if !request.ends_with(b"\r\n\r\n") {
                continue;
            }
            assert!(
                request.starts_with(b"GET /.well-known/jwks.json "),
                "a request for something else"
            );
            request.clear();
            self.asked.fetch_add(1, Ordering::SeqCst);
            self.arrivals.add_permits(1);
            let permit = self
                .gate
                .acquire()
                .await
                .expect("the semaphore is never closed");
            let (status, body) = self.answer.lock().expect("no holder panics").clone();
            drop(permit);
            let head = format!(
                "HTTP/1.1 {status} x\r\ncontent-length: {}\r\n\r\n",
                body.len()
            );
            if socket.write_all((head + &body).as_bytes()).await.is_err() {
                return;
            }
        }
    }
}
