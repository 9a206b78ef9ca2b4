//! What connections ask of Cal.com, in our own words.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use entity::coach;
use entity::connection::{Kind, Model};
use providers::cal_com::Error;
use providers::cal_com::{
    Client, CodeVerifier, Credential, NewUser, OAuthTokens, Profile, Refusal, TokenPair, User,
    normalised_email, plain_email,
};
use providers::{Kind as ErrorKind, Provider};
use secrecy::SecretString;

use super::store::Owner;
use super::token::Pair;
use crate::domain::Result as OurResult;

/// For one exchange under a lease, which holds for two of them and more.
const BUDGET: Duration = Duration::from_secs(12);
/// How long a consent lasts from the last renewal. Cal.com does not say it; it was seen in its
/// source.
const CONSENT: TimeDelta = TimeDelta::days(30);

/// What became of getting a new pair.
pub(super) enum Exchanged {
    Pair(Pair),
    /// The refresh token was used up by somebody who was faster.
    Overtaken,
    /// The account is no longer there.
    Gone,
    /// The refresh token is refused, and the row has no other.
    Refused,
    /// No observation; to be tried again.
    Failed(Error),
}

/// A new pair for a connection. `unchanged` reads the row again: whether it still has the pair that
/// was read before.
pub(super) async fn pair<F>(
    client: &Client,
    row: &Model,
    refresh: Option<SecretString>,
    now: DateTime<Utc>,
    unchanged: impl Fn() -> F,
) -> OurResult<Exchanged>
where
    F: Future<Output = OurResult<bool>>,
{
    let client = client.within(BUDGET);
    let asked = match (row.kind, &refresh) {
        (Kind::ManagedUser, Some(refresh)) => client.refresh_tokens(refresh).await.map(Pair::from),
        (Kind::OAuth, Some(refresh)) => client
            .refresh_oauth(refresh)
            .await
            .map(|tokens| consented(tokens, now)),
        _ => Err(used_up()),
    };
    let error = match asked {
        Ok(pair) => return Ok(Exchanged::Pair(pair)),
        Err(error) => error,
    };
    if !is_refused(&error) {
        return Ok(Exchanged::Failed(error));
    }
    if !unchanged().await? {
        return Ok(Exchanged::Overtaken);
    }
    if row.kind != Kind::ManagedUser {
        return Ok(Exchanged::Refused);
    }
    tracing::info!(connection.id = %row.id, "the refresh token of a managed user is used up; forcing a new pair");
    Ok(match force(&client, &row.external_id).await {
        Ok(pair) => Exchanged::Pair(pair),
        Err(error) if error.refusal == Some(Refusal::UnknownUser) => Exchanged::Gone,
        Err(error) => Exchanged::Failed(error),
    })
}

/// There is none, which is as if it was refused.
fn used_up() -> Error {
    let mut error = Error::new(Provider::CalCom, ErrorKind::Rejected, "no refresh token");
    error.refusal = Some(Refusal::RefreshTokenUsed);
    error
}

fn is_refused(error: &Error) -> bool {
    matches!(
        error.refusal,
        Some(Refusal::RefreshTokenUsed | Refusal::InvalidGrant)
    )
}

/// A pair that kills every other of the user.
pub(super) async fn force(client: &Client, external_id: &str) -> Result<Pair, Error> {
    Ok(client.force_refresh(number(external_id)?).await?.into())
}

/// Makes a managed user for a coach.
pub(super) async fn create_user(
    client: &Client,
    coach: &coach::Model,
    email: &str,
) -> Result<(Owner, Pair), Error> {
    let profile = Profile {
        time_zone: Some(coach.time_zone.clone()),
        ..Profile::default()
    };
    let metadata = BTreeMap::from([("courtsideCoach".to_owned(), coach.id.simple().to_string())]);
    let new = NewUser {
        email: email.to_owned(),
        name: coach.display_name.clone(),
        profile,
        metadata,
    };
    let made = client.create_user(&new).await?;
    Ok((owner(client, made.user), made.tokens.into()))
}

/// The managed user with an address.
pub(super) async fn find_user(client: &Client, email: &str) -> Result<Option<Owner>, Error> {
    let listed = client.list_users(&[email.to_owned()], None, None).await?;
    let mut owners = listed.into_iter().map(|user| owner(client, user));
    Ok(owners.find(|owner| owner.email.as_deref() == Some(email)))
}

/// Deletes a managed user. One that is not there any more is as good as deleted.
pub(super) async fn delete_user(client: &Client, external_id: &str) -> Result<(), Error> {
    match client.delete_user(number(external_id)?).await {
        Ok(_) => Ok(()),
        Err(error) if error.refusal == Some(Refusal::UnknownUser) => Ok(()),
        Err(error) => Err(error),
    }
}

/// Whose a credential is.
pub(super) async fn me(client: &Client, credential: &Credential) -> Result<Owner, Error> {
    Ok(owner(client, client.get_me(credential).await?))
}

/// The page for giving consent; `None` when no client is configured for it.
pub(super) fn authorize_url(
    client: &Client,
    state: &str,
    verifier: &SecretString,
) -> Option<String> {
    client
        .authorize_url(state, &CodeVerifier::stored(verifier.clone()))
        .ok()
        .map(String::from)
}

/// Redeems a code; whose account it is for, and its tokens.
pub(super) async fn redeem(
    client: &Client,
    code: SecretString,
    verifier: SecretString,
    now: DateTime<Utc>,
) -> Result<(Owner, Pair), Error> {
    let tokens = client
        .exchange_code(&code, &CodeVerifier::stored(verifier))
        .await?;
    let pair = consented(tokens, now);
    let owner = me(client, &Credential::access_token(pair.access.clone())).await?;
    Ok((owner, pair))
}

fn owner(client: &Client, user: User) -> Owner {
    let email = normalised_email(&plain_email(&user.email, client.platform_client_id()));
    Owner {
        external_id: user.id.to_string(),
        email: Some(email),
        username: user.username,
    }
}

fn number(external_id: &str) -> Result<i64, Error> {
    let wrong = || {
        Error::new(
            Provider::CalCom,
            ErrorKind::Rejected,
            "the account's id is no number",
        )
    };
    external_id.parse().map_err(|_| wrong())
}

impl From<TokenPair> for Pair {
    fn from(tokens: TokenPair) -> Self {
        Self {
            access: tokens.access,
            access_expires_at: Some(tokens.access_expires_at),
            refresh: Some(tokens.refresh),
            refresh_expires_at: tokens.refresh_expires_at,
        }
    }
}

fn consented(tokens: OAuthTokens, now: DateTime<Utc>) -> Pair {
    let life = TimeDelta::from_std(tokens.expires_in).unwrap_or(CONSENT);
    Pair {
        access: tokens.access,
        access_expires_at: Some(now + life),
        refresh_expires_at: tokens.refresh.as_ref().map(|_| now + CONSENT),
        refresh: tokens.refresh,
    }
}
