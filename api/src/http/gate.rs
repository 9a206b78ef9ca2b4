//! Connects the GraphQL transport to the application: authentication, authorisation, rate limits
//! and the data of resolvers.

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_graphql::Request;
use async_graphql::parser::types::OperationType;
use futures_util::future::BoxFuture;

use super::graphql::{Allowance, AuthError, Caller as Origin, Gate, Limited, Seat, SessionEnd};
use super::rate_limit::{Key, RateLimiter};
use super::seats::{Holder, Seats};
use crate::app::App;
use crate::config::RateLimits;
use crate::domain::identity::{self, TokenProblem};
use crate::domain::{Caller, Error, Viewer};
use crate::graphql::document::{Analysis, Refusal};
use crate::graphql::schema::BOOKING_MUTATIONS;
use crate::graphql::{loaders, rules};

/// How often an idle socket's rights are checked again.
const RIGHTS_CHECK_INTERVAL: Duration = Duration::from_secs(15);

/// The application behind the transport.
pub struct AppGate {
    app: Arc<App>,
    quotas: Quotas,
    started: Instant,
    seats: Seats,
}

/// Rate limits per person, or per address for anonymous callers.
pub struct Quotas {
    requests: Option<RateLimiter>,
    bookings: Option<RateLimiter>,
}

impl Quotas {
    /// Builds the limiters from the settings.
    #[must_use]
    pub fn new(limits: RateLimits) -> Self {
        Self {
            requests: limits.requests.map(RateLimiter::per_minute),
            bookings: limits.bookings.map(RateLimiter::per_minute),
        }
    }
}

impl AppGate {
    #[must_use]
    pub fn new(app: Arc<App>, quotas: Quotas) -> Self {
        Self {
            app,
            quotas,
            started: Instant::now(),
            seats: Seats::default(),
        }
    }

    /// Takes a token from a bucket; returns the rest, or how long to wait.
    fn take(
        &self,
        (name, limiter): (&'static str, &RateLimiter),
        key: Key,
    ) -> Result<Allowance, Limited> {
        let decision = limiter.check(key, self.started.elapsed());
        let allowance = Allowance {
            bucket: name,
            limit: decision.limit.into(),
            remaining: decision.remaining.into(),
            reset: decision.reset,
        };
        if decision.allowed {
            return Ok(allowance);
        }
        self.app.metrics.rate_limited(name);
        Err(Limited {
            retry_after: Duration::from_secs(decision.retry_after_seconds()),
            allowance: Some(allowance),
        })
    }
}

impl Gate for AppGate {
    type Viewer = Viewer;

    async fn authenticate(
        &self,
        bearer: Option<&str>,
        origin: &Origin,
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
        let viewer = identity::sign_in(&self.app, &identity, &origin.request_id).await.map_err(|error| {
            tracing::error!(%error, request_id = %origin.request_id, "could not look up an account");
            AuthError::Unavailable
        })?;
        if let Viewer::Person(person) = &viewer {
            self.app.recent.insert(token, found_at, now, person);
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
                tokio::time::sleep(left.min(RIGHTS_CHECK_INTERVAL)).await;
                match identity::require_good_standing(&app, &caller).await {
                    Ok(()) => {}
                    Err(Error::Unauthenticated) => return SessionEnd::Expired,
                    Err(Error::Forbidden(_)) => return SessionEnd::Revoked,
                    // A failed check revokes nothing: the database may be down.
                    Err(error) => tracing::warn!(%error, "could not check a socket's rights"),
                }
            }
        })
    }

    fn authorise(&self, viewer: &Viewer, analysis: &Analysis) -> Result<(), Refusal> {
        rules::authorise(viewer, analysis)
    }

    async fn admit(
        &self,
        viewer: &Viewer,
        origin: &Origin,
        analysis: &Analysis,
        _cost: u64,
    ) -> Result<Option<Allowance>, Limited> {
        let key = match (viewer, origin.address) {
            (Viewer::Person(person), _) => Key::User(person.user_id),
            (Viewer::Anonymous, Some(address)) => Key::address(address),
            (Viewer::Anonymous, None) => return Ok(None),
        };
        let mut allowance = None;
        if let Some(limiter) = &self.quotas.requests {
            allowance = Some(self.take(("requests", limiter), key)?);
        }
        let books = analysis.kind == OperationType::Mutation
            && analysis
                .root_fields
                .iter()
                .any(|field| BOOKING_MUTATIONS.contains(&field.as_str()));
        if let Some(limiter) = self.quotas.bookings.as_ref().filter(|_| books) {
            allowance = Some(self.take(("bookings", limiter), key)?);
        }
        Ok(allowance)
    }

    fn ran(&self, analysis: &Analysis, took: Duration, is_ok: bool) {
        let outcome = if is_ok { "ok" } else { "error" };
        self.app.metrics.operation(
            analysis.name.as_deref().unwrap_or("anonymous"),
            outcome,
            took,
        );
        // Root fields of an operation run concurrently, so each is recorded with the duration of
        // the whole.
        for field in &analysis.root_fields {
            self.app.metrics.field(field, took);
        }
    }

    fn seat(&self, viewer: Option<&Viewer>, origin: &Origin) -> Result<Seat, Limited> {
        let holder = match (viewer, origin.address) {
            (Some(Viewer::Person(person)), _) => Holder::Person(person.user_id),
            (_, Some(address)) => Holder::Address(address),
            _ => return Ok(Seat(None)),
        };
        let taken = self.seats.take(holder).ok_or(Limited {
            retry_after: Duration::from_secs(30),
            allowance: None,
        })?;
        Ok(Seat(Some(Box::new(taken))))
    }

    fn equip(
        &self,
        request: Request,
        kind: OperationType,
        viewer: &Viewer,
        origin: &Origin,
    ) -> Request {
        let caller = Caller {
            viewer: viewer.clone(),
            correlation_id: origin.request_id.to_string(),
        };
        request
            .data(caller)
            .data(loaders::loaders(Arc::clone(&self.app), kind))
    }
}
