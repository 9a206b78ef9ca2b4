//! Builds a running server from its settings.

mod observer;

use std::sync::Arc;

use chrono::TimeDelta;
use entity::coach::Scheduler;
use providers::{cal_com, clerk};
use secrecy::ExposeSecret as _;
use tokio_util::task::TaskTracker;

use crate::app::{App, Deadlines};
use crate::clock::Clock;
use crate::config::Config;
use crate::db::{Db, DbOptions};
use crate::domain::connection::{AccountProviders, Credentials, Redirects};
use crate::domain::identity::{Directory, LocalIssuer, Recent, TokenVerifier};
use crate::domain::scheduling::{self, Schedulers};
use crate::domain::webhook::{Inbox, Parsers, WebhookSecrets};
use crate::metrics::Metrics;
use crate::outbox::listen::Live;
use crate::vault::{self, Vault};

/// Why the server could not start, for the operator.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Opens and migrates the configured database.
///
/// # Errors
/// When the database cannot be reached or migrated.
pub async fn open_database(config: &Config) -> Result<Db, Failure> {
    let connections = config.database.pool.unwrap_or_else(default_pool);
    let options = DbOptions {
        url: config.database.url.expose_secret().to_owned(),
        connections,
    };
    let db = match Db::connect(&options).await {
        Ok(db) => db,
        Err(error) => {
            return Err(format!("cannot open the database: {}", options.why(error).await).into());
        }
    };
    db.migrate()
        .await
        .map_err(|error| format!("cannot migrate the database: {error}"))?;
    Ok(db)
}

/// Enough readers to keep the processors busy while some wait for the disk.
fn default_pool() -> u32 {
    let processors = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
    u32::try_from(processors * 4).unwrap_or(16).clamp(8, 64)
}

/// Builds the application over a database.
///
/// # Errors
/// When the identity provider cannot be set up.
pub async fn build(config: &Config, db: Db, clock: Clock) -> Result<Arc<App>, Failure> {
    let tokens = token_verifier(config, &db).await?;
    let minutes =
        |duration: std::time::Duration| TimeDelta::from_std(duration).unwrap_or(TimeDelta::MAX);
    let vault = Arc::new(open_vault(config, &db).await?);
    let metrics = Metrics::new();
    let cal_com = cal_com_client(config, &vault, &metrics)?;
    let directory = directory(config, &metrics)?;
    let (schedulers, accounts) = remotes(cal_com.as_ref());
    Ok(Arc::new(App {
        cal_com,
        schedulers,
        accounts,
        credentials: Credentials::default(),
        slots: scheduling::SlotCache::default(),
        redirects: Redirects::new(config.oauth_redirects.clone()),
        live: Live::open(db.clone()).await?,
        db,
        clock,
        deadlines: Deadlines {
            payment: minutes(config.bookings.payment_deadline),
            completion_grace: minutes(config.bookings.completion_grace),
            hold: minutes(config.bookings.hold),
        },
        tokens,
        directory,
        recent: Recent::default(),
        vault,
        public_url: config.public_url.clone(),
        webhook_secrets: WebhookSecrets::default().with(
            scheduling::cal_com::PROVIDER,
            config.calcom_webhook_secrets.clone(),
        ),
        webhook_parsers: Arc::new(Parsers::default().with(
            scheduling::cal_com::PROVIDER,
            scheduling::cal_com::deliveries::parse,
        )),
        metrics,
        inbox: Inbox::default(),
        tasks: TaskTracker::new(),
    }))
}

/// Verifies tokens of Clerk, or of this installation where Clerk is not configured.
async fn token_verifier(config: &Config, db: &Db) -> Result<TokenVerifier, Failure> {
    let Some(settings) = &config.clerk else {
        return Ok(TokenVerifier::Local(LocalIssuer::open(db).await?));
    };
    clerk::self_test()?;
    let (issuer, parties) = (&settings.issuer, &settings.authorized_parties);
    let verifier_config = clerk::VerifierConfig {
        accepts_no_party: settings.native_apps,
        ..clerk::VerifierConfig::new(issuer, parties.clone())
    };
    Ok(TokenVerifier::Clerk {
        verifier: Arc::new(clerk::Verifier::try_new(verifier_config)?),
        issuer: settings.issuer.clone(),
        role_claim: config.role_claim.join("."),
    })
}

/// Reads persons from Clerk's API, where its key is configured.
fn directory(config: &Config, metrics: &Arc<Metrics>) -> Result<Option<Directory>, Failure> {
    let settings = config
        .clerk
        .as_ref()
        .and_then(|clerk| clerk.directory.as_ref());
    let Some(settings) = settings else {
        return Ok(None);
    };
    let observer = Arc::new(observer::MetricsObserver(Arc::clone(metrics)));
    let client = clerk::Directory::try_new(&settings.api_url, &settings.secret_key, observer)?;
    Ok(Some(Directory::new(client)))
}

/// The services that keep coaches' time or accounts, as far as they can be called.
#[must_use]
pub fn remotes(cal_com: Option<&cal_com::Client>) -> (Schedulers, AccountProviders) {
    let (mut schedulers, mut accounts) = (Schedulers::default(), AccountProviders::default());
    if let Some(client) = cal_com {
        let cal_com = Arc::new(scheduling::cal_com::CalCom::new(client.clone()));
        schedulers = schedulers.with(Scheduler::CalCom, cal_com.clone());
        accounts = accounts.with(scheduling::cal_com::PROVIDER, cal_com);
    }
    (schedulers, accounts)
}

/// The vault: with the keys of the settings, else, in development, with one of the database's own.
async fn open_vault(config: &Config, db: &Db) -> Result<Vault, Failure> {
    if let Some(keyring) = &config.encryption_keys {
        return Ok(Vault::new(keyring.clone()));
    }
    tracing::warn!(
        "For development only: the encryption key is kept in the database beside what it encrypts"
    );
    Ok(Vault::new(vault::development_key(db).await?))
}

/// Builds the Cal.com client. Without a vault there is none: its tokens could not be stored.
fn cal_com_client(
    config: &Config,
    vault: &Vault,
    metrics: &Arc<Metrics>,
) -> Result<Option<cal_com::Client>, Failure> {
    if !vault.is_open() {
        return Ok(None);
    }
    let settings = &config.cal_com;
    let platform = settings
        .platform
        .as_ref()
        .map(|client| cal_com::PlatformClient {
            client_id: client.id.clone(),
            client_secret: client.secret.clone(),
        });
    let oauth = settings.oauth.as_ref().map(|client| cal_com::OAuthClient {
        client_id: client.id.clone(),
        client_secret: Some(client.secret.clone()),
        redirect_uri: format!("{}/oauth/calcom", config.public_url),
        scopes: settings.oauth_scopes.clone(),
    });
    let settings = cal_com::Settings {
        api_url: settings.api_url.clone(),
        app_url: settings.app_url.clone(),
        platform,
        oauth,
        organization_id: settings.organization_id,
        policy: cal_com::policy(),
    };
    Ok(Some(cal_com::Client::new(
        settings,
        Arc::new(observer::MetricsObserver(Arc::clone(metrics))),
    )?))
}
