//! What the GraphQL transport must know of the application: who calls, whether they may, and what resolvers need.

use std::sync::Arc;
use std::time::Duration;

use async_graphql::Request;
use futures_util::future::BoxFuture;

use super::graphql::{Allowance, AuthError, Caller as Origin, Gate, Limited, SessionEnd};
use crate::app::App;
use crate::domain::identity::{self, TokenProblem};
use crate::domain::{Caller, Error, Viewer};
use crate::graphql::document::{Analysis, Refusal};
use crate::graphql::{loaders, rules};

/// How often a socket's rights are looked at while nothing happens on it.
const RIGHTS: Duration = Duration::from_secs(15);

/// The application behind the transport.
pub struct AppGate {
    app: Arc<App>,
}

impl AppGate {
    /// A gate of the application.
    #[must_use]
    pub fn new(app: Arc<App>) -> Self {
        Self { app }
    }
}

impl Gate for AppGate {
    type Viewer = Viewer;

    async fn authenticate(&self, bearer: Option<&str>, origin: &Origin) -> Result<Viewer, AuthError> {
        let Some(token) = bearer else { return Ok(Viewer::Anonymous) };
        let identity = self.app.tokens.verify(token, self.app.clock.now()).await.map_err(|problem| match problem {
            TokenProblem::Unavailable => AuthError::Unavailable,
            TokenProblem::Expired | TokenProblem::Invalid => AuthError::Invalid,
        })?;
        identity::sign_in(&self.app, &identity, &origin.request_id).await.map_err(|error| {
            tracing::error!(%error, request_id = %origin.request_id, "could not look up an account");
            AuthError::Unavailable
        })
    }

    fn session_end(&self, viewer: &Viewer) -> BoxFuture<'static, SessionEnd> {
        let Viewer::Person(person) = viewer else { return Box::pin(std::future::pending()) };
        let (app, expires_at) = (Arc::clone(&self.app), person.expires_at);
        let caller = Caller { viewer: viewer.clone(), correlation_id: String::new() };
        Box::pin(async move {
            loop {
                let left = (expires_at - app.clock.now()).to_std().unwrap_or_default();
                tokio::time::sleep(left.min(RIGHTS)).await;
                match identity::require_good_standing(&app, &caller).await {
                    Ok(()) => {}
                    Err(Error::Unauthenticated) => return SessionEnd::Expired,
                    Err(Error::Forbidden(_)) => return SessionEnd::Revoked,
                    // A database that does not answer takes nobody's rights away.
                    Err(error) => tracing::warn!(%error, "could not look at a socket's rights"),
                }
            }
        })
    }

    fn authorise(&self, viewer: &Viewer, analysis: &Analysis) -> Result<(), Refusal> {
        rules::authorise(viewer, analysis)
    }

    async fn admit(
        &self,
        _viewer: &Viewer,
        _origin: &Origin,
        _analysis: &Analysis,
        _cost: u64,
    ) -> Result<Option<Allowance>, Limited> {
        Ok(None)
    }

    fn equip(&self, request: Request, viewer: &Viewer, origin: &Origin) -> Request {
        let caller = Caller { viewer: viewer.clone(), correlation_id: origin.request_id.to_string() };
        request.data(caller).data(loaders::loaders(Arc::clone(&self.app)))
    }
}
