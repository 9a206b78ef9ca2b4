//! What the transport must be told: who asks, whether they may, and what their resolvers need.

use std::any::Any;
use std::future::Future;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use async_graphql::Request;
use async_graphql::parser::types::OperationType;
use futures_util::future::BoxFuture;

use crate::graphql::document::{Analysis, Refusal};

/// The seam between the transport and the application.
pub trait Gate: Send + Sync + 'static {
    /// Whoever asks, anonymous included.
    type Viewer: Clone + Send + Sync + 'static;

    /// Finds out who asks. `None` is someone who shows no token; a token that is shown is good or
    /// an error, never anonymous.
    ///
    /// # Errors
    /// A token that is not good, or that cannot be judged now.
    fn authenticate(
        &self,
        bearer: Option<&str>,
        caller: &Caller,
    ) -> impl Future<Output = Result<Self::Viewer, AuthError>> + Send;

    /// Completes when the viewer's session is over: at the token's expiry, or when a right is taken
    /// away. Sockets and event streams end with it.
    fn session_end(&self, viewer: &Self::Viewer) -> BoxFuture<'static, SessionEnd> {
        let _ = viewer;
        Box::pin(std::future::pending())
    }

    /// Asked before every operation whether the viewer may run it at all, by the fields that it
    /// selects.
    ///
    /// # Errors
    /// The first field that the viewer may not have.
    fn authorise(&self, viewer: &Self::Viewer, analysis: &Analysis) -> Result<(), Refusal> {
        let _ = (viewer, analysis);
        Ok(())
    }

    /// Asked before every operation, with what it is and what it may cost.
    ///
    /// # Errors
    /// A limit that is used up.
    fn admit(
        &self,
        viewer: &Self::Viewer,
        caller: &Caller,
        analysis: &Analysis,
        cost: u64,
    ) -> impl Future<Output = Result<Option<Allowance>, Limited>> + Send;

    /// Puts what resolvers need into the request: the viewer, loaders, the correlation id.
    fn equip(
        &self,
        request: Request,
        kind: OperationType,
        viewer: &Self::Viewer,
        caller: &Caller,
    ) -> Request;

    /// How long anyone may keep the answer, if it is the same for everybody. The library's own
    /// cache hints do not say: there a field without a hint takes over the hint of its neighbour.
    fn public_for(&self, analysis: &Analysis) -> Option<Duration> {
        let _ = analysis;
        None
    }

    /// Told when a query or a mutation has been run: how long it took, and whether it was without
    /// errors.
    fn ran(&self, analysis: &Analysis, took: Duration, is_ok: bool) {
        let _ = (analysis, took, is_ok);
    }

    /// Asked for a place for a socket, first for its address (without a viewer), then for its
    /// viewer; and for a place for an event stream of a subscription (with its viewer). The place
    /// is free again when the seat is dropped.
    ///
    /// # Errors
    /// Too many sockets.
    fn seat(&self, viewer: Option<&Self::Viewer>, caller: &Caller) -> Result<Seat, Limited> {
        let _ = (viewer, caller);
        Ok(Seat(None))
    }
}

/// Where a request came from.
#[derive(Clone, Debug)]
pub struct Caller {
    /// From [`ClientAddress`] or axum's `ConnectInfo<SocketAddr>` among the request's extensions,
    /// if one is there.
    pub address: Option<IpAddr>,
    /// The client's `X-Request-Id` if it is a sane one, else a new UUIDv7.
    pub request_id: Arc<str>,
}

/// The client's address as a trusted proxy tells it. A layer in front may put it among the
/// request's extensions.
#[derive(Clone, Copy, Debug)]
pub struct ClientAddress(pub IpAddr);

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AuthError {
    /// The token is malformed, expired, revoked or not ours.
    Invalid,
    /// The token cannot be judged at the moment: the keys of its issuer are out of reach.
    Unavailable,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SessionEnd {
    Expired,
    Revoked,
}

/// The state of the bucket that an operation was counted in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Allowance {
    /// The bucket's name, for `extensions.cost.bucket`.
    pub bucket: &'static str,
    pub limit: u64,
    pub remaining: u64,
    /// Until the bucket is full again.
    pub reset: Duration,
}

/// A refusal that time heals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limited {
    pub retry_after: Duration,
    pub allowance: Option<Allowance>,
}

/// A place taken by a socket.
pub struct Seat(pub Option<Box<dyn Any + Send>>);
