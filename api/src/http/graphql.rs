//! The GraphQL endpoint: the hooks by which `graphql_server` calls the application, and its routes.

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_graphql::Request;
use async_graphql::parser::types::OperationType;
use axum::Router;
use futures_util::future::BoxFuture;
use graphql_server::document::{AllowList, Analysis, Limits, Policy, RequestError};
use graphql_server::{
    AuthError, ClientInfo, ConnectionPermit, Engine, EngineOptions, Execution, Gauges,
    GraphqlEndpoint, Hooks, Lifecycle, Origins, Outcome, Quota, RateLimited, SessionEnd,
};

use super::rate_limit::{Key, RateLimiter};
use super::seats::{Holder, Seats};
use crate::app::App;
use crate::config::{Config, RateLimits};
use crate::domain::identity::{self, TokenProblem};
use crate::domain::{Caller, Error, Viewer};
use crate::graphql::schema::{self, BOOKING_MUTATIONS};
use crate::graphql::{loaders, rules};
use crate::startup::Failure;

/// How often the rights of an idle socket's viewer are checked.
const RIGHTS_CHECK: Duration = Duration::from_secs(15);

/// The application, as `graphql_server` calls it.
struct GraphqlHooks {
    app: Arc<App>,
    quotas: Quotas,
    started: Instant,
    seats: Seats,
}

/// The rate limits of a person, or of an address without a person.
struct Quotas {
    requests: Option<RateLimiter>,
    bookings: Option<RateLimiter>,
}

impl Quotas {
    fn new(limits: RateLimits) -> Self {
        Self {
            requests: limits.requests.map(RateLimiter::per_minute),
            bookings: limits.bookings.map(RateLimiter::per_minute),
        }
    }
}

impl GraphqlHooks {
    fn new(app: Arc<App>, quotas: Quotas) -> Self {
        Self {
            app,
            quotas,
            started: Instant::now(),
            seats: Seats::default(),
        }
    }

    /// Takes one request from a bucket. Returns what is left of it, or how long to wait.
    fn take(
        &self,
        bucket: &'static str,
        limiter: &RateLimiter,
        key: Key,
    ) -> Result<Quota, RateLimited> {
        let decision = limiter.check(key, self.started.elapsed());
        let quota = Quota {
            bucket,
            limit: decision.limit.into(),
            remaining: decision.remaining.into(),
            reset: decision.reset,
        };
        if decision.allowed {
            return Ok(quota);
        }
        self.app.metrics.rate_limited(bucket);
        Err(RateLimited {
            retry_after: Duration::from_secs(decision.retry_after_seconds()),
            quota: Some(quota),
        })
    }
}

impl Hooks for GraphqlHooks {
    type Viewer = Viewer;

    async fn authenticate(
        &self,
        bearer: Option<&str>,
        client: &ClientInfo,
    ) -> Result<Viewer, AuthError> {
        let Some(token) = bearer else {
            return Ok(Viewer::Anonymous);
        };
        let (now, found_at) = (self.app.clock.now(), Instant::now());
        if let Some(person) = self.app.recent.find(token, now) {
            return Ok(Viewer::Person(person));
        }
        let identity =
            self.app
                .tokens
                .verify(token, now)
                .await
                .map_err(|problem| match problem {
                    TokenProblem::Unavailable => AuthError::Unavailable,
                    TokenProblem::Expired | TokenProblem::Invalid => AuthError::Invalid,
                })?;
        let viewer = identity::sign_in(&self.app, &identity, &client.request_id).await.map_err(|error| {
            tracing::error!(%error, request_id = %client.request_id, "could not look up an account");
            AuthError::Unavailable
        })?;
        if let Viewer::Person(person) = &viewer {
            self.app.recent.keep(token, found_at, now, person);
        }
        Ok(viewer)
    }

    fn session_end(&self, viewer: &Viewer) -> BoxFuture<'static, SessionEnd> {
        let Viewer::Person(person) = viewer else {
            return Box::pin(std::future::pending());
        };
        let (app, expires_at) = (Arc::clone(&self.app), person.expires_at);
        let caller = Caller {
            viewer: viewer.clone(),
            correlation_id: String::new(),
        };
        Box::pin(async move {
            loop {
                let left = (expires_at - app.clock.now()).to_std().unwrap_or_default();
                tokio::time::sleep(left.min(RIGHTS_CHECK)).await;
                match identity::require_good_standing(&app, &caller).await {
                    Ok(()) => {}
                    Err(Error::Unauthenticated) => return SessionEnd::Expired,
                    Err(Error::Forbidden(_)) => return SessionEnd::Revoked,
                    // A database failure does not revoke rights.
                    Err(error) => {
                        tracing::warn!(%error, "could not check the rights of a socket's viewer")
                    }
                }
            }
        })
    }

    fn authorise(&self, viewer: &Viewer, analysis: &Analysis) -> Result<(), RequestError> {
        rules::authorise(viewer, analysis)
    }

    async fn admit(
        &self,
        viewer: &Viewer,
        client: &ClientInfo,
        analysis: &Analysis,
        _cost: u64,
    ) -> Result<Option<Quota>, RateLimited> {
        let key = match (viewer, client.address) {
            (Viewer::Person(person), _) => Key::User(person.user_id),
            (Viewer::Anonymous, Some(address)) => Key::address(address),
            (Viewer::Anonymous, None) => return Ok(None),
        };
        let mut quota = None;
        if let Some(limiter) = &self.quotas.requests {
            quota = Some(self.take("requests", limiter, key)?);
        }
        let books = analysis.kind == OperationType::Mutation
            && analysis
                .root_fields
                .iter()
                .any(|field| BOOKING_MUTATIONS.contains(&field.as_str()));
        if let Some(limiter) = self.quotas.bookings.as_ref().filter(|_| books) {
            quota = Some(self.take("bookings", limiter, key)?);
        }
        Ok(quota)
    }

    fn executed(&self, analysis: &Analysis, execution: Execution) {
        let outcome = match execution.outcome {
            Outcome::Ok => "ok",
            Outcome::Error => "error",
        };
        self.app.metrics.operation(
            analysis.name.as_deref().unwrap_or("anonymous"),
            outcome,
            execution.duration,
        );
        // The root fields of one operation run concurrently: each is recorded with the time of the operation.
        for field in &analysis.root_fields {
            self.app.metrics.field(field, execution.duration);
        }
    }

    fn connection_permit(
        &self,
        viewer: Option<&Viewer>,
        client: &ClientInfo,
    ) -> Result<ConnectionPermit, RateLimited> {
        let holder = match (viewer, client.address) {
            (Some(Viewer::Person(person)), _) => Holder::Person(person.user_id),
            (_, Some(address)) => Holder::Address(address),
            _ => return Ok(ConnectionPermit(None)),
        };
        let taken = self.seats.take(holder).ok_or(RateLimited {
            retry_after: Duration::from_secs(30),
            quota: None,
        })?;
        Ok(ConnectionPermit(Some(Box::new(taken))))
    }

    fn request_data(
        &self,
        request: Request,
        kind: OperationType,
        viewer: &Viewer,
        client: &ClientInfo,
    ) -> Request {
        let caller = Caller {
            viewer: viewer.clone(),
            correlation_id: client.request_id.to_string(),
        };
        request
            .data(caller)
            .data(loaders::loaders(Arc::clone(&self.app), kind))
    }
}

/// The routes of GraphQL, over HTTP, WebSocket and server-sent events.
///
/// # Errors
/// The manifest of persisted documents cannot be read.
pub(super) fn router(
    app: &Arc<App>,
    config: &Config,
    lifecycle: Lifecycle,
    gauges: Gauges,
) -> Result<Router, Failure> {
    let development = !config.environment.is_production();
    let options = EngineOptions {
        introspection: development,
        suggestions: development,
    };
    let data = Arc::clone(app);
    let engine = Engine::new(
        move || schema::builder().data(Arc::clone(&data)),
        options,
        schema::check_scalars,
    );
    let allow_list = match &config.http.persisted_documents {
        None => None,
        Some(path) => {
            let manifest = std::fs::read(path)
                .map_err(|error| format!("cannot read {}: {error}", path.display()))?;
            let list = AllowList::from_manifest(&manifest);
            Some(list.map_err(|error| {
                format!("{} is no manifest of documents: {error}", path.display())
            })?)
        }
    };
    let policy = Policy {
        limits: Limits {
            provider_mutations: schema::PROVIDER_MUTATIONS
                .iter()
                .map(ToString::to_string)
                .collect(),
            // GraphiQL sends all operations of its editor, and names the one to execute.
            operations: if development { 20 } else { 1 },
            ..Limits::default()
        },
        introspection: development,
        persisted_queries: true,
        allow_list,
    };
    let origins = Origins::new(
        config
            .http
            .cors_origins
            .iter()
            .cloned()
            .chain([config.public_url.clone()]),
    );
    let origins = if development {
        origins.and_loopback()
    } else {
        origins
    };
    let hooks = GraphqlHooks::new(Arc::clone(app), Quotas::new(config.rate_limits));
    let endpoint = GraphqlEndpoint::new(engine, hooks, policy)
        .with_origins(origins)
        .with_lifecycle(lifecycle)
        .with_gauges(gauges);
    Ok(graphql_server::router(endpoint))
}
