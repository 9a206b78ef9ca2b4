//! Cal.com as a provider of accounts: tokens, consents and managed users.

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use entity::coach;
use entity::connection::{Kind, Model};
use futures_util::future::BoxFuture;
use providers::cal_com::Error;
use providers::cal_com::{
    Client, CodeVerifier, Credential, NewUser, OAuthTokens, Profile, Refusal, TokenPair, User,
    plain_email,
};
use providers::{Kind as ErrorKind, Provider, normalised_email};
use secrecy::SecretString;

use super::access::{credential_of, token_refusal};
use super::scheduler::CalCom;
use crate::domain::Result as OurResult;
use crate::domain::connection::{
    AccountProvider, Lease, Owner, Pair, RedeemError, Renewed, TokenRefusal,
};

/// Timeout of one exchange; a lease is longer than two of them.
const BUDGET: Duration = Duration::from_secs(12);
/// How long a consent lasts after a renewal. Not documented; taken from Cal.com's source.
const CONSENT: TimeDelta = TimeDelta::days(30);

#[async_trait]
impl AccountProvider for CalCom {
    fn label(&self) -> &'static str {
        "Cal.com"
    }

    async fn renew(
        &self,
        link: &Model,
        refresh: Option<SecretString>,
        now: DateTime<Utc>,
        is_unchanged: &(dyn Fn() -> BoxFuture<'static, OurResult<bool>> + Send + Sync),
    ) -> OurResult<Renewed> {
        let client = self.client().within(BUDGET);
        let pair = match (link.kind, &refresh) {
            (Kind::ManagedUser, Some(refresh)) => {
                client.refresh_tokens(refresh).await.map(Pair::from)
            }
            (Kind::OAuth, Some(refresh)) => client
                .refresh_oauth(refresh)
                .await
                .map(|tokens| consented(tokens, now)),
            _ => Err(used_up()),
        };
        let error = match pair {
            Ok(pair) => return Ok(Renewed::Pair(pair)),
            Err(error) => error,
        };
        if !is_refused(&error) {
            return Ok(Renewed::Failed(error.erased()));
        }
        if !is_unchanged().await? {
            return Ok(Renewed::Overtaken);
        }
        if link.kind != Kind::ManagedUser {
            return Ok(Renewed::Refused);
        }
        tracing::info!(connection.id = %link.id, "refresh token of a managed user is used up, forcing a new pair");
        Ok(match force(&client, &link.external_id).await {
            Ok(pair) => Renewed::Pair(pair),
            Err(error) if error.refusal == Some(Refusal::UnknownUser) => Renewed::Gone,
            Err(error) => Renewed::Failed(error.erased()),
        })
    }

    async fn check(&self, lease: &Lease) -> Result<(), Option<TokenRefusal>> {
        let checked = self.client().get_me(&credential_of(lease)).await;
        checked.map(drop).map_err(|error| token_refusal(&error))
    }

    fn authorize_url(&self, state: &str, verifier: &SecretString) -> Option<String> {
        let verifier = CodeVerifier::stored(verifier.clone());
        let url = self.client().authorize_url(state, &verifier);
        url.ok().map(String::from)
    }

    async fn redeem(
        &self,
        code: SecretString,
        verifier: SecretString,
        now: DateTime<Utc>,
    ) -> Result<(Owner, Pair), RedeemError> {
        let redeemed = redeem(self.client(), code, verifier, now).await;
        redeemed.map_err(|error| match &error.refusal {
            Some(Refusal::InvalidGrant) => RedeemError::Refused,
            _ => RedeemError::Failed(error.erased()),
        })
    }

    async fn delete(&self, external_id: &str) -> Result<(), providers::Error> {
        let external_id = number(external_id).map_err(Error::erased)?;
        match self.client().delete_user(external_id).await {
            Ok(_) => Ok(()),
            Err(error) if error.refusal == Some(Refusal::UnknownUser) => Ok(()),
            Err(error) => Err(error.erased()),
        }
    }
}

/// The error for a missing refresh token, equal to a refused one.
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

/// Forces a new pair, which revokes every other pair of the user.
pub(super) async fn force(client: &Client, external_id: &str) -> Result<Pair, Error> {
    Ok(client.force_refresh(number(external_id)?).await?.into())
}

/// Creates a managed user for a coach.
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

/// Finds the managed user with an address.
pub(super) async fn find_user(client: &Client, email: &str) -> Result<Option<Owner>, Error> {
    let listed = client.list_users(&[email.to_owned()], None, None).await?;
    let mut owners = listed.into_iter().map(|user| owner(client, user));
    Ok(owners.find(|owner| owner.email.as_deref() == Some(email)))
}

/// The owner of a credential.
pub(super) async fn me(client: &Client, credential: &Credential) -> Result<Owner, Error> {
    Ok(owner(client, client.get_me(credential).await?))
}

/// Redeems a code; returns the account's owner and its tokens.
async fn redeem(
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
