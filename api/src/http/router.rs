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
use graphql_server::{ClientAddress, Gauges, Lifecycle};

use super::graphql;
use super::health::{self, Readiness};
use super::page::{self, Page};
use super::{client_address, oauth, observe, request_id, webhooks};
use crate::app::App;
use crate::config::Config;
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
    let graphql = graphql::router(app, config, lifecycle, gauges.clone())?;
    let router = Router::new()
        .route("/metrics", get(metrics_text))
        .route("/schema.graphql", get(sdl))
        .with_state((Arc::clone(app), gauges))
        .merge(graphql)
        .merge(webhooks::router(Arc::clone(app), config.rate_limits))
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

/// Whether this process should be sent work: it reaches its database, which is migrated and has a
/// worker.
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
