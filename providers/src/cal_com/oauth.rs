//! OAuth2 with a coach's own account: the consent page, and tokens for its code.
//!
//! Newer servers have one token endpoint as RFC 6749 wants it, older ones an endpoint per client.
//! The new one is tried first; only "no such route" leads to the old one, so a code is never sent
//! twice.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use reqwest::Url;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use super::client::{Client, OAuthClient};
use super::credential::Credential;
use super::lax::{FromValue, Lax, object};
use super::refusal::Refusal;
use super::request::Request;
use crate::error::{Error, Kind, Provider};

/// The secret half of PKCE: 43 to 128 unreserved characters, used once. Made by the caller from 32
/// random bytes.
#[derive(Debug, Clone)]
pub struct CodeVerifier(SecretString);

impl CodeVerifier {
    /// From at least 32 bytes that nobody can guess.
    #[must_use]
    pub fn from_random(bytes: &[u8; 32]) -> Self {
        Self(URL_SAFE_NO_PAD.encode(bytes).into())
    }

    /// One that was stored between the two requests.
    #[must_use]
    pub const fn stored(verifier: SecretString) -> Self {
        Self(verifier)
    }

    /// For storing it, encrypted.
    #[must_use]
    pub const fn secret(&self) -> &SecretString {
        &self.0
    }

    /// The public half, by S256.
    #[must_use]
    pub fn challenge(&self) -> String {
        URL_SAFE_NO_PAD.encode(Sha256::digest(self.0.expose_secret()))
    }
}

/// Tokens of somebody's own account. `Debug` shows the times only.
#[derive(Debug, Clone)]
pub struct OAuthTokens {
    /// For [`Credential::access_token`].
    pub access: SecretString,
    /// How long from now; 30 minutes.
    pub expires_in: Duration,
    /// Newer servers may not send one at a refresh: then the old one stays. About 30 days.
    pub refresh: Option<SecretString>,
    /// What it may be used for, if they say.
    pub scope: Option<String>,
}

/// What an OAuth2 client is registered as.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OAuthClientInfo {
    /// Theirs.
    pub id: String,
    /// For the consent page.
    pub name: Option<String>,
    /// Where people may be sent back to.
    pub redirect_uris: Vec<String>,
    /// `CONFIDENTIAL` or `PUBLIC`.
    pub kind: Option<String>,
}

impl Client {
    /// Where to send the person to consent. `state` is to be used once and compared on return.
    ///
    /// # Errors
    /// `Unauthorized` when no OAuth2 client is configured.
    pub fn authorize_url(&self, state: &str, verifier: &CodeVerifier) -> Result<Url, Error> {
        let client = self.oauth()?;
        let mut url = self.app_url().clone();
        url.path_segments_mut()
            .expect("the address is http(s), which has a path")
            .pop_if_empty()
            .extend(["auth", "oauth2", "authorize"]);
        {
            let mut query = url.query_pairs_mut();
            query.append_pair("client_id", &client.client_id);
            query.append_pair("redirect_uri", &client.redirect_uri);
            query.append_pair("response_type", "code");
            query.append_pair("state", state);
            if !client.scopes.is_empty() {
                query.append_pair("scope", &client.scopes.join(" "));
            }
            query.append_pair("code_challenge", &verifier.challenge());
            query.append_pair("code_challenge_method", "S256");
        }
        Ok(url)
    }

    /// Tokens for the code that the person came back with. A code works once.
    ///
    /// # Errors
    /// See [`Client`]; `InvalidGrant` for a code that is used, expired or not for this verifier and
    /// redirect, `InvalidClient` for a wrong secret.
    pub async fn exchange_code(
        &self,
        code: &SecretString,
        verifier: &CodeVerifier,
    ) -> Result<OAuthTokens, Error> {
        let client = self.oauth()?;
        let new = [
            ("grant_type", "authorization_code"),
            ("code", code.expose_secret()),
            ("redirect_uri", client.redirect_uri.as_str()),
            ("code_verifier", verifier.0.expose_secret()),
        ];
        match self.token(client, &new).await {
            Err(error) if absent(&error) => {
                self.exchange_code_at_client(code, Some(verifier)).await
            }
            other => other,
        }
    }

    /// New tokens for a refresh token.
    ///
    /// # Errors
    /// See [`Client`]; `InvalidGrant` when the person must consent again.
    pub async fn refresh_oauth(&self, refresh: &SecretString) -> Result<OAuthTokens, Error> {
        let client = self.oauth()?;
        let new = [
            ("grant_type", "refresh_token"),
            ("refresh_token", refresh.expose_secret()),
        ];
        match self.token(client, &new).await {
            Err(error) if absent(&error) => self.refresh_oauth_at_client(refresh).await,
            other => other,
        }
    }

    /// What the client is registered as. Older servers want a person's session for it.
    ///
    /// # Errors
    /// See [`Client`].
    pub async fn get_oauth_client(
        &self,
        credential: &Credential,
    ) -> Result<OAuthClientInfo, Error> {
        let request =
            Request::read("GET /v2/auth/oauth2/clients/{client}").fill(&self.oauth()?.client_id);
        self.call(credential, request).await?.one("OAuth2 client")
    }

    /// The endpoint of older servers. A confidential client needs no verifier there.
    pub(super) async fn exchange_code_at_client(
        &self,
        code: &SecretString,
        verifier: Option<&CodeVerifier>,
    ) -> Result<OAuthTokens, Error> {
        let client = self.oauth()?;
        let mut body = Map::from_iter([
            ("code".to_owned(), json!(code.expose_secret())),
            ("redirectUri".to_owned(), json!(client.redirect_uri)),
            ("grantType".to_owned(), json!("authorization_code")),
        ]);
        if let Some(secret) = &client.client_secret {
            body.insert("clientSecret".to_owned(), json!(secret.expose_secret()));
        }
        if let Some(verifier) = verifier {
            body.insert("codeVerifier".to_owned(), json!(verifier.0.expose_secret()));
        }
        let request = Request::once("POST /v2/auth/oauth2/clients/{client}/exchange")
            .fill(&client.client_id)
            .json(&body);
        self.call(&Credential::Public, request).await?.one("tokens")
    }

    /// The endpoint of older servers.
    pub(super) async fn refresh_oauth_at_client(
        &self,
        refresh: &SecretString,
    ) -> Result<OAuthTokens, Error> {
        let client = self.oauth()?;
        let mut body = Map::from_iter([
            ("refreshToken".to_owned(), json!(refresh.expose_secret())),
            ("grantType".to_owned(), json!("refresh_token")),
        ]);
        if let Some(secret) = &client.client_secret {
            body.insert("clientSecret".to_owned(), json!(secret.expose_secret()));
        }
        // Their refresh tokens are not used up, but a newer version may rotate them.
        let request = Request::once("POST /v2/auth/oauth2/clients/{client}/refresh")
            .fill(&client.client_id)
            .json(&body);
        self.call(&Credential::Public, request).await?.one("tokens")
    }

    async fn token(
        &self,
        client: &OAuthClient,
        pairs: &[(&str, &str)],
    ) -> Result<OAuthTokens, Error> {
        let mut pairs = pairs.to_vec();
        pairs.push(("client_id", &client.client_id));
        if let Some(secret) = &client.client_secret {
            pairs.push(("client_secret", secret.expose_secret()));
        }
        let request = Request::once("POST /v2/auth/oauth2/token").form(&pairs);
        self.call_flat(&Credential::Public, request)
            .await?
            .one("tokens")
    }
}

fn absent(error: &Error) -> bool {
    error.refusal == Some(Refusal::UnknownRoute)
}

/// What came back with the person, if it is a refusal.
///
/// # Errors
/// `Rejected` for `access_denied`, the kind of a wrong set-up otherwise. `detail` has their code
/// only.
pub fn consent_refused(error: &str) -> Error {
    let known = [
        "access_denied",
        "invalid_request",
        "invalid_scope",
        "unauthorized_client",
        "server_error",
    ];
    let name = known
        .into_iter()
        .find(|known| *known == error)
        .unwrap_or("an unknown error");
    let kind = match name {
        "unauthorized_client" | "invalid_scope" => Kind::Unauthorized,
        "server_error" => Kind::Unavailable,
        _ => Kind::Rejected,
    };
    Error::new(Provider::CalCom, kind, format!("consent: {name}"))
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Wire {
    #[serde(alias = "accessToken")]
    access_token: Lax<String>,
    #[serde(alias = "refreshToken")]
    refresh_token: Lax<String>,
    #[serde(alias = "expiresIn")]
    expires_in: Lax<i64>,
    scope: Lax<String>,
}

impl FromValue for OAuthTokens {
    fn from_value(value: Value) -> Option<Self> {
        let wire: Wire = object(value)?;
        // RFC 6749 lets them leave it out; then it is renewed as soon as it is refused.
        let seconds = wire.expires_in.0.unwrap_or(1800);
        Some(Self {
            access: wire.access_token.filled()?.into(),
            expires_in: Duration::from_secs(u64::try_from(seconds).ok()?),
            refresh: wire.refresh_token.filled().map(SecretString::from),
            scope: wire.scope.filled(),
        })
    }
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Info {
    #[serde(alias = "clientId")]
    id: Lax<String>,
    name: Lax<String>,
    redirect_uri: Lax<String>,
    redirect_uris: Lax<Vec<String>>,
    #[serde(alias = "clientType")]
    r#type: Lax<String>,
}

impl FromValue for OAuthClientInfo {
    fn from_value(value: Value) -> Option<Self> {
        let info: Info = object(value)?;
        let redirect_uris = info
            .redirect_uris
            .0
            .unwrap_or_else(|| info.redirect_uri.filled().into_iter().collect());
        Some(Self {
            id: info.id.filled()?,
            name: info.name.filled(),
            redirect_uris,
            kind: info.r#type.filled(),
        })
    }
}
