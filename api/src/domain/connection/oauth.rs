//! OAuth: connects a coach's own account with the coach's consent.
//!
//! Protections: `state` is random, stored as a hash, valid once and for ten minutes; a code can be
//! redeemed only with the attempt's PKCE verifier (S256), which never leaves the server; and the
//! redirects must be on the operator's allow list.
//!
//! The browser that comes back with a code proves nothing about who is in front of it: a coach may
//! have sent the consent page to somebody else, whose account would become the coach's. So the
//! callback only parks the code, sealed, and gives the browser a random ticket. [`finish`] redeems
//! the code for a caller who has both: the ticket, which only that browser got, and the session of
//! the person who started, or of the coach whom the account is for.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, TimeDelta, Utc};
use entity::Uuid;
use entity::coach::Scheduler;
use entity::connection::{Kind, Model as Connection};
use entity::oauth_attempt::{ActiveModel, Column, Entity, Model};
use sea_orm::ActiveValue::Set;
use sea_orm::{ActiveModelTrait as _, ColumnTrait as _, EntityTrait as _, QueryFilter as _};
use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Digest as _, Sha256};

use super::store::{self, Account, By};
use super::{AccountProvider, RedeemError, invalid_state, redirect, unavailable};
use crate::app::App;
use crate::domain::coach::{acting_for, manages, require};
use crate::domain::{Caller, Conflict, Error, Result, identity};
use crate::vault::Place;

/// How long an attempt is valid.
const LIFE: TimeDelta = TimeDelta::minutes(10);
/// How long a parked code can be redeemed: the browser finishes at once.
const TICKET_LIFE: TimeDelta = TimeDelta::minutes(5);
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
    /// The provider's consent page.
    pub authorize_url: String,
    pub expires_at: DateTime<Utc>,
}

/// What the consent page's redirect says.
pub enum Returned {
    /// Consent, with the code to redeem.
    Code(SecretString),
    /// The owner of the account said no.
    Denied,
    /// The provider has failed, or sends neither code nor reason.
    Failed,
}

/// The redirect of the callback.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Parked {
    /// Back to the client, with an outcome in the query: `pending` with a `ticket`, `denied`,
    /// `expired` or `failed`.
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
    let place = place(&state_hash, VERIFIER);
    let sealed = app.vault.seal(place, verifier.expose_secret());
    ActiveModel {
        state_hash: Set(state_hash.clone()),
        user_id: Set(person.user_id),
        coach_id: Set(coach_id),
        provider: Set(input.provider.to_owned()),
        code: Set(None),
        ticket_hash: Set(None),
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

/// Takes what the consent page's redirect says. A code is kept, sealed, until [`finish`] redeems it.
///
/// # Errors
/// Only when the database fails; everything else is an outcome.
pub async fn park(app: &App, provider: &str, state: &str, returned: Returned) -> Result<Parked> {
    let now = app.clock.now();
    let Some(attempt) = consume_state(app, provider, state, now).await? else {
        return Ok(Parked::Unknown);
    };
    let back = |outcome: &str| {
        Ok(Parked::Back(redirect::with_outcome(
            &attempt.redirect_to,
            outcome,
        )))
    };
    if attempt.expires_at <= now {
        return back("expired");
    }
    let code = match returned {
        Returned::Code(code) => code,
        Returned::Denied => return back("denied"),
        Returned::Failed => return back("failed"),
    };
    let ticket = random();
    let place = place(&attempt.state_hash, CODE);
    let sealed = app.vault.seal(place, code.expose_secret());
    let row = ActiveModel {
        code: Set(Some(
            sealed.map_err(|error| Error::internal("sealing a code", error))?,
        )),
        ticket_hash: Set(Some(hash(&ticket))),
        expires_at: Set(now + TICKET_LIFE),
        ..Default::default()
    };
    Entity::update_many()
        .set(row)
        .filter(Column::StateHash.eq(&attempt.state_hash))
        .exec(app.db.write_one())
        .await?;
    back(&format!("pending&ticket={}", ticket.expose_secret()))
}

/// Redeems a parked code, and connects the account. Only for the person who started the attempt,
/// and the coach whom the account is for. A ticket is valid once, whoever shows it.
///
/// # Errors
/// `NotFound` for a ticket that is unknown, used, or of somebody else's attempt; `InvalidState` for
/// one that has expired, or when another account is connected or the account is another coach's;
/// `Refused` when the provider does not accept the code; `Forbidden` when the rights have ended
/// meanwhile.
pub async fn finish(app: &Arc<App>, caller: &Caller, ticket: &SecretString) -> Result<Connection> {
    let person = caller.require_person()?;
    // Read again: an account may change hands here, and the caller may have been suspended since.
    identity::require_good_standing(app, caller).await?;
    let found = consume_ticket(app, ticket).await?;
    let attempt = found.ok_or(Error::NotFound("connection to finish"))?;
    if attempt.user_id != person.user_id && !person.is_coach(attempt.coach_id) {
        tracing::warn!(
            user.id = %person.user_id, started_by = %attempt.user_id,
            "somebody else came back from a consent page than began: the code is discarded"
        );
        return Err(Error::NotFound("connection to finish"));
    }
    if !manages(person, attempt.coach_id) {
        return Err(Error::Forbidden("not the coach any more"));
    }
    if attempt.expires_at <= app.clock.now() {
        return Err(invalid_state("this took too long; start again"));
    }
    let by = By::caller(caller, person, attempt.coach_id);
    let (app, tasks) = (Arc::clone(app), app.tasks.clone());
    // Spawned, so that a disconnecting client does not cancel the exchange half-way.
    let connecting = tasks.spawn(async move { connect(&app, attempt, by).await });
    connecting
        .await
        .map_err(|error| Error::internal("connecting an account", error))?
}

/// Consumes the state in one statement, so that only one of two concurrent callbacks gets it.
async fn consume_state(
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

/// Takes the attempt of a ticket, whose code then exists only in memory.
async fn consume_ticket(app: &App, ticket: &SecretString) -> Result<Option<Model>> {
    if ticket.expose_secret().len() > 200 {
        return Ok(None);
    }
    let ticket_hash = hash(ticket);
    let db = app.db.write_one();
    let attempt = Entity::find()
        .filter(Column::TicketHash.eq(&ticket_hash))
        .one(db)
        .await?;
    let taken = Entity::update_many()
        .set(ActiveModel {
            code: Set(None),
            ticket_hash: Set(None),
            ..Default::default()
        })
        .filter(Column::TicketHash.eq(&ticket_hash))
        .exec(db)
        .await?;
    Ok(attempt.filter(|_| taken.rows_affected == 1))
}

async fn connect(app: &App, attempt: Model, by: By) -> Result<Connection> {
    let provider = provider_of(app, &attempt.provider)?;
    let open = |column, sealed: &str| {
        let opened = app.vault.open(place(&attempt.state_hash, column), sealed);
        opened.map_err(|error| Error::internal("opening an attempt", error))
    };
    let verifier = open(VERIFIER, &attempt.verifier)?;
    let code = attempt.code.as_deref().unwrap_or_default();
    let code = open(CODE, code)?;
    let redeemed = provider.redeem(code, verifier, app.clock.now()).await;
    let (owner, pair) = redeemed.map_err(|error| match error {
        RedeemError::Refused => Error::from(Conflict::Refused(
            "the provider does not accept this consent; start again",
        )),
        RedeemError::Failed(error) => unavailable(&error),
    })?;
    let account = Account {
        provider: attempt.provider,
        kind: Kind::OAuth,
        owner,
        pair,
    };
    store::keep(app, by, account).await
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

const VERIFIER: &str = "verifier";
const CODE: &str = "code";

fn place<'a>(state_hash: &'a str, column: &'a str) -> Place<'a> {
    Place {
        table: "oauth_attempt",
        row: state_hash,
        column,
    }
}
