//! A new pair of tokens for a connection: got once, by whoever comes first, in whichever process.
//!
//! A refresh token works once, and of two that race one is told that it is unknown; a pair that is
//! forced kills every other. So: one caller of a process goes, the others wait for it; among
//! processes the row has a lease. Whoever holds it asks the provider, and puts the answer down
//! under the condition that lease and version are still what they were. When the refresh token is
//! refused, the row is read again first: somebody may have been faster. Only then is a pair forced
//! (managed users), or is the refusal counted (consents).
//!
//! A holder that dies leaves a lease that runs out. It may have used the refresh token up without
//! putting the new pair down; then the next one's refresh is refused, and a pair is forced.

use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};
use entity::Uuid;
use entity::connection::{ActiveModel, Column, Entity, Health, HealthReason, Model};
use futures_util::future::BoxFuture;
use sea_orm::ActiveValue::Set;
use sea_orm::{ColumnTrait as _, Condition, EntityTrait as _, QueryFilter as _};

use super::credential::{CredentialError, EARLY, subject, unreadable};
use super::provider::Renewed;
use super::token;
use crate::app::App;
use crate::domain::connection::credential::Purpose;
use crate::domain::{Result, audit};

/// How long the holder of a lease has: two exchanges with the provider, and room to put the answer
/// down.
const LEASE: TimeDelta = TimeDelta::seconds(30);
/// How long a caller waits for another process that is getting a pair.
const PATIENCE: Duration = Duration::from_secs(15);
/// Refusals in a row, each after reading the row again, before the connection counts as broken.
const PROOF: i32 = 2;
const FIRST_RETRY: TimeDelta = TimeDelta::seconds(5);
const LAST_RETRY: TimeDelta = TimeDelta::minutes(10);

/// Under which circumstances a pair is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum When {
    /// The old one is ending.
    Usual,
    /// It is looked after: also when the old one is still good, and when the connection counts as
    /// broken.
    Check,
}

/// The row with a new pair: one that this call got, or that somebody else got meanwhile.
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
    // Where writes go: a reader of its own may see the row as it was a moment ago.
    let row = Entity::find_by_id(id).one(app.db.write_one()).await?;
    row.filter(Model::is_live)
        .ok_or(CredentialError::NotConnected)
}

/// Takes the lease if nobody has it.
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

/// Asks the provider and puts the answer down. On a task of its own: a caller that goes away must
/// not leave a pair that nobody has.
async fn get(app: &App, row: Model, lease: Uuid) -> Result<Model, CredentialError> {
    let refresh = match &row.refresh_token {
        Some(_) => {
            let (subject, now) = (subject(row.id), app.clock.now());
            // Whoever comes first gets it for all that wait: it is nobody's in particular.
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

/// A row under a lease of ours.
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
            // Somebody was faster: whoever asked reads what they put down.
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
                tracing::warn!(connection.id = %self.row.id, %error, "no new token for a connection; trying again later");
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
            tracing::warn!(connection.id = %self.row.id, "a lease ran out before the answer came; another process went on");
        }
        answer
    }

    /// A refusal that stood after the row was read again. One may be a mishap of theirs; two are
    /// proof.
    fn refused(
        &self,
        free: ActiveModel,
        now: DateTime<Utc>,
    ) -> (ActiveModel, Result<(), CredentialError>) {
        let failures = self.row.failures + 1;
        tracing::warn!(connection.id = %self.row.id, failures, "the provider refuses the token of a connection");
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

impl From<HealthReason> for CredentialError {
    fn from(reason: HealthReason) -> Self {
        Self::Broken(reason)
    }
}

/// What a row says once its credential was accepted.
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
    // Several calls that were on their way together are one refusal.
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
