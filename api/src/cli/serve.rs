//! `courtside serve` and `courtside worker`.

use std::sync::Arc;
use std::time::Instant;

use entity::user::Role;
use graphql_server::Lifecycle;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::run::print_err;
use super::token;
use crate::app::App;
use crate::clock::Clock;
use crate::config::{Config, Environment};
use crate::domain::identity::{is_any, role_name};
use crate::http::page::{Page, Token};
use crate::http::serve::{self, ServeLimits};
use crate::http::shutdown::StopSignals;
use crate::http::{health::Readiness, router};
use crate::startup::{self, Failure};
use crate::{seed, telemetry, worker};

/// Runs the server with its worker until it is stopped.
pub(super) async fn run(mut config: Config) -> Result<(), Failure> {
    let began = Instant::now();
    telemetry::init(&config.logs)?;
    log_zone_data();
    let signals = StopSignals::new()?;
    let listener = TcpListener::bind(config.listen)
        .await
        .map_err(|error| format!("cannot listen on {}: {error}", config.listen))?;
    config.bound_to(listener.local_addr()?);
    let app = prepare(&config).await?;

    let shutdown = CancellationToken::new();
    let background = start_background(&app, &shutdown);
    let readiness = router::readiness(&app);
    let lifecycle = Lifecycle {
        shutdown: shutdown.clone(),
        tracker: app.tasks.clone(),
    };
    let tokens = ready_tokens(&app, &config).await?;
    let page = (!tokens.is_empty()).then(|| Page {
        tokens: tokens.clone(),
    });
    let routes = router::router(&app, &config, lifecycle, readiness.clone(), page)?;
    tracing::info!(address = %config.listen, started_ms = began.elapsed().as_millis(), "Listening");
    if !tokens.is_empty() {
        print_greeting(&config, &tokens);
    }

    tokio::spawn(signals.stop(readiness, shutdown.clone(), config.http.drain));
    let limits = ServeLimits::default().with_connections(config.http.max_connections);
    let deadline = config.http.shutdown;
    let report = serve::run(listener, routes, limits, shutdown, deadline).await;
    app.tasks.close();
    // Waits for spawned tasks, up to the deadline. Leases and idempotency keys recover what is cut
    // here.
    let _ = tokio::time::timeout(deadline.saturating_sub(report.took), app.tasks.wait()).await;
    let _ = tokio::time::timeout(std::time::Duration::from_secs(5), background).await;
    tracing::info!(
        cut = report.cut,
        took_ms = report.took.as_millis(),
        "Stopped"
    );
    Ok(())
}

/// Runs only a worker until it is stopped.
pub(super) async fn work(config: Config) -> Result<(), Failure> {
    telemetry::init(&config.logs)?;
    log_zone_data();
    let signals = StopSignals::new()?;
    let db = startup::open_database(&config).await?;
    let app = startup::build(&config, db, Clock::System).await?;
    let shutdown = CancellationToken::new();
    let background = start_background(&app, &shutdown);
    tokio::spawn(signals.stop(
        Readiness::builder().build(),
        shutdown.clone(),
        std::time::Duration::ZERO,
    ));
    tracing::info!("Working");
    shutdown.cancelled().await;
    let _ = tokio::time::timeout(config.http.shutdown, background).await;
    tracing::info!("Stopped");
    Ok(())
}

/// Logs which time zone data is in use, and what an operator has to look at.
fn log_zone_data() {
    let zones = zones::in_use();
    tracing::info!(data = %zones, "Time zone data");
    for warning in zones.warnings(Clock::System.now().date_naive()) {
        tracing::warn!(data = %zones, "{warning}");
    }
}

/// Opens and migrates the database; seeds a new one when no other source will fill it.
async fn prepare(config: &Config) -> Result<Arc<App>, Failure> {
    let db = startup::open_database(config).await?;
    let is_new = !is_any(&db).await?;
    let app = startup::build(config, db, Clock::System).await?;
    let alone = config.clerk.is_none()
        && config.calcom_webhook_secrets.is_empty()
        && !config.cal_com.is_configured();
    if config.demo_data.unwrap_or(is_new && alone) && seed::run(&app).await? {
        tracing::info!("Demo data is in place");
    }
    Ok(app)
}

fn start_background(app: &Arc<App>, shutdown: &CancellationToken) -> tokio::task::JoinHandle<()> {
    let (app, shutdown) = (Arc::clone(app), shutdown.clone());
    tokio::spawn(async move {
        let live = Arc::clone(&app.live);
        // Separate tasks, so that a failure of one does not stop the other.
        let streaming = tokio::spawn({
            let shutdown = shutdown.clone();
            async move { live.run(shutdown).await }
        });
        let working = tokio::spawn(worker::run(app, shutdown));
        for ended in [streaming.await, working.await] {
            if let Err(error) = ended {
                tracing::error!(%error, "a background task ended unexpectedly");
            }
        }
    })
}

/// In development, one token per role; otherwise none.
async fn ready_tokens(app: &App, config: &Config) -> Result<Vec<Token>, Failure> {
    let mut tokens = Vec::new();
    if config.environment == Environment::Development && config.clerk.is_none() {
        for role in [Role::Client, Role::Coach, Role::Admin] {
            let token = token::sign(&app.db, role, None, &app.clock).await?;
            tokens.push(Token {
                label: role_name(role).to_owned(),
                role: role_name(role).to_owned(),
                token,
            });
        }
    }
    Ok(tokens)
}

/// Prints the address and the tokens for a developer.
fn print_greeting(config: &Config, tokens: &[Token]) {
    let mut text = format!("\n  Courtside is ready: {}\n\n", config.public_url);
    for Token { role, token, .. } in tokens {
        text.push_str(&format!("  {role:<7} {token}\n"));
    }
    text.push_str(
        "\n  Send one as `Authorization: Bearer …`. `courtside token --help` makes more.\n\n",
    );
    print_err(&text);
}
