//! Assembles all routes and middleware.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use axum::extract::{ConnectInfo, Request, State};
use axum::http::HeaderValue;
use axum::http::header::CONTENT_TYPE;
use axum::middleware::{self, Next};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use axum::{Extension, Router};

use super::gate::{AppGate, Quotas};
use super::graphql::{self, ClientAddress, Gauges, GraphqlEndpoint, Lifecycle, Origins};
use super::health::{self, Readiness};
use super::page::{self, Page};
use super::{client_address, oauth, observe, request_id, webhooks};
use crate::app::App;
use crate::config::Config;
use crate::graphql::document::{AllowList, Limits, Policy};
use crate::graphql::engine::{Engine, Exposure};
use crate::graphql::schema;
use crate::startup::Failure;
use crate::worker;

/// Every route of the server. `lifecycle` tells its sockets to stop; `page` is the development
/// page, if enabled.
///
/// # Errors
/// When the manifest of persisted documents cannot be read.
pub fn router(
    app: &Arc<App>,
    config: &Config,
    lifecycle: Lifecycle,
    readiness: Readiness,
    page: Option<Page>,
) -> Result<Router, Failure> {
    let gauges = Gauges::default();
    let graphql = graphql_routes(app, config, lifecycle, gauges.clone())?;
    let router = Router::new()
        .route("/metrics", get(metrics_text))
        .route("/schema.graphql", get(sdl))
        .with_state((Arc::clone(app), gauges))
        .merge(graphql)
        .merge(webhooks::router(Arc::clone(app)))
        .merge(oauth::router(Arc::clone(app)))
        .merge(health::routes(readiness));
    let router = match page {
        Some(page) => router.merge(page::router(page)),
        None => router,
    };
    Ok(router
        .layer(middleware::from_fn_with_state(
            config.http.trusted_proxies,
            address,
        ))
        .layer(middleware::from_fn_with_state(
            Arc::clone(&app.metrics),
            observe::observe,
        ))
        .layer(middleware::from_fn(request_id::assign)))
}

fn graphql_routes(
    app: &Arc<App>,
    config: &Config,
    lifecycle: Lifecycle,
    gauges: Gauges,
) -> Result<Router, Failure> {
    let development = !config.environment.is_production();
    let exposure = Exposure {
        introspection: development,
        suggestions: development,
    };
    let data = Arc::clone(app);
    let engine = Engine::new(
        move || schema::builder().data(Arc::clone(&data)),
        exposure,
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
            // An editor sends its whole content and names the operation to run.
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
    let gate = AppGate::new(Arc::clone(app), Quotas::new(config.rate_limits));
    let endpoint = GraphqlEndpoint::new(engine, gate, policy)
        .with_origins(origins)
        .with_lifecycle(lifecycle)
        .with_gauges(gauges);
    Ok(graphql::router(endpoint))
}

/// Readiness checks: the database is reachable and migrated, and a worker is running.
#[must_use]
pub fn readiness(app: &Arc<App>) -> Readiness {
    let [database, migrations, alive] = [(); 3].map(|()| Arc::clone(app));
    Readiness::builder()
        .check("database", move || {
            let app = Arc::clone(&database);
            async move {
                app.db
                    .read()
                    .ping()
                    .await
                    .map_err(|error| error.to_string())
            }
        })
        .check("migrations", move || {
            let app = Arc::clone(&migrations);
            async move {
                match app.db.is_migrated().await {
                    Ok(true) => Ok(()),
                    Ok(false) => Err("some have not run".to_owned()),
                    Err(error) => Err(error.to_string()),
                }
            }
        })
        .check("worker", move || {
            let app = Arc::clone(&alive);
            async move {
                match worker::is_alive(&app, app.clock.now()).await {
                    Ok(true) => Ok(()),
                    Ok(false) => Err("no worker has shown a sign of life".to_owned()),
                    Err(error) => Err(error.to_string()),
                }
            }
        })
        .build()
}

/// Stores the client's address in the request extensions, for the GraphQL transport and the rate
/// limits.
async fn address(
    State(trusted): State<usize>,
    peer: Option<Extension<ConnectInfo<SocketAddr>>>,
    mut request: Request,
    next: Next,
) -> Response {
    if let Some(Extension(ConnectInfo(peer))) = peer {
        let address = client_address::client_address(peer, request.headers(), trusted);
        request.extensions_mut().insert(ClientAddress(address));
    }
    next.run(request).await
}

async fn metrics_text(State((app, gauges)): State<(Arc<App>, Gauges)>) -> Response {
    app.metrics.live(
        gauges.sockets.load(Ordering::Relaxed),
        gauges.operations.load(Ordering::Relaxed),
    );
    if let Err(error) = worker::count_jobs(&app).await {
        tracing::warn!(%error, "could not count jobs for the metrics");
    }
    let (open, idle) = app.db.connections();
    app.metrics.database_connections("open", u64::from(open));
    app.metrics.database_connections("idle", idle as u64);
    let text = app.metrics.text();
    (
        [(
            CONTENT_TYPE,
            "application/openmetrics-text; version=1.0.0; charset=utf-8",
        )],
        text,
    )
        .into_response()
}

async fn sdl() -> Response {
    let mut response = crate::graphql::sdl().into_response();
    response.headers_mut().insert(
        CONTENT_TYPE,
        HeaderValue::from_static("text/plain; charset=utf-8"),
    );
    response
}
