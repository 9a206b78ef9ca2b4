//! Leases valid credentials to callers that act for a coach.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use chrono::TimeDelta;
use entity::Uuid;
use entity::coach::Scheduler;
use entity::connection::{ActiveModel, Column, Entity, Health, HealthReason, Kind, Model};
use sea_orm::ActiveValue::Set;
use sea_orm::{ColumnTrait as _, EntityTrait as _, QueryFilter as _};
use secrecy::SecretString;
use tokio::sync::Mutex as Flight;

use super::{invalid_state, read, renew, token};
use crate::app::App;
use crate::domain::{Error, audit};
use crate::vault::VaultError;

/// A token is renewed this long before it expires: a call may take 20 s, and clocks differ.
pub(super) const EARLY: TimeDelta = TimeDelta::seconds(90);
/// Most reasons that are remembered per token.
const MOST_TOLD: usize = 1_000;

/// The purpose of reading a credential; stored in the audit log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Purpose {
    Booking,
    Slots,
    Reconcile,
    Schedule,
    EventType,
    Calendar,
    Webhook,
    Health,
    /// Renewing or revoking a pair of tokens.
    Renewal,
}

impl Purpose {
    /// Its name in the audit log.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Booking => "booking",
            Self::Slots => "slots",
            Self::Reconcile => "reconcile",
            Self::Schedule => "schedule",
            Self::EventType => "event_type",
            Self::Calendar => "calendar",
            Self::Webhook => "webhook",
            Self::Health => "health",
            Self::Renewal => "renewal",
        }
    }
}

/// A purpose, and the person who caused it; none for background work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Reason {
    pub(super) purpose: Purpose,
    pub(super) actor_id: Option<Uuid>,
}

impl Purpose {
    /// Adds the person, if one is known.
    #[must_use]
    pub fn asked_by(self, actor_id: Option<Uuid>) -> Reason {
        Reason {
            purpose: self,
            actor_id,
        }
    }
}

impl From<Purpose> for Reason {
    fn from(purpose: Purpose) -> Self {
        Self {
            purpose,
            actor_id: None,
        }
    }
}

/// A credential for calls. A caller that has it refused calls [`report`].
#[derive(Clone, Debug)]
pub struct Lease {
    pub connection_id: Uuid,
    pub coach_id: Uuid,
    pub provider: String,
    /// The account's id at the provider.
    pub external_id: String,
    pub kind: Kind,
    pub token: SecretString,
    /// The version of its pair of tokens.
    version: i64,
}

/// Why a provider refused a credential.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenRefusal {
    /// The token has expired or was revoked: a renewed one may be accepted.
    Ended,
    /// The API key is not accepted.
    KeyRefused,
}

/// Why there is no credential.
#[derive(Debug, thiserror::Error)]
pub enum CredentialError {
    /// The coach has no account connected.
    #[error("no account is connected")]
    NotConnected,
    /// The coach must act first.
    #[error("the connection is broken")]
    Broken(HealthReason),
    /// A new token is needed, and the provider issues none at present. Retry later.
    #[error("the provider issues no new token at present: {0}")]
    Unavailable(String),
    #[error(transparent)]
    Internal(#[from] Error),
}

impl From<sea_orm::DbErr> for CredentialError {
    fn from(error: sea_orm::DbErr) -> Self {
        Self::Internal(error.into())
    }
}

impl From<CredentialError> for Error {
    fn from(why: CredentialError) -> Self {
        match why {
            CredentialError::NotConnected => invalid_state("this coach has no account connected"),
            CredentialError::Broken(_) => invalid_state("this coach's connection is broken"),
            CredentialError::Unavailable(_) => {
                Self::Unavailable("the provider does not answer at present; try again later")
            }
            CredentialError::Internal(error) => error,
        }
    }
}

/// Caches decrypted tokens while they are current, and runs one renewal per connection at a time.
/// Writes one audit entry per credential, purpose and person, not one per request.
#[derive(Default)]
pub struct Credentials {
    held: Mutex<HashMap<Uuid, Held>>,
    flights: Mutex<HashMap<Uuid, Weak<Flight<()>>>>,
}

struct Held {
    version: i64,
    token: SecretString,
    told: BTreeSet<Reason>,
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Credentials")
    }
}

impl Credentials {
    fn find(&self, row: &Model, reason: Reason) -> Option<SecretString> {
        let held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = held
            .get(&row.id)
            .filter(|entry| entry.version == row.token_version)?;
        entry.told.contains(&reason).then(|| entry.token.clone())
    }

    fn keep(&self, row: &Model, reason: Reason, token: &SecretString) {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let fresh = || Held {
            version: row.token_version,
            token: token.clone(),
            told: BTreeSet::new(),
        };
        let entry = held.entry(row.id).or_insert_with(fresh);
        if entry.version != row.token_version {
            *entry = fresh();
        }
        if entry.told.len() >= MOST_TOLD {
            // Forgotten reasons are written to the audit log once more.
            entry.told.clear();
        }
        entry.told.insert(reason);
    }

    pub(super) fn forget(&self, connection_id: Uuid) {
        self.held
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&connection_id);
    }

    /// The single flight of a connection in this process: one caller reads the database and calls
    /// the provider, the others wait for its result.
    pub(in crate::domain) fn single_flight(&self, connection_id: Uuid) -> Arc<Flight<()>> {
        let mut flights = self.flights.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(flight) = flights.get(&connection_id).and_then(Weak::upgrade) {
            return flight;
        }
        flights.retain(|_, flight| flight.strong_count() > 0);
        let flight = Arc::new(Flight::new(()));
        flights.insert(connection_id, Arc::downgrade(&flight));
        flight
    }
}

/// Returns a valid credential of a coach. A token that has expired, or is about to, is renewed
/// first: once, however many callers there are, in all processes.
///
/// # Errors
/// See [`CredentialError`].
pub async fn credential(
    app: &App,
    scheduler: Scheduler,
    coach_id: Uuid,
    reason: impl Into<Reason>,
) -> Result<Lease, CredentialError> {
    let row = read::find_live(app, scheduler, coach_id)
        .await?
        .ok_or(CredentialError::NotConnected)?;
    lease(app, row, reason.into()).await
}

/// As [`credential`], by connection.
///
/// # Errors
/// See [`CredentialError`].
pub async fn credential_of(
    app: &App,
    connection_id: Uuid,
    purpose: Purpose,
) -> Result<Lease, CredentialError> {
    let row = Entity::find_by_id(connection_id).one(app.db.read()).await?;
    lease(
        app,
        row.filter(Model::is_live)
            .ok_or(CredentialError::NotConnected)?,
        purpose.into(),
    )
    .await
}

/// Leases the credential of a broken connection too: a refused key may be valid again.
pub(super) async fn lease_for_check(
    app: &App,
    connection_id: Uuid,
    purpose: Purpose,
) -> Result<Lease, CredentialError> {
    let row = Entity::find_by_id(connection_id).one(app.db.read()).await?;
    lease_regardless(
        app,
        row.filter(Model::is_live)
            .ok_or(CredentialError::NotConnected)?,
        purpose.into(),
    )
    .await
}

async fn lease(app: &App, row: Model, reason: Reason) -> Result<Lease, CredentialError> {
    if row.health == Health::Broken {
        return Err(CredentialError::Broken(
            row.health_reason.unwrap_or(HealthReason::ConsentRefused),
        ));
    }
    lease_regardless(app, row, reason).await
}

async fn lease_regardless(app: &App, row: Model, reason: Reason) -> Result<Lease, CredentialError> {
    let now = app.clock.now();
    let ends = row.access_expires_at;
    let row = if ends.is_none_or(|ends| ends > now + EARLY) {
        row
    } else {
        match renew::renew(app, &row, renew::When::Usual).await {
            Ok(row) => row,
            // The renewal was early: the old token is still valid for this call.
            Err(CredentialError::Unavailable(_))
                if ends.is_some_and(|ends| ends > now + EARLY / 3) =>
            {
                row
            }
            Err(why) => return Err(why),
        }
    };
    let token = opened(app, &row, reason).await?;
    let (connection_id, coach_id, version) = (row.id, row.coach_id, row.token_version);
    Ok(Lease {
        connection_id,
        coach_id,
        provider: row.provider,
        external_id: row.external_id,
        kind: row.kind,
        token,
        version,
    })
}

async fn opened(app: &App, row: &Model, reason: Reason) -> Result<SecretString, CredentialError> {
    if let Some(token) = app.credentials.find(row, reason) {
        return Ok(token);
    }
    // One of several concurrent callers decrypts it and writes the audit entry.
    let flight = app.credentials.single_flight(row.id);
    let _flight = flight.lock().await;
    if let Some(token) = app.credentials.find(row, reason) {
        return Ok(token);
    }
    let subject = subject(row.id);
    let now = app.clock.now();
    audit::record_reading(
        app.db.write_one(),
        reason.actor_id,
        &subject,
        reason.purpose.as_str(),
        now,
    )
    .await?;
    let token = token::open_access(&app.vault, row).map_err(|error| unreadable(&error))?;
    app.credentials.keep(row, reason, &token);
    Ok(token)
}

/// The global id of a connection, for the audit log.
pub(in crate::domain) fn subject(connection_id: Uuid) -> String {
    format!("connection_{}", connection_id.simple())
}

/// A value that cannot be decrypted is a server fault, not the coach's: the key may be configured
/// again.
pub(super) fn unreadable(error: &VaultError) -> CredentialError {
    CredentialError::Internal(Error::internal("opening a token", error.clone()))
}

/// Reports that a provider refused a credential. A refused token is marked as expired, so that the
/// next [`credential`] renews it.
pub async fn report(app: &App, lease: &Lease, refusal: TokenRefusal) -> Result<(), Error> {
    if refusal == TokenRefusal::KeyRefused {
        return renew::refused_key(app, lease.connection_id, lease.version).await;
    }
    let row = Entity::find_by_id(lease.connection_id)
        .one(app.db.read())
        .await?;
    let Some(row) = row.filter(|row| row.is_live() && row.token_version == lease.version) else {
        return Ok(());
    };
    if row.kind == Kind::ApiKey {
        return renew::refused_key(app, lease.connection_id, lease.version).await;
    }
    // Marked in the database, so that every process renews before its next call.
    Entity::update_many()
        .set(ActiveModel {
            access_expires_at: Set(Some(app.clock.now())),
            ..Default::default()
        })
        .filter(Column::Id.eq(row.id))
        .filter(Column::TokenVersion.eq(row.token_version))
        .exec(app.db.write_one())
        .await?;
    Ok(())
}
