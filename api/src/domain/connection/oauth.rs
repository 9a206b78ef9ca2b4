//! OAuth: connects a coach's own account with the coach's consent.
//!
//! Protections: `state` is random, stored as a hash, valid once and for ten minutes; a code can be
//! redeemed only with the attempt's PKCE verifier (S256), which never leaves the server; and the
//! final redirect must be on the operator's allow list.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, TimeDelta, Utc};
use entity::Uuid;
use entity::coach::Scheduler;
use entity::connection::Kind;
use entity::oauth_attempt::{ActiveModel, Column, Entity, Model};
use sea_orm::ActiveValue::Set;
use sea_orm::{ActiveModelTrait as _, ColumnTrait as _, EntityTrait as _, QueryFilter as _};
use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Digest as _, Sha256};

use super::store::{self, Account, By};
use super::{AccountProvider, RedeemError, invalid_state, redirect, unavailable};
use crate::app::App;
use crate::domain::coach::{acting_for, manages, require};
use crate::domain::{Caller, Conflict, Error, Person, Result};
use crate::vault::Place;

/// How long an attempt is valid.
const LIFE: TimeDelta = TimeDelta::minutes(10);
/// Most open attempts of one person.
const MOST: u64 = 10;

/// The input of [`start`].
#[derive(Clone, Debug)]
pub struct Start {
    /// The provider's name in the tables.
    pub provider: &'static str,
    /// `None` for the caller's own profile.
    pub coach_id: Option<Uuid>,
    /// The final redirect of the browser.
    pub redirect_to: String,
}

/// The first redirect of the browser.
#[derive(Clone, Debug)]
pub struct Started {
    /// The provider's consent page. For this browser only: anyone who has the URL can connect an
    /// account to the coach.
    pub authorize_url: String,
    pub expires_at: DateTime<Utc>,
}

/// The redirect of the callback.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finished {
    /// Back to the client, with an outcome in the query: `connected`, `denied`, `expired`,
    /// `refused`, `conflict` or `failed`.
    Back(String),
    /// No redirect: the state is unknown or was used before, so the origin of the browser is
    /// unknown.
    Unknown,
}

/// Starts to connect a coach's own account.
///
/// # Errors
/// `Invalid` for a redirect that is not allowed, `InvalidState` when the server has no OAuth client
/// or too many attempts are open, `Forbidden` or `NotFound` for a coach whom the caller does not
/// manage.
pub async fn start(app: &App, caller: &Caller, input: Start) -> Result<Started> {
    let (person, coach_id) = acting_for(caller, input.coach_id)?;
    require(app.db.read(), coach_id).await?;
    if !app.redirects.allows(&input.redirect_to) {
        return Err(Error::invalid(
            "redirectTo",
            "is not one of the addresses that browsers may be sent to",
        ));
    }
    let provider = provider_of(app, input.provider)?;
    let now = app.clock.now();
    clear(app, person.user_id, now).await?;
    let (state, verifier) = (random(), random());
    let Some(authorize_url) = provider.authorize_url(state.expose_secret(), &verifier) else {
        return Err(invalid_state(&format!(
            "this server connects no {} accounts that coaches own",
            provider.label()
        )));
    };
    let (state_hash, expires_at) = (hash(&state), now + LIFE);
    let sealed = app.vault.seal(place(&state_hash), verifier.expose_secret());
    ActiveModel {
        state_hash: Set(state_hash),
        user_id: Set(person.user_id),
        coach_id: Set(coach_id),
        provider: Set(input.provider.to_owned()),
        verifier: Set(sealed.map_err(|error| Error::internal("sealing a verifier", error))?),
        redirect_to: Set(input.redirect_to),
        expires_at: Set(expires_at),
        used_at: Set(None),
        created_at: Set(now),
    }
    .insert(app.db.write_one())
    .await?;
    Ok(Started {
        authorize_url,
        expires_at,
    })
}

/// Deletes expired attempts, and refuses a person who has too many open ones.
async fn clear(app: &App, user_id: Uuid, now: DateTime<Utc>) -> Result<()> {
    use sea_orm::PaginatorTrait as _;
    let db = app.db.write_one();
    Entity::delete_many()
        .filter(Column::ExpiresAt.lt(now - LIFE))
        .exec(db)
        .await?;
    let open = Entity::find()
        .filter(Column::UserId.eq(user_id))
        .filter(Column::ExpiresAt.gt(now));
    if open.filter(Column::UsedAt.is_null()).count(db).await? >= MOST {
        return Err(Conflict::InvalidState(
            "too many attempts are open; wait ten minutes".to_owned(),
        )
        .into());
    }
    Ok(())
}

/// Completes an attempt with the code or the error from the consent page's redirect.
///
/// # Errors
/// Only when the database fails; everything else is an outcome.
pub async fn finish(
    app: &App,
    provider: &str,
    state: &str,
    code: Option<SecretString>,
    correlation_id: &str,
) -> Result<Finished> {
    let now = app.clock.now();
    let Some(attempt) = redeem(app, provider, state, now).await? else {
        return Ok(Finished::Unknown);
    };
    let back = |outcome: &str| {
        Ok(Finished::Back(redirect::with_outcome(
            &attempt.redirect_to,
            outcome,
        )))
    };
    if attempt.expires_at <= now {
        return back("expired");
    }
    let Some(code) = code else {
        return back("denied");
    };
    match connect(app, &attempt, code, correlation_id).await {
        Ok(()) => back("connected"),
        Err(Error::Conflict(_)) => back("conflict"),
        Err(Error::Forbidden(_) | Error::NotFound(_) | Error::Invalid(_)) => back("refused"),
        Err(error) => {
            tracing::warn!(%error, correlation_id, "account could not be connected");
            back("failed")
        }
    }
}

/// Consumes the state in one statement, so that only one of two concurrent callbacks gets it.
async fn redeem(
    app: &App,
    provider: &str,
    state: &str,
    now: DateTime<Utc>,
) -> Result<Option<Model>> {
    if state.len() > 200 {
        return Ok(None);
    }
    let state_hash = hash(&SecretString::from(state.to_owned()));
    let used = Entity::update_many()
        .set(ActiveModel {
            used_at: Set(Some(now)),
            ..Default::default()
        })
        .filter(Column::StateHash.eq(&state_hash))
        .filter(Column::Provider.eq(provider))
        .filter(Column::UsedAt.is_null())
        .exec(app.db.write_one())
        .await?;
    if used.rows_affected == 0 {
        return Ok(None);
    }
    Ok(Entity::find_by_id(state_hash)
        .one(app.db.write_one())
        .await?)
}

async fn connect(
    app: &App,
    attempt: &Model,
    code: SecretString,
    correlation_id: &str,
) -> Result<()> {
    require_rights(app, attempt).await?;
    let provider = provider_of(app, &attempt.provider)?;
    let verifier = app
        .vault
        .open(place(&attempt.state_hash), &attempt.verifier);
    let verifier = verifier.map_err(|error| Error::internal("opening a verifier", error))?;
    let redeemed = provider.redeem(code, verifier, app.clock.now()).await;
    let (owner, pair) = redeemed.map_err(|error| match error {
        RedeemError::Refused => Error::invalid("code", "was refused"),
        RedeemError::Failed(error) => unavailable(&error),
    })?;
    let by = By {
        coach_id: attempt.coach_id,
        actor_id: Some(attempt.user_id),
        correlation_id: correlation_id.to_owned(),
    };
    store::keep(
        app,
        by,
        Account {
            provider: attempt.provider.clone(),
            kind: Kind::OAuth,
            owner,
            pair,
        },
    )
    .await?;
    Ok(())
}

/// Checks permissions again: they may have ended between start and finish.
async fn require_rights(app: &App, attempt: &Model) -> Result<()> {
    let account = entity::user::Entity::find_by_id(attempt.user_id)
        .one(app.db.read())
        .await?;
    let account = account
        .filter(|user| user.suspended_at.is_none())
        .ok_or(Error::Forbidden("the account has ended"))?;
    let coach = entity::coach::Entity::find_by_user(account.id)
        .one(app.db.read())
        .await?;
    let person = Person {
        user_id: account.id,
        role: account.role,
        coach_id: coach
            .map(|coach| coach.id)
            .filter(|_| account.role != entity::user::Role::Client),
        suspended: false,
        expires_at: attempt.expires_at,
    };
    if manages(&person, attempt.coach_id) {
        Ok(())
    } else {
        Err(Error::Forbidden("not the coach any more"))
    }
}

fn provider_of(app: &App, name: &str) -> Result<Arc<dyn AccountProvider>> {
    let found = app.accounts.find(name);
    found.ok_or_else(|| {
        let label = Scheduler::of_provider(name).map_or(name, |scheduler| scheduler.label());
        invalid_state(&format!("{label} is not set up on this server"))
    })
}

/// 32 random bytes, in URL-safe text.
fn random() -> SecretString {
    let bytes: [u8; 32] = rand::random();
    URL_SAFE_NO_PAD.encode(bytes).into()
}

fn hash(state: &SecretString) -> String {
    hex::encode(Sha256::digest(state.expose_secret()))
}

fn place(state_hash: &str) -> Place<'_> {
    Place {
        table: "oauth_attempt",
        row: state_hash,
        column: "verifier",
    }
}
