//! A client of `graphql-transport-ws`.

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::{WebSocketStream, client_async_with_config};

use crate::Failure;
use crate::http::Target;

/// An acknowledged socket.
pub(crate) struct Socket(WebSocketStream<TcpStream>);

impl Socket {
    /// Connects and waits for the acknowledgement.
    ///
    /// # Errors
    /// When the server refuses.
    pub(crate) async fn connect(target: Target, token: &str) -> Result<Self, Failure> {
        let mut request = format!("ws://{}/graphql/ws", target.0).into_client_request()?;
        let headers = request.headers_mut();
        headers.insert(
            "sec-websocket-protocol",
            HeaderValue::from_static("graphql-transport-ws"),
        );
        headers.insert("authorization", format!("Bearer {token}").parse()?);
        let stream = TcpStream::connect(target.0).await?;
        // A thousand of them are open at once.
        let config = WebSocketConfig::default().read_buffer_size(4 * 1024);
        let (stream, _) = client_async_with_config(request, stream, Some(config)).await?;
        let mut socket = Self(stream);
        socket.send(json!({ "type": "connection_init" })).await?;
        match socket.receive().await? {
            message if message["type"] == "connection_ack" => Ok(socket),
            message => Err(format!("not acknowledged: {message}").into()),
        }
    }

    /// Starts an operation; returns its first message.
    pub(crate) async fn subscribe(&mut self, query: &str) -> Result<Value, Failure> {
        self.send(json!({ "type": "subscribe", "id": "1", "payload": { "query": query } }))
            .await?;
        self.next().await
    }

    /// The data of the next message of the operation.
    pub(crate) async fn next(&mut self) -> Result<Value, Failure> {
        let mut message = self.receive().await?;
        let payload = message["payload"].take();
        if message["type"] == "next" && payload.get("errors").is_none() {
            return Ok(payload);
        }
        Err(format!("the stream ended: {} {payload}", message["type"]).into())
    }

    /// Closes the socket and waits for the server's close frame.
    pub(crate) async fn close(mut self) -> Result<(), Failure> {
        self.0.close(None).await?;
        while self.0.next().await.is_some_and(|message| message.is_ok()) {}
        Ok(())
    }

    async fn send(&mut self, message: Value) -> Result<(), Failure> {
        Ok(self.0.send(Message::text(message.to_string())).await?)
    }

    async fn receive(&mut self) -> Result<Value, Failure> {
        loop {
            match self.0.next().await.ok_or("the socket ended")?? {
                Message::Text(text) => {
                    let message: Value = serde_json::from_str(&text)?;
                    if message["type"] != "ping" {
                        return Ok(message);
                    }
                    self.send(json!({ "type": "pong" })).await?;
                }
                Message::Close(frame) => {
                    return Err(format!("the server closed the socket: {frame:?}").into());
                }
                // The library answers pings of the WebSocket protocol itself.
                _ => {}
            }
        }
    }
}
