//! Renews the tokens of a connection: once, by one caller in one process.
//!
//! A refresh token works once; the second of two concurrent uses is refused, and forcing a pair
//! revokes every other. So one caller per process renews while others wait, and processes exclude
//! each other with a lease in the row. The lease holder calls the provider and stores the answer on
//! condition that lease and version are unchanged. When the refresh token is refused, the row is
//! read again first, because another process may have renewed it. Only then is a pair forced
//! (managed users) or the refusal counted (consents).
//!
//! The lease of a crashed holder expires. It may have used the refresh token without storing the
//! new pair; then the next refresh is refused, and a pair is forced.

use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};
use entity::Uuid;
use entity::connection::{ActiveModel, Column, Entity, Health, HealthReason, Model};
use futures_util::future::BoxFuture;
use sea_orm::ActiveValue::Set;
use sea_orm::{ColumnTrait as _, Condition, EntityTrait as _, QueryFilter as _};

use super::lease::{CredentialError, EARLY, Purpose, subject, unreadable};
use super::provider::Renewed;
use super::token;
use crate::app::App;
use crate::domain::{Result, audit};

/// Duration of a lease: two calls to the provider, and time to store the answer.
const LEASE: TimeDelta = TimeDelta::seconds(30);
/// How long a caller waits for a renewal by another process.
const PATIENCE: Duration = Duration::from_secs(15);
/// Refusals in a row, each after reading the row again, before the connection is marked as broken.
const PROOF: i32 = 2;
const FIRST_RETRY: TimeDelta = TimeDelta::seconds(5);
const LAST_RETRY: TimeDelta = TimeDelta::minutes(10);

/// When a renewal is needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum When {
    /// The token is about to expire.
    Usual,
    /// At a health check: even if the token is still valid, and even if the connection is broken.
    Check,
}

/// Returns the row with a new pair, renewed by this call or by another one in the meantime.
pub(super) async fn renew(app: &App, seen: &Model, when: When) -> Result<Model, CredentialError> {
    let flight = app.credentials.single_flight(seen.id);
    let _flight = flight.lock().await;
    let began = Instant::now();
    loop {
        let row = current(app, seen.id).await?;
        let now = app.clock.now();
        let ended = row
            .access_expires_at
            .is_some_and(|ends| ends <= now + EARLY);
        if row.token_version != seen.token_version && !ended {
            return Ok(row);
        }
        if when == When::Usual && row.health == Health::Broken {
            return Err(CredentialError::Broken(
                row.health_reason.unwrap_or(HealthReason::ConsentRefused),
            ));
        }
        if row.retry_at.is_some_and(|retry_at| retry_at > now) {
            return Err(CredentialError::Unavailable(
                "an attempt failed a moment ago".to_owned(),
            ));
        }
        if let Some(lease) = take(app, &row, now).await? {
            return get(app, row, lease).await;
        }
        if began.elapsed() > PATIENCE {
            return Err(CredentialError::Unavailable(
                "another process is getting one".to_owned(),
            ));
        }
        tokio::time::sleep(Duration::from_millis(rand::random_range(20..=80))).await;
    }
}

async fn current(app: &App, id: Uuid) -> Result<Model, CredentialError> {
    // Read from the primary: a replica may lag.
    let row = Entity::find_by_id(id).one(app.db.write_one()).await?;
    row.filter(Model::is_live)
        .ok_or(CredentialError::NotConnected)
}

/// Takes the lease if it is free.
async fn take(app: &App, row: &Model, now: DateTime<Utc>) -> Result<Option<Uuid>, CredentialError> {
    let lease = entity::new_id();
    let free = Condition::any()
        .add(Column::Lease.is_null())
        .add(Column::LeasedUntil.lte(now));
    let taken = Entity::update_many()
        .set(ActiveModel {
            lease: Set(Some(lease)),
            leased_until: Set(Some(now + LEASE)),
            ..Default::default()
        })
        .filter(Column::Id.eq(row.id))
        .filter(Column::TokenVersion.eq(row.token_version))
        .filter(Column::DisconnectedAt.is_null())
        .filter(free)
        .exec(app.db.write_one())
        .await?;
    Ok((taken.rows_affected == 1).then_some(lease))
}

/// Calls the provider and stores the answer in a separate task, so that a cancelled caller cannot
/// lose a new pair.
async fn get(app: &App, row: Model, lease: Uuid) -> Result<Model, CredentialError> {
    let refresh = match &row.refresh_token {
        Some(_) => {
            let (subject, now) = (subject(row.id), app.clock.now());
            // One caller renews for all that wait, so the audit entry names no person.
            audit::record_reading(
                app.db.write_one(),
                None,
                &subject,
                Purpose::Renewal.as_str(),
                now,
            )
            .await?;
            Some(token::open_refresh(&app.vault, &row).map_err(|error| unreadable(&error))?)
        }
        None => None,
    };
    let Some(provider) = app.accounts.find(&row.provider) else {
        return Err(CredentialError::NotConnected);
    };
    let (db, clock, vault, id) = (app.db.clone(), app.clock.clone(), app.vault.clone(), row.id);
    let work = app.tasks.spawn(async move {
        let held = Arc::new(Held { db, lease, row });
        let is_unchanged = || -> BoxFuture<'static, Result<bool>> {
            let held = Arc::clone(&held);
            Box::pin(async move { held.is_unchanged().await })
        };
        let now = clock.now();
        let outcome = provider.renew(&held.row, refresh, now, &is_unchanged).await;
        held.settle(outcome, &vault, clock.now()).await
    });
    match work.await {
        Ok(settled) => settled?,
        Err(panic) => {
            return Err(CredentialError::Internal(crate::domain::Error::internal(
                "getting a token",
                panic,
            )));
        }
    }
    let row = current(app, id).await?;
    app.credentials.forget(id);
    Ok(row)
}

/// A row whose lease we have.
struct Held {
    db: crate::db::Db,
    lease: Uuid,
    row: Model,
}

impl Held {
    /// Whether the row still has the pair that was read.
    async fn is_unchanged(&self) -> Result<bool> {
        let row = Entity::find_by_id(self.row.id)
            .one(self.db.write_one())
            .await?;
        Ok(row.is_some_and(|row| {
            row.token_version == self.row.token_version && row.lease == Some(self.lease)
        }))
    }

    async fn settle(
        &self,
        outcome: Result<Renewed>,
        vault: &crate::vault::Vault,
        now: DateTime<Utc>,
    ) -> Result<(), CredentialError> {
        let free = ActiveModel {
            lease: Set(None),
            leased_until: Set(None),
            ..Default::default()
        };
        let (change, answer) = match outcome {
            Err(error) => (free, Err(CredentialError::Internal(error))),
            // Another process has renewed it; callers read its row.
            Ok(Renewed::Overtaken) => (free, Ok(())),
            Ok(Renewed::Pair(pair)) => {
                let sealed = pair.seal(vault, self.row.id)?;
                let row = ActiveModel {
                    access_token: Set(Some(sealed.access)),
                    access_expires_at: Set(sealed.access_expires_at),
                    refresh_token: Set(sealed.refresh.or_else(|| self.row.refresh_token.clone())),
                    refresh_expires_at: Set(sealed
                        .refresh_expires_at
                        .or(self.row.refresh_expires_at)),
                    token_version: Set(self.row.token_version + 1),
                    ..well(now, free)
                };
                (row, Ok(()))
            }
            Ok(Renewed::Gone) => (
                broken(free, HealthReason::AccountGone, now),
                Err(HealthReason::AccountGone.into()),
            ),
            Ok(Renewed::Refused) => self.refused(free, now),
            Ok(Renewed::Failed(error)) => {
                tracing::warn!(connection.id = %self.row.id, %error, "no new token for a connection, retrying later");
                (
                    ActiveModel {
                        retry_at: Set(Some(now + FIRST_RETRY)),
                        ..free
                    },
                    Err(CredentialError::Unavailable(error.to_string())),
                )
            }
        };
        let put = Entity::update_many()
            .set(change)
            .filter(Column::Id.eq(self.row.id))
            .filter(Column::Lease.eq(self.lease))
            .filter(Column::TokenVersion.eq(self.row.token_version))
            .exec(self.db.write_one())
            .await?;
        if put.rows_affected == 0 {
            tracing::warn!(connection.id = %self.row.id, "lease expired before the answer came, another process took over");
        }
        answer
    }

    /// Counts a refusal that was repeated after reading the row again. One may be the provider's
    /// mistake; two mark the connection as broken.
    fn refused(
        &self,
        free: ActiveModel,
        now: DateTime<Utc>,
    ) -> (ActiveModel, Result<(), CredentialError>) {
        let failures = self.row.failures + 1;
        tracing::warn!(connection.id = %self.row.id, failures, "provider refuses the token of a connection");
        let counted = ActiveModel {
            failures: Set(failures),
            retry_at: Set(Some(now + backoff(failures))),
            ..free
        };
        if failures < PROOF {
            return (
                counted,
                Err(CredentialError::Unavailable(
                    "the token was refused".to_owned(),
                )),
            );
        }
        let reason = HealthReason::ConsentRefused;
        (
            broken(counted, reason, self.row.broken_since.unwrap_or(now)),
            Err(reason.into()),
        )
    }
}

/// The columns of a row whose credential was accepted.
pub(super) fn well(now: DateTime<Utc>, row: ActiveModel) -> ActiveModel {
    ActiveModel {
        health: Set(Health::Ok),
        health_reason: Set(None),
        broken_since: Set(None),
        failures: Set(0),
        retry_at: Set(None),
        last_ok_at: Set(Some(now)),
        updated_at: Set(now),
        ..row
    }
}

fn broken(row: ActiveModel, reason: HealthReason, since: DateTime<Utc>) -> ActiveModel {
    ActiveModel {
        health: Set(Health::Broken),
        health_reason: Set(Some(reason)),
        broken_since: Set(Some(since)),
        ..row
    }
}

/// 5 s, doubled with each failure, at most 10 minutes.
fn backoff(failures: i32) -> TimeDelta {
    let doublings =
        u32::try_from(failures.clamp(1, 10) - 1).expect("clamped to a small positive number");
    Ord::min(FIRST_RETRY * 2_i32.pow(doublings), LAST_RETRY)
}

/// Counts a refusal of an API key, which cannot be renewed.
pub(super) async fn refused_key(app: &App, connection_id: Uuid, version: i64) -> Result<()> {
    let now = app.clock.now();
    let Some(row) = Entity::find_by_id(connection_id)
        .one(app.db.write_one())
        .await?
    else {
        return Ok(());
    };
    // Concurrent calls that were refused count as one refusal.
    let again = row.retry_at.is_none_or(|retry_at| retry_at <= now);
    if !row.is_live() || row.token_version != version || !again {
        return Ok(());
    }
    let failures = row.failures + 1;
    let counted = ActiveModel {
        failures: Set(failures),
        retry_at: Set(Some(now + backoff(failures))),
        ..Default::default()
    };
    let change = if failures < PROOF {
        counted
    } else {
        broken(
            counted,
            HealthReason::KeyRefused,
            row.broken_since.unwrap_or(now),
        )
    };
    Entity::update_many()
        .set(change)
        .filter(Column::Id.eq(row.id))
        .filter(Column::TokenVersion.eq(version))
        .filter(Column::Failures.eq(row.failures))
        .exec(app.db.write_one())
        .await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retries_are_further_and_further_apart() {
        let waits: Vec<_> = (1..=12)
            .map(|failures| backoff(failures).num_seconds())
            .collect();
        assert_eq!(
            waits,
            [5, 10, 20, 40, 80, 160, 320, 600, 600, 600, 600, 600]
        );
    }
}
