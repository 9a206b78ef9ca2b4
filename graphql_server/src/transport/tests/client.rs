//! A WebSocket client for tests.

use futures_util::{SinkExt, StreamExt};
use http::Request;
use serde_json::{Value, json};
use tokio::io::DuplexStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::{self, Message};

use super::test_server::TestServer;

/// A client.
pub(super) struct Socket(pub(super) WebSocketStream<DuplexStream>);

pub(super) fn handshake() -> http::request::Builder {
    Request::get("ws://localhost/graphql/ws")
        .header("host", "localhost")
        .header("connection", "Upgrade")
        .header("upgrade", "websocket")
        .header("sec-websocket-version", "13")
        .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")
}

impl TestServer {
    pub(super) async fn try_open(
        &self,
        request: http::request::Builder,
        buffer: usize,
    ) -> Result<Socket, tungstenite::Error> {
        let request = request.body(()).expect("a request");
        Ok(Socket(
            tokio_tungstenite::client_async(request, self.connect(buffer))
                .await?
                .0,
        ))
    }

    pub(super) async fn open(&self) -> Socket {
        let request = handshake().header("sec-websocket-protocol", "graphql-transport-ws");
        self.try_open(request, 64 * 1024)
            .await
            .expect("an open socket")
    }

    pub(super) async fn acknowledged(&self, payload: Value) -> Socket {
        let mut socket = self.open().await;
        socket
            .send(json!({"type": "connection_init", "payload": payload}))
            .await;
        assert_eq!(socket.next().await, json!({"type": "connection_ack"}));
        socket
    }

    pub(super) async fn status(&self, request: http::request::Builder) -> u16 {
        match self.try_open(request, 64 * 1024).await.map(drop) {
            Err(tungstenite::Error::Http(response)) => response.status().as_u16(),
            other => panic!("expected an HTTP answer, got {other:?}"),
        }
    }
}

impl Socket {
    pub(super) async fn say(&mut self, message: Message) {
        self.0.send(message).await.expect("an open socket");
    }

    pub(super) async fn send(&mut self, message: Value) {
        self.say(Message::text(message.to_string())).await;
    }

    pub(super) async fn subscribe(&mut self, id: &str, query: &str) {
        self.send(json!({"id": id, "type": "subscribe", "payload": {"query": query}}))
            .await;
    }

    pub(super) async fn next(&mut self) -> Value {
        loop {
            match self
                .0
                .next()
                .await
                .expect("an open socket")
                .expect("a message")
            {
                Message::Text(text) => return serde_json::from_str(&text).expect("JSON"),
                Message::Ping(_) | Message::Pong(_) => {}
                other => panic!("unexpected {other:?}"),
            }
        }
    }

    /// Returns the messages until the socket is closed, and the close frame.
    pub(super) async fn closed(mut self) -> (Vec<Value>, u16, String) {
        let mut said = Vec::new();
        while let Some(message) = self.0.next().await {
            match message.expect("a clean end") {
                Message::Text(text) => said.push(serde_json::from_str(&text).expect("JSON")),
                Message::Close(frame) => {
                    let frame = frame.expect("a reason");
                    // Reading on answers the close frame, and ends when the server has received the
                    // answer.
                    while self.0.next().await.is_some() {}
                    return (said, frame.code.into(), frame.reason.to_string());
                }
                _ => {}
            }
        }
        panic!("the socket ended without a close frame after {said:?}");
    }

    #[track_caller]
    pub(super) fn assert_closed(self, code: u16, reason: &str) -> impl Future<Output = ()> {
        let reason = reason.to_owned();
        async move {
            let (said, found, text) = self.closed().await;
            assert_eq!((said, found, text), (Vec::new(), code, reason));
        }
    }

    /// Asserts that no message is pending: the next one is the answer to a ping.
    pub(super) async fn assert_silent(&mut self) {
        self.send(json!({"type": "ping"})).await;
        assert_eq!(self.next().await, json!({"type": "pong"}));
    }
}
