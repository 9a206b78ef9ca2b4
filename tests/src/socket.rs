//! A WebSocket that speaks `graphql-transport-ws`.

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use crate::soon;

/// One end of a socket.
pub struct Socket(WebSocketStream<MaybeTlsStream<TcpStream>>);

/// What the server says on it.
#[derive(Clone, Debug, PartialEq)]
pub enum Frame {
    /// A message of the protocol.
    Message(Value),
    /// It closes, with a code and a reason.
    Closed(u16, String),
    /// The connection ended without a close frame.
    Gone,
}

impl Socket {
    /// Opens a socket, and sends nothing yet.
    ///
    /// # Panics
    /// When the server does not want it.
    pub async fn connect(url: &str) -> Self {
        let mut request = url.into_client_request().expect("a good URL");
        let protocol = "graphql-transport-ws".parse().expect("a good header");
        request
            .headers_mut()
            .insert("sec-websocket-protocol", protocol);
        let (socket, _) = soon("opening a socket", connect_async(request))
            .await
            .expect("the server takes sockets");
        Self(socket)
    }

    /// Says who they are, and waits until the server agrees.
    ///
    /// # Panics
    /// When it does not.
    pub async fn init(&mut self, payload: Option<Value>) {
        self.send(
            json!({ "type": "connection_init", "payload": payload.unwrap_or_else(|| json!({})) }),
        )
        .await;
        let answer = self.frame().await;
        assert!(
            matches!(&answer, Frame::Message(message) if message["type"] == "connection_ack"),
            "{answer:?}"
        );
    }

    /// Begins an operation.
    pub async fn subscribe(&mut self, id: &str, query: &str, variables: Value) {
        let payload = json!({ "query": query, "variables": variables });
        self.send(json!({ "id": id, "type": "subscribe", "payload": payload }))
            .await;
    }

    /// Sends a message.
    ///
    /// # Panics
    /// When the socket is closed.
    pub async fn send(&mut self, message: Value) {
        self.0
            .send(Message::text(message.to_string()))
            .await
            .expect("the socket is open");
    }

    /// What the server says next, apart from pings.
    pub async fn frame(&mut self) -> Frame {
        soon("a message on a socket", self.next()).await
    }

    async fn next(&mut self) -> Frame {
        loop {
            match self.0.next().await {
                Some(Ok(Message::Text(text))) => {
                    let message: Value =
                        serde_json::from_str(&text).expect("the server writes JSON");
                    if message["type"] != "ping" && message["type"] != "pong" {
                        return Frame::Message(message);
                    }
                }
                Some(Ok(Message::Close(frame))) => {
                    let frame = frame.map(|frame| (frame.code.into(), frame.reason.to_string()));
                    let (code, reason) = frame.unwrap_or((1005, String::new()));
                    return Frame::Closed(code, reason);
                }
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return Frame::Gone,
            }
        }
    }

    /// Closes it from this end.
    pub async fn close(mut self) {
        let _ = self.0.close(None).await;
        while let Some(Ok(_)) = self.0.next().await {}
    }
}
