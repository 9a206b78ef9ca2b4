//! Authentication: tokens and the accounts behind them.

mod accounts;
mod address;
mod directory;
mod known;
mod recent;
mod sign_in;

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use entity::setting;
use entity::user::Role;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use providers::{clerk, normalised_email};
use sea_orm::ActiveValue::Set;
use sea_orm::EntityTrait;
use sea_orm::sea_query::OnConflict;
use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use accounts::{
    count_unverified, find_local, find_many, get_own_account, is_any, list, require_good_standing,
    set_suspended,
};
pub(crate) use address::{NoAddress, complete};
pub use directory::Directory;
pub use recent::Recent;
pub use sign_in::sign_in;

use super::{AddressClaim, Error, Result};
use crate::db::Db;

/// The issuer of the tokens that this installation signs.
pub const LOCAL_ISSUER: &str = "courtside-local";
const LOCAL_KEY: &str = "local_token_key";

/// Verifies tokens of one issuer.
#[derive(Clone)]
pub enum TokenVerifier {
    /// Tokens of Clerk.
    Clerk {
        verifier: Arc<clerk::Verifier>,
        issuer: String,
        /// Dotted path of the claim that holds the role.
        role_claim: String,
    },
    /// Tokens of this installation; on loopback only.
    Local(LocalIssuer),
}

/// Claims of a valid token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    pub issuer: String,
    pub subject: String,
    pub email: Option<String>,
    /// `None` when the token does not say.
    pub email_verified: Option<bool>,
    pub name: Option<String>,
    pub time_zone: Option<String>,
    /// `None` when the token names no role.
    pub role: Option<Role>,
    /// Set when somebody else acts in the person's name.
    pub impersonation: Option<Impersonation>,
    pub expires_at: DateTime<Utc>,
}

impl Identity {
    /// The address, as it is stored.
    fn email(&self) -> Option<String> {
        self.email.as_deref().map(normalised_email)
    }

    /// A token without a role is a client's: a person who lost a role must not keep it here.
    fn role(&self) -> Role {
        self.role.unwrap_or(Role::Client)
    }

    /// What the token says of the address.
    fn address(&self) -> AddressClaim {
        match (&self.email, self.email_verified) {
            (None, _) => AddressClaim::NoEmail,
            (Some(_), None) => AddressClaim::NoVerification,
            (Some(_), Some(false)) => AddressClaim::Unverified,
            (Some(_), Some(true)) => AddressClaim::Verified,
        }
    }
}

/// A session in which somebody acts in another person's name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Impersonation {
    /// Who acts: their id at the identity provider.
    pub by: String,
    /// Id of the session there.
    pub session: String,
}

/// Why a token is not valid. The code is sent to clients and reveals no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenProblem {
    /// Expired: get a new token and retry.
    #[error("the token has expired")]
    Expired,
    /// The keys of the issuer cannot be fetched now: retry.
    #[error("tokens cannot be checked at the moment")]
    Unavailable,
    /// Anything else.
    #[error("the token is not valid")]
    Invalid,
}

impl std::fmt::Debug for TokenVerifier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Clerk { .. } => "TokenVerifier::Clerk",
            Self::Local(_) => "TokenVerifier::Local",
        })
    }
}

impl TokenVerifier {
    /// Verifies a token and returns its claims.
    ///
    /// # Errors
    /// See [`TokenProblem`].
    pub async fn verify(
        &self,
        token: &str,
        now: DateTime<Utc>,
    ) -> std::result::Result<Identity, TokenProblem> {
        match self {
            Self::Local(issuer) => issuer.verify(token, now),
            Self::Clerk {
                verifier,
                issuer,
                role_claim,
            } => {
                let claims = verifier
                    .verify(token, now)
                    .await
                    .map_err(|error| match error {
                        clerk::TokenError::Expired => TokenProblem::Expired,
                        clerk::TokenError::KeysUnavailable => TokenProblem::Unavailable,
                        _ => TokenProblem::Invalid,
                    })?;
                Ok(Identity {
                    issuer: issuer.clone(),
                    subject: claims.sub.clone(),
                    email: claims.email.clone(),
                    email_verified: claims.email_verified,
                    name: claims.name.clone(),
                    time_zone: text(&claims.raw, "zoneinfo"),
                    role: role_at(&claims.raw, role_claim),
                    impersonation: claims.actor.clone().map(|by| Impersonation {
                        by,
                        session: claims.sid.clone(),
                    }),
                    expires_at: claims.expires_at,
                })
            }
        }
    }
}

fn text(claims: &serde_json::Map<String, Value>, name: &str) -> Option<String> {
    claims.get(name).and_then(Value::as_str).map(str::to_owned)
}

/// The role at a dotted path of the claims; `None` unless it is the name of a role.
fn role_at(claims: &serde_json::Map<String, Value>, path: &str) -> Option<Role> {
    let mut parts = path.split('.');
    let mut value = claims.get(parts.next()?)?;
    for part in parts {
        value = value.get(part)?;
    }
    match value.as_str()? {
        "client" => Some(Role::Client),
        "coach" => Some(Role::Coach),
        "admin" => Some(Role::Admin),
        _ => None,
    }
}

/// Signs and verifies tokens of an installation without Clerk. HS256, as one installation does
/// both.
#[derive(Clone)]
pub struct LocalIssuer {
    key: Arc<[u8]>,
}

impl std::fmt::Debug for LocalIssuer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("LocalIssuer")
    }
}

#[derive(Serialize, Deserialize)]
struct LocalClaims {
    iss: String,
    sub: String,
    exp: i64,
    iat: i64,
    name: String,
    email: String,
    email_verified: Option<bool>,
    role: String,
    zoneinfo: String,
}

impl LocalIssuer {
    /// The issuer of this database; its key is made on first use and kept there.
    pub async fn open(db: &Db) -> Result<Self> {
        let fresh: [u8; 32] = rand::random();
        let row = setting::ActiveModel {
            key: Set(LOCAL_KEY.to_owned()),
            value: Set(hex::encode(fresh)),
        };
        let on_conflict = OnConflict::column(setting::Column::Key)
            .do_nothing()
            .to_owned();
        setting::Entity::insert(row)
            .on_conflict(on_conflict)
            .exec_without_returning(db.write_one())
            .await?;
        let stored = setting::Entity::find_by_id(LOCAL_KEY.to_owned())
            .one(db.write_one())
            .await?;
        let stored = stored.ok_or_else(|| Error::internal("the local token key", "vanished"))?;
        let key = hex::decode(stored.value)
            .map_err(|error| Error::internal("the local token key", error))?;
        Ok(Self { key: key.into() })
    }

    /// Signs a token for a person.
    ///
    /// # Errors
    /// When signing fails.
    pub fn sign(&self, identity: &Identity, now: DateTime<Utc>) -> Result<String> {
        let claims = LocalClaims {
            iss: LOCAL_ISSUER.to_owned(),
            sub: identity.subject.clone(),
            exp: identity.expires_at.timestamp(),
            iat: now.timestamp(),
            name: identity.name.clone().unwrap_or_default(),
            email: identity.email.clone().unwrap_or_default(),
            email_verified: identity.email_verified,
            role: role_name(identity.role.unwrap_or(Role::Client)).to_owned(),
            zoneinfo: identity
                .time_zone
                .clone()
                .unwrap_or_else(|| "UTC".to_owned()),
        };
        let key = EncodingKey::from_secret(&self.key);
        jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &key)
            .map_err(|error| Error::internal("signing a local token", error))
    }

    fn verify(
        &self,
        token: &str,
        now: DateTime<Utc>,
    ) -> std::result::Result<Identity, TokenProblem> {
        let mut rules = Validation::new(Algorithm::HS256);
        rules.set_issuer(&[LOCAL_ISSUER]);
        rules.set_required_spec_claims(&["exp", "iss", "sub"]);
        // Checked against the application's clock, below.
        rules.validate_exp = false;
        rules.validate_aud = false;
        let key = DecodingKey::from_secret(&self.key);
        let claims = jsonwebtoken::decode::<LocalClaims>(token, &key, &rules)
            .map_err(|_| TokenProblem::Invalid)?
            .claims;
        let expires_at = DateTime::from_timestamp(claims.exp, 0).ok_or(TokenProblem::Invalid)?;
        if expires_at <= now {
            return Err(TokenProblem::Expired);
        }
        Ok(Identity {
            issuer: claims.iss,
            subject: claims.sub,
            email: Some(claims.email).filter(|email| !email.is_empty()),
            email_verified: claims.email_verified,
            name: Some(claims.name).filter(|name| !name.is_empty()),
            time_zone: Some(claims.zoneinfo),
            role: role_at(
                &[("role".to_owned(), Value::String(claims.role))]
                    .into_iter()
                    .collect(),
                "role",
            ),
            impersonation: None,
            expires_at,
        })
    }
}

/// Name of a role in tokens and on the command line.
#[must_use]
pub fn role_name(role: Role) -> &'static str {
    match role {
        Role::Client => "client",
        Role::Coach => "coach",
        Role::Admin => "admin",
    }
}

/// Lifetime of a token of the local issuer.
pub const LOCAL_TOKEN_LIFE: TimeDelta = TimeDelta::hours(24);
