//! Webhook secrets by provider: those of the settings, and those of registered webhooks.

use std::collections::HashMap;
use std::fmt;
use std::sync::{PoisonError, RwLock};
use std::time::Duration;

use entity::webhook_registration::{Entity, Model};
use sea_orm::EntityTrait;
use secrecy::{ExposeSecret, SecretString};
use tokio::time::Instant;

use crate::app::App;
use crate::domain::Result;
use crate::vault::{Place, row_key};

/// An unknown signature reloads the secrets, at most this often: anybody can send one.
const PAUSE: Duration = Duration::from_secs(3);

/// Valid secrets by provider: several during a rotation, none if the provider is not configured.
#[derive(Default)]
pub struct WebhookSecrets {
    configured: HashMap<&'static str, Vec<SecretString>>,
    registered: RwLock<Registered>,
}

/// Decrypted secrets of the table, and when it was read.
#[derive(Default)]
struct Registered {
    secrets: HashMap<String, Vec<SecretString>>,
    read_at: Option<Instant>,
}

impl WebhookSecrets {
    /// Adds a provider's secrets from the settings. Skips empty ones, with which anybody could
    /// sign.
    #[must_use]
    pub fn with(mut self, provider: &'static str, secrets: Vec<SecretString>) -> Self {
        let secrets = secrets
            .into_iter()
            .filter(|secret| !secret.expose_secret().is_empty());
        self.configured.entry(provider).or_default().extend(secrets);
        self
    }

    /// Whether a provider's signatures can be verified.
    pub async fn is_configured(&self, app: &App, provider: &str) -> bool {
        if self
            .configured
            .get(provider)
            .is_some_and(|secrets| !secrets.is_empty())
        {
            return true;
        }
        self.refresh(app).await;
        !self.known(provider).is_empty()
    }

    /// All secrets of a provider.
    pub(super) fn known(&self, provider: &str) -> Vec<SecretString> {
        let registered = self
            .registered
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        let configured = self.configured.get(provider).into_iter().flatten();
        let registered = registered.secrets.get(provider).into_iter().flatten();
        configured.chain(registered).cloned().collect()
    }

    /// Reads the table again, unless it was read a moment ago; returns whether it was read.
    pub(super) async fn refresh(&self, app: &App) -> bool {
        {
            let mut registered = self
                .registered
                .write()
                .unwrap_or_else(PoisonError::into_inner);
            if registered
                .read_at
                .is_some_and(|read_at| read_at.elapsed() < PAUSE)
            {
                return false;
            }
            registered.read_at = Some(Instant::now());
        }
        match self.read(app).await {
            Ok(()) => true,
            Err(error) => {
                tracing::warn!(%error, "secrets of registered webhooks could not be read");
                false
            }
        }
    }

    /// Reads the table.
    pub(in crate::domain) async fn read(&self, app: &App) -> Result<()> {
        let now = app.clock.now();
        // From the primary, which was just written: a replica may lag.
        let rows = Entity::find().all(app.db.write_one()).await?;
        let mut secrets: HashMap<String, Vec<SecretString>> = HashMap::new();
        for row in &rows {
            let is_valid = row.previous_valid_until.is_some_and(|until| until > now);
            let previous = row
                .previous_secret
                .as_deref()
                .filter(|_| is_valid)
                .map(|sealed| (PREVIOUS, sealed));
            let opened = std::iter::once((SECRET, row.secret.as_str()))
                .chain(previous)
                .filter_map(|(column, sealed)| open(app, row, column, sealed));
            secrets
                .entry(row.provider.clone())
                .or_default()
                .extend(opened);
        }
        self.registered
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .secrets = secrets;
        Ok(())
    }
}

pub(in crate::domain) const TABLE: &str = "webhook_registration";
pub(in crate::domain) const SECRET: &str = "secret";
pub(in crate::domain) const PREVIOUS: &str = "previous_secret";

/// Decrypts the secret of a registration; `None` if that fails.
pub(in crate::domain) fn open(
    app: &App,
    row: &Model,
    column: &str,
    sealed: &str,
) -> Option<SecretString> {
    let place = Place {
        table: TABLE,
        row: &row_key(row.id),
        column,
    };
    match app.vault.open(place, sealed) {
        Ok(secret) => Some(secret).filter(|secret| !secret.expose_secret().is_empty()),
        Err(error) => {
            tracing::error!(registration.id = %row.id, %error, "secret of a webhook could not be decrypted");
            None
        }
    }
}

impl fmt::Debug for WebhookSecrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebhookSecrets").finish_non_exhaustive()
    }
}
