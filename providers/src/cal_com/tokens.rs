//! The tokens of managed users, and renewing them and API keys.
//!
//! A refresh token works once. Of several callers with the same one exactly one gets a new pair and
//! the others are told `RefreshTokenUsed`; so refresh under a lock of one's own, and read the
//! stored pair again before recovery.

use chrono::{DateTime, Utc};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::{Value, json};

use super::client::Client;
use super::credential::Credential;
use super::lax::{FromValue, Lax, object};
use super::request::Request;
use crate::error::Error;

/// An access token and what renews it. `Debug` shows the times only.
#[derive(Debug, Clone)]
pub struct TokenPair {
    /// For [`Credential::access_token`].
    pub access: SecretString,
    /// When it ends; for a managed user 59 to 60 minutes from its making. An older one stays valid
    /// until its own end.
    pub access_expires_at: DateTime<Utc>,
    /// Works once.
    pub refresh: SecretString,
    /// About a year. They do not check it, so do not rely on it either way.
    pub refresh_expires_at: Option<DateTime<Utc>>,
}

/// How long a renewed API key lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ApiKeyLife {
    /// As many days.
    Days(u32),
    /// For ever.
    Unlimited,
}

impl Client {
    /// Renews a managed user's tokens.
    ///
    /// # Errors
    /// See [`Client`]; `RefreshTokenUsed` when the refresh token is not (or no longer) valid. After
    /// an unknown outcome the old refresh token may be used up and the new pair lost; then only
    /// [`Self::force_refresh`] helps.
    pub async fn refresh_tokens(&self, refresh: &SecretString) -> Result<TokenPair, Error> {
        let request =
            Request::once("POST /v2/oauth/{client}/refresh").fill(&self.platform()?.client_id);
        let request = request.json(&json!({ "refreshToken": refresh.expose_secret() }));
        self.call(&Credential::Platform, request)
            .await?
            .one("pair of tokens")
    }

    /// Replaces all tokens of a managed user. Every other one dies at once, so everything in flight
    /// for that user fails: for recovery only.
    ///
    /// # Errors
    /// See [`Client`]; `UnknownUser` when the user was deleted.
    pub async fn force_refresh(&self, user_id: i64) -> Result<TokenPair, Error> {
        let request = Request::once("POST /v2/oauth-clients/{client}/users/{id}/force-refresh");
        let request = request.fill(&self.platform()?.client_id).fill(user_id);
        self.call(&Credential::Platform, request)
            .await?
            .one("pair of tokens")
    }

    /// Replaces an API key by a new one. The old one dies.
    ///
    /// # Errors
    /// See [`Client`]; after an unknown outcome the key may be lost.
    pub async fn refresh_api_key(
        &self,
        credential: &Credential,
        life: ApiKeyLife,
    ) -> Result<SecretString, Error> {
        let body = match life {
            ApiKeyLife::Days(days) => json!({ "apiKeyDaysValid": days }),
            ApiKeyLife::Unlimited => json!({ "apiKeyNeverExpires": true }),
        };
        let request = Request::once("POST /v2/api-keys/refresh").json(&body);
        let key: ApiKey = self.call(credential, request).await?.one("API key")?;
        Ok(key.0)
    }
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Wire {
    access_token: Lax<String>,
    refresh_token: Lax<String>,
    access_token_expires_at: Lax<DateTime<Utc>>,
    refresh_token_expires_at: Lax<DateTime<Utc>>,
    api_key: Lax<String>,
}

impl FromValue for TokenPair {
    fn from_value(value: Value) -> Option<Self> {
        let wire: Wire = object(value)?;
        Some(Self {
            access: wire.access_token.filled()?.into(),
            access_expires_at: wire.access_token_expires_at.0?,
            refresh: wire.refresh_token.filled()?.into(),
            refresh_expires_at: wire.refresh_token_expires_at.0,
        })
    }
}

struct ApiKey(SecretString);

impl FromValue for ApiKey {
    fn from_value(value: Value) -> Option<Self> {
        object::<Wire>(value)?
            .api_key
            .filled()
            .map(|key| Self(key.into()))
    }
}
