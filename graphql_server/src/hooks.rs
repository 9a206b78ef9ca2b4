//! What the application decides: who calls, which operations they may run and how many, and what
//! its resolvers need.

use std::any::Any;
use std::future::Future;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use async_graphql::Request;
use async_graphql::parser::types::OperationType;
use futures_util::future::BoxFuture;

use crate::document::{Analysis, RequestError};

/// Implemented by the application, called by every transport. Methods with a default are optional.
///
/// For one operation the calls are `authenticate` (once per request or socket), `authorise`,
/// `admit`, `request_data` (once per execution) and, for queries and mutations, `executed`.
pub trait Hooks: Send + Sync + 'static {
    /// The authenticated user, or an anonymous one.
    type Viewer: Clone + Send + Sync + 'static;

    /// Identifies the caller by the bearer token. Returns an anonymous viewer only for `None`: a
    /// token that is present and not valid is an error.
    ///
    /// # Errors
    /// The token is not valid, or cannot be verified now.
    fn authenticate(
        &self,
        bearer: Option<&str>,
        client: &ClientInfo,
    ) -> impl Future<Output = Result<Self::Viewer, AuthError>> + Send;

    /// Completes when the viewer's session ends: the token expires or access is revoked. Sockets
    /// and event streams are closed then.
    fn session_end(&self, viewer: &Self::Viewer) -> BoxFuture<'static, SessionEnd> {
        let _ = viewer;
        Box::pin(std::future::pending())
    }

    /// Decides whether the viewer may run an operation, by the fields that it selects.
    ///
    /// # Errors
    /// The first field that the viewer may not select.
    fn authorise(&self, viewer: &Self::Viewer, analysis: &Analysis) -> Result<(), RequestError> {
        let _ = (viewer, analysis);
        Ok(())
    }

    /// Counts an operation against the viewer's rate limits. `cost` is its estimated cost in
    /// points. Returns the state of the limit, for the `RateLimit-*` headers.
    ///
    /// # Errors
    /// A rate limit is used up.
    fn admit(
        &self,
        viewer: &Self::Viewer,
        client: &ClientInfo,
        analysis: &Analysis,
        cost: u64,
    ) -> impl Future<Output = Result<Option<Quota>, RateLimited>> + Send;

    /// Adds the data that resolvers read from their context: the viewer, data loaders, the request
    /// id.
    fn request_data(
        &self,
        request: Request,
        kind: OperationType,
        viewer: &Self::Viewer,
        client: &ClientInfo,
    ) -> Request;

    /// Returns how long shared caches may keep the response, or `None` if it depends on the viewer.
    /// async-graphql's cache hints do not tell: a field without a hint takes that of its neighbour.
    fn public_max_age(&self, analysis: &Analysis) -> Option<Duration> {
        let _ = analysis;
        None
    }

    /// Records that a query or a mutation was executed, for metrics.
    fn executed(&self, analysis: &Analysis, execution: Execution) {
        let _ = (analysis, execution);
    }

    /// Limits the number of concurrent connections. Called for a new socket with its address
    /// (without a viewer), again when it is authenticated (with its viewer), and for each event
    /// stream of a subscription (with its viewer). The permit is dropped when the connection ends.
    ///
    /// # Errors
    /// Too many connections.
    fn connection_permit(
        &self,
        viewer: Option<&Self::Viewer>,
        client: &ClientInfo,
    ) -> Result<ConnectionPermit, RateLimited> {
        let _ = (viewer, client);
        Ok(ConnectionPermit(None))
    }
}

/// Where a request comes from.
#[derive(Clone, Debug)]
pub struct ClientInfo {
    /// The [`ClientAddress`] or axum's `ConnectInfo<SocketAddr>` in the request's extensions, if
    /// there is one.
    pub address: Option<IpAddr>,
    /// The client's `X-Request-Id` if it is well-formed, otherwise a new UUIDv7.
    pub request_id: Arc<str>,
}

/// The client's address as a trusted proxy reports it. An outer layer may add it to the request's
/// extensions.
#[derive(Clone, Copy, Debug)]
pub struct ClientAddress(pub IpAddr);

/// Why a token is not accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AuthError {
    /// The token is malformed, expired, revoked or of another issuer.
    Invalid,
    /// The token cannot be verified now: the issuer's keys are unreachable.
    Unavailable,
}

/// Why a session ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SessionEnd {
    Expired,
    Revoked,
}

/// The outcome of an executed query or mutation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Execution {
    pub duration: Duration,
    pub outcome: Outcome,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The response has no errors.
    Ok,
    /// The response has errors, or the execution failed.
    Error,
}

/// The state of the rate limit that an operation was counted against.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quota {
    /// The name of the limit, for `extensions.cost.bucket`.
    pub bucket: &'static str,
    pub limit: u64,
    pub remaining: u64,
    /// Time until the quota is full again.
    pub reset: Duration,
}

/// A rate limit or a limit of connections is used up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateLimited {
    pub retry_after: Duration,
    pub quota: Option<Quota>,
}

/// Dropped when the connection that it was issued for ends.
pub struct ConnectionPermit(pub Option<Box<dyn Any + Send>>);
