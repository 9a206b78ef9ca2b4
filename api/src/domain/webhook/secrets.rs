//! Webhook secrets: those of the settings, which are the platform's, and those of registered
//! webhooks. The address that a delivery is sent to selects whose secrets are tried.

use std::collections::HashMap;
use std::fmt;
use std::sync::{PoisonError, RwLock};
use std::time::Duration;

use chrono::{DateTime, Utc};
use entity::Uuid;
use entity::webhook_registration::{Entity, Model};
use sea_orm::EntityTrait;
use secrecy::{ExposeSecret, SecretString};
use tokio::time::Instant;

use crate::app::App;
use crate::domain::Result;
use crate::vault::{Place, row_key};

/// An unknown signature reloads the secrets, at most this often: anybody can send one.
const PAUSE: Duration = Duration::from_secs(3);

/// The address that a delivery was sent to. It decides which secrets may have signed it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Endpoint {
    /// The provider's common address, for the platform's secrets.
    Platform,
    /// The address of one registration, for its secret.
    Registration(Uuid),
}

/// Whose secret signed a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Signer {
    /// `None` for a secret of the settings.
    pub(super) registration_id: Option<Uuid>,
    /// `None` for the platform.
    pub(super) connection_id: Option<Uuid>,
}

/// The secrets of the platform by provider, from the settings, and those of registrations. Several
/// are valid during a rotation.
#[derive(Default)]
pub struct WebhookSecrets {
    configured: HashMap<&'static str, Vec<SecretString>>,
    registered: RwLock<Registered>,
}

/// Decrypted secrets of the table, and when it was read.
#[derive(Default)]
struct Registered {
    registrations: HashMap<Uuid, Registration>,
    read_at: Option<Instant>,
}

struct Registration {
    provider: String,
    connection_id: Option<Uuid>,
    /// Each with its end, if it has one.
    secrets: Vec<(SecretString, Option<DateTime<Utc>>)>,
    platform_url_until: Option<DateTime<Utc>>,
}

impl Registration {
    fn signer(&self, id: Uuid, now: DateTime<Utc>) -> (Signer, Vec<SecretString>) {
        let signer = Signer {
            registration_id: Some(id),
            connection_id: self.connection_id,
        };
        let valid = self
            .secrets
            .iter()
            .filter(|(_, until)| until.is_none_or(|until| until > now));
        (signer, valid.map(|(secret, _)| secret.clone()).collect())
    }
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

    /// Whether signatures at this address can be verified.
    pub async fn is_configured(&self, app: &App, provider: &str, endpoint: Endpoint) -> bool {
        self.is_known(provider, endpoint, app.clock.now()) || {
            self.refresh(app).await;
            self.is_known(provider, endpoint, app.clock.now())
        }
    }

    /// As [`is_configured`](Self::is_configured), as far as is known without the database.
    pub fn is_known(&self, provider: &str, endpoint: Endpoint, now: DateTime<Utc>) -> bool {
        !self.at(provider, endpoint, now).is_empty()
    }

    /// Who may sign at this address, each with the valid secrets.
    pub(super) fn at(
        &self,
        provider: &str,
        endpoint: Endpoint,
        now: DateTime<Utc>,
    ) -> Vec<(Signer, Vec<SecretString>)> {
        let registered = self
            .registered
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        let mut signers = Vec::new();
        match endpoint {
            Endpoint::Registration(id) => {
                let found = registered.registrations.get(&id);
                let found = found.filter(|found| found.provider == provider);
                signers.extend(found.map(|found| found.signer(id, now)));
            }
            Endpoint::Platform => {
                let platform = Signer {
                    registration_id: None,
                    connection_id: None,
                };
                let configured = self.configured.get(provider).cloned();
                signers.extend(configured.map(|secrets| (platform, secrets)));
                let moving = registered.registrations.iter().filter(|(_, known)| {
                    known.provider == provider
                        && known.platform_url_until.is_some_and(|until| until > now)
                });
                signers.extend(moving.map(|(id, known)| known.signer(*id, now)));
            }
        }
        signers.retain(|(_, secrets)| !secrets.is_empty());
        signers
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
        // From the primary, which was just written: a replica may lag.
        let rows = Entity::find().all(app.db.write_one()).await?;
        let registrations = rows.into_iter().map(|row| {
            let previous = row
                .previous_secret
                .as_deref()
                .zip(row.previous_valid_until)
                .map(|(sealed, until)| (PREVIOUS, sealed, Some(until)));
            let secrets = std::iter::once((SECRET, row.secret.as_str(), None))
                .chain(previous)
                .filter_map(|(column, sealed, until)| {
                    Some((open(app, &row, column, sealed)?, until))
                })
                .collect();
            let registration = Registration {
                secrets,
                provider: row.provider,
                connection_id: row.connection_id,
                platform_url_until: row.platform_url_until,
            };
            (row.id, registration)
        });
        let registrations = registrations.collect();
        self.registered
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .registrations = registrations;
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
