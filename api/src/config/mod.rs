//! Settings of the server: read once, validated as a whole, then passed as values. No other module
//! reads the environment.

mod args;
mod cal_com;
mod choices;
mod clerk;
mod documents;
mod parse;
mod reader;
mod settings;
#[cfg(test)]
mod tests;

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use secrecy::SecretString;

pub use args::{EXIT_USAGE, SettingArgs, report};
pub use cal_com::{CalCom, ClientCredential};
pub use choices::{Backend, Environment, LogFormat};
pub use clerk::{Clerk, ClerkDirectory};
pub use documents::{env_doc, env_example};
use reader::Reader;
pub use reader::{Parts, Problem};
pub use settings::{Fallback, SETTINGS, Setting};

use crate::vault::{Key, Keyring};

/// All settings of `courtside serve`. `Debug` redacts secrets.
#[derive(Clone, Debug)]
pub struct Config {
    pub environment: Environment,
    pub listen: SocketAddr,
    /// Without a trailing slash.
    pub public_url: String,
    pub database: Database,
    /// `None`: only locally issued tokens are accepted, on a loopback address.
    pub clerk: Option<Clerk>,
    /// Path of the role in a token's claims.
    pub role_claim: Vec<String>,
    /// Newest first. Empty: Cal.com's webhooks are refused.
    pub calcom_webhook_secrets: Vec<SecretString>,
    pub cal_com: CalCom,
    /// URLs and origins to which a browser may be redirected.
    pub oauth_redirects: Vec<String>,
    /// `None` in development only: a key is generated.
    pub encryption_keys: Option<Keyring>,
    /// `None`: on for a new database when no provider is configured.
    pub demo_data: Option<bool>,
    pub logs: Logs,
    pub http: Http,
    pub rate_limits: RateLimits,
    pub bookings: Bookings,
    /// Directory of compiled time zones. `None`: the system's or the bundled ones.
    pub zone_data: Option<PathBuf>,
}

#[derive(Clone, Debug)]
pub struct Database {
    /// May contain a password.
    pub url: SecretString,
    pub backend: Backend,
    /// `None`: derived from the number of processors.
    pub pool: Option<u32>,
}

#[derive(Clone, Debug)]
pub struct Logs {
    /// `None`: pretty on a terminal, else JSON.
    pub format: Option<LogFormat>,
    /// Directives for `EnvFilter`, already validated.
    pub filter: String,
}

#[derive(Clone, Debug)]
pub struct Http {
    pub cors_origins: Vec<String>,
    /// Number of our own proxies in front of the server.
    pub trusted_proxies: usize,
    pub persisted_documents: Option<PathBuf>,
    pub max_connections: usize,
    /// Reports unready but serves, before the shutdown proper.
    pub drain: Duration,
    /// Hard end of the shutdown.
    pub shutdown: Duration,
}

/// Per minute; `None` disables the limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateLimits {
    pub requests: Option<NonZeroU32>,
    pub bookings: Option<NonZeroU32>,
    /// Deliveries of webhooks whose signature is missing or wrong.
    pub forged_webhooks: Option<NonZeroU32>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bookings {
    pub hold: Duration,
    pub payment_deadline: Duration,
    pub completion_grace: Duration,
}

impl Config {
    /// Validates all settings and collects every problem.
    ///
    /// # Errors
    /// All problems, in the order of the settings' topics. Never empty.
    pub fn from_parts(parts: &Parts) -> Result<Self, Vec<Problem>> {
        let mut reader = Reader::new(parts);
        let config = Self::read(&mut reader);
        let problems = reader.into_problems();
        match config {
            Some(config) if problems.is_empty() => Ok(config),
            _ => Err(problems),
        }
    }

    fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let listen = reader.read("LISTEN", parse::listen);
        let environment = read_environment(reader, listen);
        let clerk = Clerk::read(reader, environment);
        let public_url = read_public_url(reader, listen, environment);
        let database = Database::read(reader);
        let role_claim = reader.read("CLERK_ROLE_CLAIM", parse::claim_path);
        let calcom_webhook_secrets = reader.list("CALCOM_WEBHOOK_SECRETS", parse::webhook_secret);
        let cal_com = CalCom::read(reader, environment);
        let oauth_redirects = reader.list("OAUTH_REDIRECTS", |text| parse::url(text, true));
        let encryption_keys = read_keys(reader, listen, environment);
        let demo_data = reader.read("DEMO_DATA", parse::boolean);
        let logs = Logs::read(reader);
        let http = Http::read(reader);
        let rate_limits = RateLimits::read(reader, environment);
        let bookings = Bookings::read(reader);
        let zone_data = reader.read("TZDIR", |text| Ok(PathBuf::from(text)));
        Some(Self {
            environment: environment?,
            listen: listen?,
            public_url: public_url?,
            database: database?,
            clerk,
            role_claim: role_claim?,
            calcom_webhook_secrets,
            cal_com: cal_com?,
            oauth_redirects,
            encryption_keys,
            demo_data,
            logs: logs?,
            http: http?,
            rate_limits,
            bookings: bookings?,
            zone_data,
        })
    }
}

/// Reads the environment; a server that is reachable from other machines requires an identity
/// provider.
fn read_environment(reader: &mut Reader<'_>, listen: Option<SocketAddr>) -> Option<Environment> {
    let anonymous = reader.given("CLERK_ISSUER").is_none();
    let public = listen.is_some_and(|listen| !listen.ip().is_loopback());
    if anonymous && public {
        reader.problem(
            "CLERK_ISSUER",
            "is required to listen on an address that others can reach (see `LISTEN`)",
        );
    }
    let Some(given) = reader.given("ENVIRONMENT") else {
        let local = anonymous && !public;
        return Some(if local {
            Environment::Development
        } else {
            Environment::Production
        });
    };
    let environment = parse::environment(given);
    match environment {
        Ok(Environment::Production) if anonymous && !public => {
            reader.problem(
                "CLERK_ISSUER",
                "is required when `ENVIRONMENT` is `production`: nobody could sign in",
            );
        }
        Ok(_) => {}
        Err(message) => {
            reader.problem("ENVIRONMENT", message);
            return None;
        }
    }
    environment.ok()
}

/// Reads the encryption keys, which are required in production, and elsewhere as soon as tokens of
/// coaches are stored.
fn read_keys(
    reader: &mut Reader<'_>,
    listen: Option<SocketAddr>,
    environment: Option<Environment>,
) -> Option<Keyring> {
    let keys = reader.list("ENCRYPTION_KEYS", Key::parse);
    if let Some(id) = Keyring::repeated_id(&keys) {
        reader.problem(
            "ENCRYPTION_KEYS",
            format!("has two keys with the id `{id}`"),
        );
    }
    let local = environment == Some(Environment::Development)
        && listen.is_none_or(|listen| listen.ip().is_loopback())
        && reader
            .given("PUBLIC_URL")
            .is_none_or(parse::is_loopback_url);
    if reader.given("ENCRYPTION_KEYS").is_none() {
        if environment == Some(Environment::Production) {
            reader.problem(
                "ENCRYPTION_KEYS",
                "is required in production: notes, answers and coaches' tokens are sealed with it",
            );
        } else if !local && cal_com::is_configured(reader) {
            reader.problem(
                "ENCRYPTION_KEYS",
                "is required with credentials of Cal.com: coaches' tokens are kept in the database",
            );
        }
    }
    Keyring::new(keys)
}

impl Config {
    /// Stores the bound address: the system picks the port where none was set.
    pub fn bound_to(&mut self, address: SocketAddr) {
        if self.public_url == default_public_url(self.listen) {
            self.public_url = default_public_url(address);
        }
        self.listen = address;
    }
}

fn default_public_url(listen: SocketAddr) -> String {
    format!("http://{listen}")
}

fn read_public_url(
    reader: &mut Reader<'_>,
    listen: Option<SocketAddr>,
    environment: Option<Environment>,
) -> Option<String> {
    if reader.given("PUBLIC_URL").is_none() {
        return listen.map(default_public_url);
    }
    let plain = environment == Some(Environment::Development);
    let url = reader.read("PUBLIC_URL", |text| parse::url(text, plain))?;
    Some(url.trim_end_matches('/').to_owned())
}

impl Database {
    fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let url = reader.read("DATABASE_URL", parse::database);
        let pool = reader.number("DATABASE_POOL", 1..=1000);
        let (url, backend) = url?;
        Some(Self { url, backend, pool })
    }
}

impl Logs {
    fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let format = reader.read("LOG_FORMAT", parse::log_format);
        let level = reader.read("LOG_LEVEL", parse::log_level);
        let directives = reader.read("RUST_LOG", parse::log_directives);
        Some(Self {
            format,
            filter: directives.or(level)?,
        })
    }
}

impl Http {
    fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let cors_origins = reader.list("CORS_ORIGINS", parse::origin);
        let trusted_proxies = reader.number("TRUSTED_PROXIES", 0..=16);
        let persisted_documents =
            reader.read("PERSISTED_DOCUMENTS", |text| Ok(PathBuf::from(text)));
        let max_connections = reader.number("MAX_CONNECTIONS", 1..=1_000_000);
        let drain = reader.number("DRAIN_SECONDS", 0..=600);
        let shutdown = reader.number("SHUTDOWN_SECONDS", 1..=3600);
        Some(Self {
            cors_origins,
            trusted_proxies: trusted_proxies? as usize,
            persisted_documents,
            max_connections: max_connections? as usize,
            drain: Duration::from_secs(drain?.into()),
            shutdown: Duration::from_secs(shutdown?.into()),
        })
    }
}

impl RateLimits {
    const REQUESTS_IN_PRODUCTION: u32 = 1200;

    fn read(reader: &mut Reader<'_>, environment: Option<Environment>) -> Self {
        let usual = if environment == Some(Environment::Production) {
            Self::REQUESTS_IN_PRODUCTION
        } else {
            0
        };
        let requests = reader
            .number("RATE_LIMIT_PER_MINUTE", 0..=10_000_000)
            .unwrap_or(usual);
        let bookings = reader
            .number("RATE_LIMIT_BOOKINGS_PER_MINUTE", 0..=10_000_000)
            .unwrap_or(0);
        let forged_webhooks = reader
            .number("RATE_LIMIT_FORGED_WEBHOOKS_PER_MINUTE", 0..=10_000_000)
            .unwrap_or(0);
        Self {
            requests: NonZeroU32::new(requests),
            bookings: NonZeroU32::new(bookings),
            forged_webhooks: NonZeroU32::new(forged_webhooks),
        }
    }
}

impl Bookings {
    fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let minutes = |count: u32| Duration::from_secs(u64::from(count) * 60);
        let hold = reader.number("HOLD_MINUTES", 1..=1440).map(minutes);
        let payment_deadline = reader
            .number("PAYMENT_DEADLINE_MINUTES", 1..=10_080)
            .map(minutes);
        let completion_grace = reader
            .number("COMPLETION_GRACE_MINUTES", 0..=10_080)
            .map(minutes);
        Some(Self {
            hold: hold?,
            payment_deadline: payment_deadline?,
            completion_grace: completion_grace?,
        })
    }
}
