//! Tokens of managed users, and the renewal of tokens and API keys.
//!
//! A refresh token works once. Of several callers with the same one exactly one gets a new pair and
//! the others get `RefreshTokenUsed`; so refresh under a lock, and read the stored pair again
//! before recovery.

use chrono::{DateTime, Utc};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::{Value, json};

use super::client::Client;
use super::credential::Credential;
use super::request::Request;
use crate::cal_com::Error;
use crate::lenient::{FromValue, Lenient, object};

/// An access token and its refresh token. `Debug` shows the times only.
#[derive(Debug, Clone)]
pub struct TokenPair {
    /// For [`Credential::access_token`].
    pub access: SecretString,
    /// When it expires; for a managed user 59 to 60 minutes after its creation. Older access tokens
    /// stay valid until they expire.
    pub access_expires_at: DateTime<Utc>,
    /// The refresh token; it works once.
    pub refresh: SecretString,
    /// About a year. Cal.com does not enforce it, so do not rely on it either way.
    pub refresh_expires_at: Option<DateTime<Utc>>,
}

/// How long a renewed API key lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ApiKeyLife {
    /// The number of days.
    Days(u32),
    /// Never expires.
    Unlimited,
}

impl Client {
    /// Renews a managed user's tokens.
    ///
    /// # Errors
    /// See [`Client`]; `RefreshTokenUsed` when the refresh token is not (or no longer) valid. After
    /// an unknown outcome the old refresh token may be invalid and the new pair lost; then only
    /// [`Self::force_refresh`] helps.
    pub async fn refresh_tokens(&self, refresh: &SecretString) -> Result<TokenPair, Error> {
        let request =
            Request::once("POST /v2/oauth/{client}/refresh").fill(&self.platform()?.client_id);
        let request = request.json(&json!({ "refreshToken": refresh.expose_secret() }));
        self.call(&Credential::Platform, request)
            .await?
            .one("pair of tokens")
    }

    /// Replaces all tokens of a managed user. All others become invalid at once, so requests in
    /// flight for that user fail: for recovery only.
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

    /// Replaces an API key by a new one. The old one becomes invalid.
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
    access_token: Lenient<String>,
    refresh_token: Lenient<String>,
    access_token_expires_at: Lenient<DateTime<Utc>>,
    refresh_token_expires_at: Lenient<DateTime<Utc>>,
    api_key: Lenient<String>,
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
