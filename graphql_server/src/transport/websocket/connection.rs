//! A socket: one task that polls the client's messages, the operations and the timers.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use async_graphql::Executor;
use axum::extract::ws::{CloseFrame, Message, WebSocket};
use futures_util::future::BoxFuture;
use futures_util::stream::{self, SplitSink, SplitStream};
use futures_util::{FutureExt, StreamExt};
use tokio::time::{Instant, Interval, MissedTickBehavior, Sleep, sleep_until};
use tokio_tungstenite::tungstenite::Error;
use tokio_tungstenite::tungstenite::error::ProtocolError;

use super::super::endpoint::{GaugeGuard, GraphqlEndpoint};
use super::super::error::coded;
use super::super::request::Params;
use super::super::response;
use super::super::run::Rejection;
use super::operations::{Event, Operations, Step};
use super::protocol::{self, CloseReason, Incoming, outgoing};
use super::send_queue::SendQueue;
use crate::hooks::{AuthError, ClientInfo, ConnectionPermit, Hooks, SessionEnd};

/// Time for the client to read our close frame, while it is still sending what is not read.
const LINGER: Duration = Duration::from_secs(1);

/// The state of the protocol.
enum Phase<V> {
    AwaitingInit {
        deadline: Pin<Box<Sleep>>,
    },
    Authenticating {
        viewer: BoxFuture<'static, Result<V, AuthError>>,
    },
    Acknowledged(Session<V>),
}

struct Session<V> {
    viewer: V,
    end: BoxFuture<'static, SessionEnd>,
    _permit: ConnectionPermit,
}

/// Why the loop ends.
enum End {
    /// The server closes.
    Close(CloseReason),
    /// The server closes, and cannot read what the client is still sending.
    CloseUnread(CloseReason),
    /// The client closes.
    ClosedByClient,
    /// The connection is lost.
    Disconnected,
}

impl From<CloseReason> for End {
    fn from(reason: CloseReason) -> Self {
        Self::Close(reason)
    }
}

pub(super) struct Connection<E, H: Hooks> {
    endpoint: Arc<GraphqlEndpoint<E, H>>,
    client: ClientInfo,
    /// From the header of the upgrade. `Err` if it is malformed.
    token: Result<Option<String>, ()>,
    incoming: SplitStream<WebSocket>,
    queue: SendQueue<SplitSink<WebSocket, Message>>,
    operations: Operations,
    phase: Phase<H::Viewer>,
    ping: Interval,
    last_received: Instant,
    _gauge: GaugeGuard,
}

impl<E: Executor, H: Hooks> Connection<E, H> {
    pub(super) fn new(
        endpoint: Arc<GraphqlEndpoint<E, H>>,
        client: ClientInfo,
        token: Result<Option<String>, ()>,
        socket: WebSocket,
    ) -> Self {
        let (sink, incoming) = socket.split();
        let now = Instant::now();
        let mut ping = tokio::time::interval_at(
            now + endpoint.limits.ping_interval,
            endpoint.limits.ping_interval,
        );
        ping.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let deadline = Box::pin(sleep_until(now + endpoint.limits.init_timeout));
        Self {
            _gauge: GaugeGuard::new(&endpoint.gauges.sockets),
            endpoint,
            client,
            token,
            incoming,
            queue: SendQueue::new(sink),
            operations: Operations::default(),
            phase: Phase::AwaitingInit { deadline },
            ping,
            last_received: now,
        }
    }

    pub(super) async fn run(mut self) {
        let end = loop {
            if let Err(end) = self.step().await {
                break end;
            }
        };
        let Self {
            endpoint,
            incoming,
            queue,
            operations,
            phase,
            _gauge,
            ..
        } = self;
        // Operations are dropped before the reason handshake, which may take its time.
        drop((operations, phase));
        let handshake = close(incoming, queue, end);
        // A client that does not answer the close frame in time is disconnected.
        let _ = tokio::time::timeout(endpoint.limits.close_timeout, handshake).await;
    }

    /// Handles the next thing that happens. Every branch is cancel safe.
    async fn step(&mut self) -> Result<(), End> {
        tokio::select! {
            biased;
            () = self.endpoint.lifecycle.shutdown.cancelled() => Err(CloseReason::going_away().into()),
            change = self.phase.change() => self.on_change(change).map_err(End::from),
            flushed = self.queue.flush(), if !self.queue.is_idle() => flushed.map_err(|_| End::Disconnected),
            message = self.incoming.next(), if self.queue.accepts_replies() => self.on_message(message),
            step = self.operations.next(), if self.queue.accepts_responses() => { self.on_operation(step); Ok(()) }
            _ = self.ping.tick() => self.on_ping_due(),
        }
    }

    /// Sends a ping, or gives up a client that has been silent for too long.
    fn on_ping_due(&mut self) -> Result<(), End> {
        if self.last_received.elapsed() >= self.endpoint.limits.idle_timeout {
            return Err(End::Disconnected);
        }
        if self.queue.accepts_replies() {
            self.queue.push(Message::Ping(bytes::Bytes::new()));
        }
        Ok(())
    }

    fn on_change(&mut self, change: Change<H::Viewer>) -> Result<(), CloseReason> {
        match change {
            Change::InitTimeout => Err(CloseReason::init_timeout()),
            Change::SessionEnded(end) => Err(end.into()),
            Change::Authenticated(viewer) => {
                let viewer = viewer?;
                let permit = self
                    .endpoint
                    .hooks
                    .connection_permit(Some(&viewer), &self.client)
                    .map_err(|_| CloseReason::too_many_sockets())?;
                let end = self.endpoint.hooks.session_end(&viewer);
                self.phase = Phase::Acknowledged(Session {
                    viewer,
                    end,
                    _permit: permit,
                });
                self.queue.push_text(outgoing::ACK.into());
                Ok(())
            }
        }
    }

    fn on_message(&mut self, message: Option<Result<Message, axum::Error>>) -> Result<(), End> {
        let message = match message {
            None => return Err(End::Disconnected),
            Some(Ok(Message::Close(_))) => return Err(End::ClosedByClient),
            Some(Err(error)) => return Err(protocol_error(&error)),
            Some(Ok(message)) => message,
        };
        self.last_received = Instant::now();
        match message {
            Message::Text(text) if text.len() > self.endpoint.limits.message_bytes => {
                Err(CloseReason::too_big().into())
            }
            Message::Text(text) => self.on_text(&text).map_err(End::from),
            Message::Binary(_) => Err(CloseReason::binary().into()),
            // The WebSocket library answers pings.
            Message::Ping(_) | Message::Pong(_) | Message::Close(_) => Ok(()),
        }
    }

    fn on_text(&mut self, text: &str) -> Result<(), CloseReason> {
        match Incoming::parse(text)? {
            Incoming::Init(payload) => {
                if !matches!(self.phase, Phase::AwaitingInit { .. }) {
                    return Err(CloseReason::second_init());
                }
                let sent = protocol::token(payload.as_ref());
                let token = match sent {
                    Ok(None) => self.token.clone(),
                    other => other,
                };
                self.phase = Phase::Authenticating {
                    viewer: self.authenticate(token),
                };
            }
            Incoming::Ping(payload) => self.queue.push_text(outgoing::pong(payload)),
            Incoming::Pong => {}
            Incoming::Complete { id } => self.operations.remove(&id),
            Incoming::Subscribe { id, params } => self.subscribe(id, *params)?,
        }
        Ok(())
    }

    fn authenticate(
        &self,
        token: Result<Option<String>, ()>,
    ) -> BoxFuture<'static, Result<H::Viewer, AuthError>> {
        let (endpoint, client) = (Arc::clone(&self.endpoint), self.client.clone());
        Box::pin(async move {
            let token = token.map_err(|()| AuthError::Invalid)?;
            endpoint.hooks.authenticate(token.as_deref(), &client).await
        })
    }

    fn subscribe(&mut self, id: String, params: Params) -> Result<(), CloseReason> {
        let Phase::Acknowledged(session) = &self.phase else {
            return Err(CloseReason::unauthorized());
        };
        if self.operations.contains(&id) {
            return Err(CloseReason::duplicate(&id));
        }
        let limit = self.endpoint.limits.operations_per_socket;
        if self.operations.len() >= limit {
            let error = coded(
                "TOO_MANY_OPERATIONS",
                format!("A socket may run {limit} operations at a time."),
            );
            self.queue
                .push_text(outgoing::error(&id, &response::write_error_list(&[error])));
            return Ok(());
        }
        let (endpoint, client, viewer) = (
            Arc::clone(&self.endpoint),
            self.client.clone(),
            session.viewer.clone(),
        );
        let events = async move {
            // Boxed, because it completes long before the operation does.
            match Box::pin(endpoint.prepare(params, &viewer, &client, |_| Ok(()))).await {
                Ok(operation) => endpoint.responses(operation).map(Event::Next).boxed(),
                Err(rejection) => {
                    let errors = match rejection {
                        Rejection::Request(errors) => errors,
                        Rejection::Transport(error) => vec![error.to_server_error()],
                    };
                    let event = Event::Error(response::write_error_list(&errors));
                    stream::once(async { event }).boxed()
                }
            }
        };
        let gauge = GaugeGuard::new(&self.endpoint.gauges.operations);
        self.operations
            .insert(id, events.flatten_stream().boxed(), gauge);
        Ok(())
    }

    fn on_operation(&mut self, (id, event): Step) {
        self.queue.push_text(match event {
            Some(Event::Next(response)) => outgoing::next(&id, &response),
            Some(Event::Error(errors)) => outgoing::error(&id, &errors),
            None => outgoing::complete(&id),
        });
    }
}

enum Change<V> {
    InitTimeout,
    Authenticated(Result<V, AuthError>),
    SessionEnded(SessionEnd),
}

impl<V> Phase<V> {
    async fn change(&mut self) -> Change<V> {
        match self {
            Self::AwaitingInit { deadline } => {
                deadline.as_mut().await;
                Change::InitTimeout
            }
            Self::Authenticating { viewer } => Change::Authenticated(viewer.as_mut().await),
            Self::Acknowledged(session) => Change::SessionEnded(session.end.as_mut().await),
        }
    }
}

/// Maps an error of the WebSocket protocol.
fn protocol_error(error: &axum::Error) -> End {
    match std::error::Error::source(error).and_then(|source| source.downcast_ref()) {
        Some(Error::Capacity(_)) => End::CloseUnread(CloseReason::too_big()),
        Some(Error::Utf8(_)) => CloseReason::new(1007, "Text must be UTF-8").into(),
        Some(Error::Protocol(ProtocolError::ResetWithoutClosingHandshake)) => End::Disconnected,
        Some(Error::Protocol(_)) => CloseReason::new(1002, "WebSocket protocol error").into(),
        _ => End::Disconnected,
    }
}

/// The reason handshake: both sides send a close frame. If a connection is cut while data is
/// unread or unsent, data in flight is lost, the close frame too.
async fn close(
    mut incoming: SplitStream<WebSocket>,
    mut queue: SendQueue<SplitSink<WebSocket, Message>>,
    end: End,
) {
    let (reason, unread) = match end {
        End::Disconnected => return,
        // The WebSocket library answers a close frame while it reads on.
        End::ClosedByClient => (None, false),
        End::Close(reason) => (Some(reason), false),
        End::CloseUnread(reason) => (Some(reason), true),
    };
    if let Some(reason) = reason {
        let frame = CloseFrame {
            code: reason.code,
            reason: reason.reason.as_ref().into(),
        };
        queue.push(Message::Close(Some(frame)));
        if queue.flush().await.is_err() {
            return;
        }
    }
    if unread {
        tokio::time::sleep(LINGER).await;
    }
    while let Some(Ok(_)) = incoming.next().await {}
}
