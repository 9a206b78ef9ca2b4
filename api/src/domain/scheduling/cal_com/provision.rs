//! Creates an account of the platform for a coach (a managed user).

use entity::coach::{self, Scheduler};
use entity::connection::{Kind, Model};
use entity::{Uuid, user};
use providers::cal_com::{Client, Refusal};
use sea_orm::EntityTrait as _;

use super::{PROVIDER, accounts, client};
use crate::app::App;
use crate::domain::coach::{acting_for, require};
use crate::domain::connection::{Account, By, Owner, Pair, find_live, is_gone, keep, unavailable};
use crate::domain::{Caller, Conflict, Error, Result};

/// Creates an account at Cal.com for a coach, and connects it. Idempotent: a repeat returns the
/// existing connection. An account whose answer was lost, or that exists already, is found by its
/// address.
///
/// # Errors
/// `InvalidState` when the server has no platform client, the coach has no verified address or
/// another account connected; `Unavailable` when Cal.com does not answer, and the caller may retry.
pub async fn provision(app: &App, caller: &Caller, coach_id: Option<Uuid>) -> Result<Model> {
    let (person, coach_id) = acting_for(caller, coach_id)?;
    let client = client(app)?;
    let coach = require(app.db.read(), coach_id).await?;
    let address = address(app, &coach).await?;
    // The second of two concurrent calls finds the account of the first.
    let flight = app.credentials.single_flight(coach_id);
    let _flight = flight.lock().await;
    if let Some(row) = already(app, coach_id).await? {
        return Ok(row);
    }
    if client.platform_client_id().is_none() {
        return Err(invalid_state("this server makes no accounts at Cal.com"));
    }
    let (owner, pair) = match create(client, &coach, &address).await? {
        Some(made) => made,
        None => match already(app, coach_id).await? {
            // Another process has connected it; forcing new tokens would revoke the stored ones.
            Some(row) => return Ok(row),
            None => recover(client, &address).await?,
        },
    };
    let account = Account {
        provider: PROVIDER.to_owned(),
        kind: Kind::ManagedUser,
        owner,
        pair,
    };
    keep(app, By::caller(caller, &person, coach_id), account).await
}

async fn already(app: &App, coach_id: Uuid) -> Result<Option<Model>> {
    match find_live(app, Scheduler::CalCom, coach_id).await? {
        Some(row) if is_gone(&row) => Ok(None),
        Some(row) if row.kind == Kind::ManagedUser => Ok(Some(row)),
        Some(_) => Err(invalid_state(
            "another Cal.com account is connected; disconnect it first",
        )),
        None => Ok(None),
    }
}

/// The coach's own verified address: its owner receives the account's mail.
async fn address(app: &App, coach: &coach::Model) -> Result<String> {
    let account = match coach.user_id {
        Some(id) => user::Entity::find_by_id(id).one(app.db.read()).await?,
        None => None,
    };
    let address = account
        .filter(|user| user.email_verified)
        .and_then(|user| user.email);
    address.ok_or_else(|| invalid_state("this coach has no verified e-mail address"))
}

/// The new account; `None` if one exists already, or may exist.
async fn create(
    client: &Client,
    coach: &coach::Model,
    address: &str,
) -> Result<Option<(Owner, Pair)>> {
    match accounts::create_user(client, coach, address).await {
        Ok(made) => Ok(Some(made)),
        Err(error)
            if matches!(error.refusal, Some(Refusal::UserExists { .. }))
                || error.outcome_unknown() =>
        {
            tracing::warn!(coach.id = %coach.id, %error, "looking up an account that may have been created before");
            Ok(None)
        }
        Err(error) => Err(unavailable(&error.erased())),
    }
}

async fn recover(client: &Client, address: &str) -> Result<(Owner, Pair)> {
    let found = accounts::find_user(client, address)
        .await
        .map_err(|error| unavailable(&error.erased()))?;
    let Some(owner) = found else {
        return Err(Error::Unavailable("Cal.com made no account; try again"));
    };
    // Its first tokens were lost with the answer.
    let pair = accounts::force(client, &owner.external_id)
        .await
        .map_err(|error| unavailable(&error.erased()))?;
    Ok((owner, pair))
}

fn invalid_state(message: &str) -> Error {
    Conflict::InvalidState(message.to_owned()).into()
}
