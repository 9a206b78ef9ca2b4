//! What Cal.com may sign with: secrets of the settings, and those of the webhooks that we had it
//! register.

use std::fmt;
use std::sync::{PoisonError, RwLock};
use std::time::Duration;

use entity::webhook_registration::{Column, Entity, Model};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};
use secrecy::{ExposeSecret, SecretString};
use tokio::time::Instant;

use crate::app::App;
use crate::domain::Result;
use crate::domain::connection::PROVIDER;
use crate::vault::{Place, row_key};

/// An unknown signature makes us look for new secrets, but no more often than this: anybody can
/// send one.
const PAUSE: Duration = Duration::from_secs(3);

/// Secrets in use: several while one replaces another, none while Cal.com is not set up.
#[derive(Default)]
pub struct CalComSecrets {
    configured: Vec<SecretString>,
    registered: RwLock<Registered>,
}

/// Opened secrets of the table, and when it was read.
#[derive(Default)]
struct Registered {
    secrets: Vec<SecretString>,
    read_at: Option<Instant>,
}

impl CalComSecrets {
    /// The secrets of the settings. Empty ones are left out: they would let anybody sign.
    #[must_use]
    pub fn new(secrets: Vec<SecretString>) -> Self {
        let configured = secrets
            .into_iter()
            .filter(|secret| !secret.expose_secret().is_empty())
            .collect();
        Self {
            configured,
            registered: RwLock::default(),
        }
    }

    /// Whether anything can be told from a forgery.
    pub async fn is_configured(&self, app: &App) -> bool {
        if !self.configured.is_empty() {
            return true;
        }
        self.refresh(app).await;
        !self.known().is_empty()
    }

    /// All that are known.
    pub(super) fn known(&self) -> Vec<SecretString> {
        let registered = self
            .registered
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        self.configured
            .iter()
            .chain(&registered.secrets)
            .cloned()
            .collect()
    }

    /// Reads the table again unless that was done a moment ago; gives whether it was read.
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
                tracing::warn!(%error, "the secrets of registered webhooks could not be read");
                false
            }
        }
    }

    /// Reads the table.
    ///
    /// # Errors
    /// When the database fails.
    pub(super) async fn read(&self, app: &App) -> Result<()> {
        let now = app.clock.now();
        // From where it was just written: a reader may be behind.
        let rows = Entity::find()
            .filter(Column::Provider.eq(PROVIDER))
            .all(app.db.write_one())
            .await?;
        let secrets = rows.iter().flat_map(|row| {
            let is_valid = row.previous_valid_until.is_some_and(|until| until > now);
            let previous = row
                .previous_secret
                .as_deref()
                .filter(|_| is_valid)
                .map(|sealed| (PREVIOUS, sealed));
            std::iter::once((SECRET, row.secret.as_str()))
                .chain(previous)
                .filter_map(|(column, sealed)| open(app, row, column, sealed))
        });
        let secrets = secrets.collect();
        self.registered
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .secrets = secrets;
        Ok(())
    }
}

pub(super) const TABLE: &str = "webhook_registration";
pub(super) const SECRET: &str = "secret";
pub(super) const PREVIOUS: &str = "previous_secret";

/// A secret of a registration; one that does not open counts for nothing.
pub(super) fn open(app: &App, row: &Model, column: &str, sealed: &str) -> Option<SecretString> {
    let place = Place {
        table: TABLE,
        row: &row_key(row.id),
        column,
    };
    match app.vault.open(place, sealed) {
        Ok(secret) => Some(secret).filter(|secret| !secret.expose_secret().is_empty()),
        Err(error) => {
            tracing::error!(registration.id = %row.id, %error, "the secret of a webhook does not open");
            None
        }
    }
}

impl fmt::Debug for CalComSecrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CalComSecrets({})", self.known().len())
    }
}
