//! Leases valid credentials to callers that act for a coach.

use entity::Uuid;
use entity::coach::Scheduler;
use entity::connection::{ActiveModel, Column, Entity, Health, HealthReason, Kind, Model};
use sea_orm::ActiveValue::Set;
use sea_orm::{ColumnTrait as _, EntityTrait as _, QueryFilter as _};
use secrecy::SecretString;

use super::lease::{
    CredentialError, EARLY, Lease, Purpose, Reason, TokenRefusal, subject, unreadable,
};
use super::{read, renew, token};
use crate::app::App;
use crate::domain::{Error, audit};

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
