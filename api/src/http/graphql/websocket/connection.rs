//! One socket, one task: what the client says, what its operations say, and the clock.

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

use super::super::endpoint::{Counted, GraphqlEndpoint};
use super::super::fault::coded;
use super::super::gate::{AuthError, Caller, Gate, Seat, SessionEnd};
use super::super::request::Params;
use super::super::response;
use super::super::run::Stopped;
use super::operations::{Event, Operations, Step};
use super::outbox::Outbox;
use super::protocol::{self, Closing, Incoming, outgoing};

/// For the client to find our close frame while it is still sending what we no longer read.
const LINGER: Duration = Duration::from_secs(1);

/// How far the client has come.
enum Phase<V> {
    Silent {
        deadline: Pin<Box<Sleep>>,
    },
    Initialising {
        viewer: BoxFuture<'static, Result<V, AuthError>>,
    },
    Acknowledged(Session<V>),
}

struct Session<V> {
    viewer: V,
    end: BoxFuture<'static, SessionEnd>,
    _seat: Seat,
}

/// Why the loop ends.
enum End {
    /// We close.
    Closing(Closing),
    /// We close, and cannot read what the client is still sending.
    Unread(Closing),
    /// The client closes.
    Closed,
    /// The client is gone.
    Gone,
}

impl From<Closing> for End {
    fn from(closing: Closing) -> Self {
        Self::Closing(closing)
    }
}

pub(super) struct Connection<E, G: Gate> {
    endpoint: Arc<GraphqlEndpoint<E, G>>,
    caller: Caller,
    /// From the header of the upgrade. `Err` if it cannot be read.
    token: Result<Option<String>, ()>,
    incoming: SplitStream<WebSocket>,
    outbox: Outbox<SplitSink<WebSocket, Message>>,
    operations: Operations,
    phase: Phase<G::Viewer>,
    ping: Interval,
    heard: Instant,
    _counted: Counted,
}

impl<E: Executor, G: Gate> Connection<E, G> {
    pub(super) fn new(
        endpoint: Arc<GraphqlEndpoint<E, G>>,
        caller: Caller,
        token: Result<Option<String>, ()>,
        socket: WebSocket,
    ) -> Self {
        let (sink, incoming) = socket.split();
        let now = Instant::now();
        let mut ping = tokio::time::interval_at(now + endpoint.bounds.ping, endpoint.bounds.ping);
        ping.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let deadline = Box::pin(sleep_until(now + endpoint.bounds.init_time));
        Self {
            _counted: Counted::new(&endpoint.gauges.sockets),
            endpoint,
            caller,
            token,
            incoming,
            outbox: Outbox::new(sink),
            operations: Operations::default(),
            phase: Phase::Silent { deadline },
            ping,
            heard: now,
        }
    }

    pub(super) async fn run(mut self) {
        let end = loop {
            if let Err(end) = self.turn().await {
                break end;
            }
        };
        let Self {
            endpoint,
            incoming,
            outbox,
            operations,
            phase,
            _counted,
            ..
        } = self;
        // Whatever the client was promised or has taken is released before the farewell, which may
        // take its time.
        drop((operations, phase));
        let farewell = say_goodbye(incoming, outbox, end);
        // A client that does not answer is left without one.
        let _ = tokio::time::timeout(endpoint.bounds.close_time, farewell).await;
    }

    /// Waits for the next thing to happen and deals with it. Every branch may be dropped while
    /// another one is taken.
    async fn turn(&mut self) -> Result<(), End> {
        tokio::select! {
            biased;
            () = self.endpoint.lifecycle.shutdown.cancelled() => Err(Closing::going_away().into()),
            change = self.phase.change() => self.on_change(change).map_err(End::from),
            flushed = self.outbox.flush(), if !self.outbox.is_idle() => flushed.map_err(|_| End::Gone),
            message = self.incoming.next(), if self.outbox.takes_replies() => self.on_message(message),
            step = self.operations.next(), if self.outbox.takes_answers() => { self.on_step(step); Ok(()) }
            _ = self.ping.tick() => self.on_tick(),
        }
    }

    /// Asks for a sign of life, or gives up on the other side.
    fn on_tick(&mut self) -> Result<(), End> {
        if self.heard.elapsed() >= self.endpoint.bounds.silence {
            return Err(End::Gone);
        }
        if self.outbox.takes_replies() {
            self.outbox.push(Message::Ping(bytes::Bytes::new()));
        }
        Ok(())
    }

    fn on_change(&mut self, change: Change<G::Viewer>) -> Result<(), Closing> {
        match change {
            Change::InitTimeout => Err(Closing::init_timeout()),
            Change::Over(end) => Err(end.into()),
            Change::Authenticated(viewer) => {
                let viewer = viewer?;
                let seat = self
                    .endpoint
                    .gate
                    .seat(Some(&viewer), &self.caller)
                    .map_err(|_| Closing::too_many_sockets())?;
                let end = self.endpoint.gate.session_end(&viewer);
                self.phase = Phase::Acknowledged(Session {
                    viewer,
                    end,
                    _seat: seat,
                });
                self.outbox.push_text(outgoing::ACK.into());
                Ok(())
            }
        }
    }

    fn on_message(&mut self, message: Option<Result<Message, axum::Error>>) -> Result<(), End> {
        let message = match message {
            None => return Err(End::Gone),
            Some(Ok(Message::Close(_))) => return Err(End::Closed),
            Some(Err(error)) => return Err(broken(&error)),
            Some(Ok(message)) => message,
        };
        self.heard = Instant::now();
        match message {
            Message::Text(text) if text.len() > self.endpoint.bounds.message => {
                Err(Closing::too_big().into())
            }
            Message::Text(text) => self.on_text(&text).map_err(End::from),
            Message::Binary(_) => Err(Closing::binary().into()),
            // The library answers pings by itself.
            Message::Ping(_) | Message::Pong(_) | Message::Close(_) => Ok(()),
        }
    }

    fn on_text(&mut self, text: &str) -> Result<(), Closing> {
        match Incoming::parse(text)? {
            Incoming::Init(payload) => {
                if !matches!(self.phase, Phase::Silent { .. }) {
                    return Err(Closing::second_init());
                }
                let shown = protocol::token(payload.as_ref());
                let token = match shown {
                    Ok(None) => self.token.clone(),
                    other => other,
                };
                self.phase = Phase::Initialising {
                    viewer: self.authenticate(token),
                };
            }
            Incoming::Ping(payload) => self.outbox.push_text(outgoing::pong(payload)),
            Incoming::Pong => {}
            Incoming::Complete { id } => self.operations.remove(&id),
            Incoming::Subscribe { id, params } => self.subscribe(id, *params)?,
        }
        Ok(())
    }

    fn authenticate(
        &self,
        token: Result<Option<String>, ()>,
    ) -> BoxFuture<'static, Result<G::Viewer, AuthError>> {
        let (endpoint, caller) = (Arc::clone(&self.endpoint), self.caller.clone());
        Box::pin(async move {
            let token = token.map_err(|()| AuthError::Invalid)?;
            endpoint.gate.authenticate(token.as_deref(), &caller).await
        })
    }

    fn subscribe(&mut self, id: String, params: Params) -> Result<(), Closing> {
        let Phase::Acknowledged(session) = &self.phase else {
            return Err(Closing::unauthorized());
        };
        if self.operations.contains(&id) {
            return Err(Closing::duplicate(&id));
        }
        let most = self.endpoint.bounds.operations_per_socket;
        if self.operations.len() >= most {
            let error = coded(
                "TOO_MANY_OPERATIONS",
                format!("A socket may run {most} operations at a time."),
            );
            self.outbox
                .push_text(outgoing::error(&id, &response::write_error_list(&[error])));
            return Ok(());
        }
        let (endpoint, caller, viewer) = (
            Arc::clone(&self.endpoint),
            self.caller.clone(),
            session.viewer.clone(),
        );
        let events = async move {
            // Boxed: it is done with long before the operation is.
            match Box::pin(endpoint.ready(params, &viewer, &caller, |_| Ok(()))).await {
                Ok(ready) => endpoint.answers(ready).map(Event::Next).boxed(),
                Err(stopped) => {
                    let errors = match stopped {
                        Stopped::Refused(errors) => errors,
                        Stopped::Fault(fault) => vec![fault.as_error()],
                    };
                    let refused = Event::Refused(response::write_error_list(&errors));
                    stream::once(async { refused }).boxed()
                }
            }
        };
        let counted = Counted::new(&self.endpoint.gauges.operations);
        self.operations
            .insert(id, events.flatten_stream().boxed(), counted);
        Ok(())
    }

    fn on_step(&mut self, (id, event): Step) {
        self.outbox.push_text(match event {
            Some(Event::Next(answer)) => outgoing::next(&id, &answer),
            Some(Event::Refused(errors)) => outgoing::error(&id, &errors),
            None => outgoing::complete(&id),
        });
    }
}

enum Change<V> {
    InitTimeout,
    Authenticated(Result<V, AuthError>),
    Over(SessionEnd),
}

impl<V> Phase<V> {
    async fn change(&mut self) -> Change<V> {
        match self {
            Self::Silent { deadline } => {
                deadline.as_mut().await;
                Change::InitTimeout
            }
            Self::Initialising { viewer } => Change::Authenticated(viewer.as_mut().await),
            Self::Acknowledged(session) => Change::Over(session.end.as_mut().await),
        }
    }
}

/// What the other side did to the WebSocket protocol itself.
fn broken(error: &axum::Error) -> End {
    match std::error::Error::source(error).and_then(|source| source.downcast_ref()) {
        Some(Error::Capacity(_)) => End::Unread(Closing::too_big()),
        Some(Error::Utf8(_)) => Closing::new(1007, "Text must be UTF-8").into(),
        Some(Error::Protocol(ProtocolError::ResetWithoutClosingHandshake)) => End::Gone,
        Some(Error::Protocol(_)) => Closing::new(1002, "WebSocket protocol error").into(),
        _ => End::Gone,
    }
}

/// Ends the WebSocket handshake the way it began: both sides say it. A connection that is cut while
/// something is unread or unsent loses what is on its way, the close frame included.
async fn say_goodbye(
    mut incoming: SplitStream<WebSocket>,
    mut outbox: Outbox<SplitSink<WebSocket, Message>>,
    end: End,
) {
    let (closing, unread) = match end {
        End::Gone => return,
        // The library answers a close frame while it reads on.
        End::Closed => (None, false),
        End::Closing(closing) => (Some(closing), false),
        End::Unread(closing) => (Some(closing), true),
    };
    if let Some(closing) = closing {
        let frame = CloseFrame {
            code: closing.code,
            reason: closing.reason.as_ref().into(),
        };
        outbox.push(Message::Close(Some(frame)));
        if outbox.flush().await.is_err() {
            return;
        }
    }
    if unread {
        tokio::time::sleep(LINGER).await;
    }
    while let Some(Ok(_)) = incoming.next().await {}
}
