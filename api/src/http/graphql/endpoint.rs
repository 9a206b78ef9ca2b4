//! Everything the transport is made of, and its routes.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use async_graphql::Executor;
use axum::Router;
use axum::routing::any;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::gate::Gate;
use super::headers::Origins;
use super::{post, websocket};
use crate::graphql::document::{Documents, Policy};
use crate::graphql::engine::Engine;

/// Sizes and times of the transport.
#[derive(Clone, Debug)]
pub struct Bounds {
    /// Bytes of a request body and of a message on a socket.
    pub message: usize,
    /// For a request body to arrive.
    pub body_time: Duration,
    /// For a query to run. A mutation runs to its end.
    pub execution_time: Duration,
    /// For `connection_init` to arrive on a new socket.
    pub init_time: Duration,
    /// Between two pings on a socket.
    pub ping: Duration,
    /// Without a sign of life from the other side of a socket: then it is dropped.
    pub silence: Duration,
    /// For the other side to answer a close, and for what is queued before it to leave.
    pub close_time: Duration,
    /// Between two comments on an event stream.
    pub heartbeat: Duration,
    /// Operations that run on one socket.
    pub operations_per_socket: usize,
    /// Queries and mutations that run in the process. More are answered 503.
    pub executing: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            message: 256 * 1024,
            body_time: Duration::from_secs(10),
            execution_time: Duration::from_secs(10),
            init_time: Duration::from_secs(10),
            ping: Duration::from_secs(25),
            silence: Duration::from_secs(60),
            close_time: Duration::from_secs(5),
            heartbeat: Duration::from_secs(15),
            operations_per_socket: 50,
            executing: 512,
        }
    }
}

/// What is live now.
#[derive(Clone, Debug, Default)]
pub struct Gauges {
    /// Sockets that have been opened and not yet closed.
    pub sockets: Arc<AtomicI64>,
    /// Operations on sockets and event streams.
    pub operations: Arc<AtomicI64>,
}

/// One of something that is counted, for as long as it lives.
pub(super) struct Counted(Arc<AtomicI64>);

impl Counted {
    pub(super) fn new(gauge: &Arc<AtomicI64>) -> Self {
        gauge.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(gauge))
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// How the process stops: `shutdown` closes sockets (1001, so that clients come back elsewhere) and
/// ends event streams; `tracker` holds the sockets and the mutations that are still to be waited
/// for.
#[derive(Clone, Debug, Default)]
pub struct Lifecycle {
    pub shutdown: CancellationToken,
    pub tracker: TaskTracker,
}

/// The endpoint: `E` runs documents, `G` knows the application.
pub struct GraphqlEndpoint<E, G> {
    pub(super) engine: Engine<E>,
    pub(super) gate: G,
    pub(super) documents: Documents,
    pub(super) origins: Origins,
    pub(super) bounds: Bounds,
    pub(super) lifecycle: Lifecycle,
    pub(super) gauges: Gauges,
    pub(super) executing: Arc<Semaphore>,
}

impl<E: Executor, G: Gate> GraphqlEndpoint<E, G> {
    pub fn new(engine: Engine<E>, gate: G, policy: Policy) -> Self {
        let documents = Documents::new(policy, engine.types());
        let bounds = Bounds::default();
        let executing = Arc::new(Semaphore::new(bounds.executing));
        let (origins, lifecycle, gauges) =
            (Origins::default(), Lifecycle::default(), Gauges::default());
        Self {
            engine,
            gate,
            documents,
            origins,
            bounds,
            lifecycle,
            gauges,
            executing,
        }
    }

    /// The pages that may call: CORS and the `Origin` of sockets.
    #[must_use]
    pub fn with_origins(self, origins: Origins) -> Self {
        Self { origins, ..self }
    }

    #[must_use]
    pub fn with_bounds(self, bounds: Bounds) -> Self {
        let executing = Arc::new(Semaphore::new(bounds.executing));
        Self {
            bounds,
            executing,
            ..self
        }
    }

    #[must_use]
    pub fn with_lifecycle(self, lifecycle: Lifecycle) -> Self {
        Self { lifecycle, ..self }
    }

    #[must_use]
    pub fn with_gauges(self, gauges: Gauges) -> Self {
        Self { gauges, ..self }
    }
}

/// `/graphql` (HTTP), `/graphql/stream` (server-sent events) and `/graphql/ws` (WebSocket).
pub fn router<E: Executor, G: Gate>(endpoint: GraphqlEndpoint<E, G>) -> Router {
    Router::new()
        .route("/graphql", any(post::graphql::<E, G>))
        .route("/graphql/stream", any(post::stream::<E, G>))
        .route("/graphql/ws", any(websocket::upgrade::<E, G>))
        .with_state(Arc::new(endpoint))
}
