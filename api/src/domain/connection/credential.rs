//! A credential that works, for whoever needs to act for a coach.

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

/// A token that ends sooner than this is replaced before it is used: a call may take 20 s, and
/// clocks differ.
pub(super) const EARLY: TimeDelta = TimeDelta::seconds(90);
/// Reasons that are remembered for one token.
const MOST_TOLD: usize = 1_000;

/// What a credential is read for. It goes into the audit log.
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
    /// Getting a new pair, or giving the old one back.
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

/// A purpose, and the person whose wish it is. What serves everybody, or nobody in particular, has
/// no person.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Reason {
    pub(super) purpose: Purpose,
    pub(super) actor_id: Option<Uuid>,
}

impl Purpose {
    /// For a person, where one is known to have asked.
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

/// A credential to make calls with, until one of them says that it is no longer good: see
/// [`report`].
#[derive(Clone, Debug)]
pub struct Lease {
    pub connection_id: Uuid,
    pub coach_id: Uuid,
    pub provider: String,
    /// The account's id at the provider.
    pub external_id: String,
    pub kind: Kind,
    pub token: SecretString,
    /// Which pair of tokens it is of.
    version: i64,
}

/// What a provider says about a credential that it does not accept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenRefusal {
    /// The token has expired or was revoked: a new one may be accepted.
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
    /// The coach must do something first.
    #[error("the connection is broken")]
    Broken(HealthReason),
    /// A new token is needed, and cannot be had at the moment. Worth another try later.
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

/// Opened tokens, for as long as they are current; and whose flight it is to get a new one. Every
/// opening is written to the audit log once for each purpose and person, so the log has a line for
/// each credential that was read, what for and for whom, not one for each request.
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
            // What is forgotten is told once more.
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

    /// The flight of this process at a connection: one caller asks the database and the provider, the
    /// others wait for what it brings.
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

/// A working credential of a coach. A token that has ended, or is about to, is replaced first:
/// once, however many ask, here and in other processes.
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

/// The same, of a connection.
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

/// Also of a connection that counts as broken: a key that was refused may be good again.
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
            // It was early: the old one is good for this call yet.
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
    // Of many that come at once, one opens it and says so.
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

/// A value that does not open is a fault of ours, not the coach's: the key may come back with the
/// next start.
pub(super) fn unreadable(error: &VaultError) -> CredentialError {
    CredentialError::Internal(Error::internal("opening a token", error.clone()))
}

/// Tells that a call made with a credential failed. When the provider no longer takes the token,
/// the next [`credential`] is a new one; any other failure changes nothing.
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
    // Every process sees that it has ended, and whoever asks next gets a new one.
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
