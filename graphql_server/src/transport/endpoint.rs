//! The endpoint: its parts, its limits and its routes.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use async_graphql::Executor;
use axum::Router;
use axum::routing::any;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::headers::Origins;
use super::{post, websocket};
use crate::document::{Documents, Policy};
use crate::engine::Engine;
use crate::hooks::Hooks;

/// Sizes and times of the transports.
#[derive(Clone, Debug)]
pub struct TransportLimits {
    /// Bytes of a request body and of a message on a socket.
    pub message_bytes: usize,
    /// Time for a request body to arrive.
    pub body_timeout: Duration,
    /// Time for a query to execute. A mutation always runs to its end.
    pub execution_timeout: Duration,
    /// Time for `connection_init` to arrive on a new socket.
    pub init_timeout: Duration,
    /// Time between two pings on a socket.
    pub ping_interval: Duration,
    /// A socket that receives nothing for so long is dropped.
    pub idle_timeout: Duration,
    /// Time for the client to answer a close frame, and for queued messages to be sent before it.
    pub close_timeout: Duration,
    /// Time between two comments on an event stream, which keep proxies from closing it.
    pub heartbeat_interval: Duration,
    /// Concurrent operations on one socket.
    pub operations_per_socket: usize,
    /// Queries and mutations that execute at the same time in the process; 503 above.
    pub concurrent_executions: usize,
}

impl Default for TransportLimits {
    fn default() -> Self {
        Self {
            message_bytes: 256 * 1024,
            body_timeout: Duration::from_secs(10),
            execution_timeout: Duration::from_secs(10),
            init_timeout: Duration::from_secs(10),
            ping_interval: Duration::from_secs(25),
            idle_timeout: Duration::from_secs(60),
            close_timeout: Duration::from_secs(5),
            heartbeat_interval: Duration::from_secs(15),
            operations_per_socket: 50,
            concurrent_executions: 512,
        }
    }
}

/// Numbers of live sockets and operations, for metrics.
#[derive(Clone, Debug, Default)]
pub struct Gauges {
    /// Open sockets.
    pub sockets: Arc<AtomicI64>,
    /// Operations on sockets and event streams.
    pub operations: Arc<AtomicI64>,
}

/// Counts one in a gauge until it is dropped.
pub(super) struct GaugeGuard(Arc<AtomicI64>);

impl GaugeGuard {
    pub(super) fn new(gauge: &Arc<AtomicI64>) -> Self {
        gauge.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(gauge))
    }
}

impl Drop for GaugeGuard {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// How the process stops: `shutdown` closes sockets (1001, on which clients reconnect) and ends
/// event streams; `tracker` has the sockets and mutations to wait for.
#[derive(Clone, Debug, Default)]
pub struct Lifecycle {
    pub shutdown: CancellationToken,
    pub tracker: TaskTracker,
}

/// A GraphQL endpoint: `E` executes documents, `H` is the application.
pub struct GraphqlEndpoint<E, H> {
    pub(super) engine: Engine<E>,
    pub(super) hooks: H,
    pub(super) documents: Documents,
    pub(super) origins: Origins,
    pub(super) limits: TransportLimits,
    pub(super) lifecycle: Lifecycle,
    pub(super) gauges: Gauges,
    pub(super) executions: Arc<Semaphore>,
}

impl<E: Executor, H: Hooks> GraphqlEndpoint<E, H> {
    pub fn new(engine: Engine<E>, hooks: H, policy: Policy) -> Self {
        let documents = Documents::new(policy, engine.types());
        let limits = TransportLimits::default();
        let executions = Arc::new(Semaphore::new(limits.concurrent_executions));
        let (origins, lifecycle, gauges) =
            (Origins::default(), Lifecycle::default(), Gauges::default());
        Self {
            engine,
            hooks,
            documents,
            origins,
            limits,
            lifecycle,
            gauges,
            executions,
        }
    }

    /// The origins that may call: for CORS, and for the `Origin` header of sockets.
    #[must_use]
    pub fn with_origins(self, origins: Origins) -> Self {
        Self { origins, ..self }
    }

    #[must_use]
    pub fn with_limits(self, limits: TransportLimits) -> Self {
        let executions = Arc::new(Semaphore::new(limits.concurrent_executions));
        Self {
            limits,
            executions,
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

/// Routes `/graphql` (HTTP), `/graphql/stream` (server-sent events) and `/graphql/ws` (WebSocket).
pub fn router<E: Executor, H: Hooks>(endpoint: GraphqlEndpoint<E, H>) -> Router {
    Router::new()
        .route("/graphql", any(post::graphql::<E, H>))
        .route("/graphql/stream", any(post::stream::<E, H>))
        .route("/graphql/ws", any(websocket::upgrade::<E, H>))
        .with_state(Arc::new(endpoint))
}
