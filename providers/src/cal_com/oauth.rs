//! OAuth2 with a user's own account: the consent page, the code exchange and the refresh.
//!
//! Newer servers have one token endpoint as RFC 6749 specifies, older ones an endpoint per client.
//! The new one is tried first, and the old one only after "no such route", so a code is never sent
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
use super::refusal::Refusal;
use super::request::Request;
use crate::cal_com::Error;
use crate::error::Kind;
use crate::lenient::{FromValue, Lenient, object};
use crate::provider::Provider;

/// The code verifier of PKCE: 43 to 128 unreserved characters, used once. The caller creates it
/// from 32 random bytes.
#[derive(Debug, Clone)]
pub struct CodeVerifier(SecretString);

impl CodeVerifier {
    /// From 32 cryptographically random bytes.
    #[must_use]
    pub fn from_random(bytes: &[u8; 32]) -> Self {
        Self(URL_SAFE_NO_PAD.encode(bytes).into())
    }

    /// Restores one that was stored between the two requests.
    #[must_use]
    pub const fn stored(verifier: SecretString) -> Self {
        Self(verifier)
    }

    /// The verifier itself, to be stored encrypted.
    #[must_use]
    pub const fn secret(&self) -> &SecretString {
        &self.0
    }

    /// The code challenge, by S256.
    #[must_use]
    pub fn challenge(&self) -> String {
        URL_SAFE_NO_PAD.encode(Sha256::digest(self.0.expose_secret()))
    }
}

/// Tokens of a user's own account. `Debug` shows the times only.
#[derive(Debug, Clone)]
pub struct OAuthTokens {
    /// For [`Credential::access_token`].
    pub access: SecretString,
    /// The lifetime from now; 30 minutes at present.
    pub expires_in: Duration,
    /// `None` when a refresh returns no new one: then the old one stays valid. About 30 days.
    pub refresh: Option<SecretString>,
    /// The granted scopes, if the response contains them.
    pub scope: Option<String>,
}

/// The registration of an OAuth2 client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OAuthClientInfo {
    /// Cal.com's id.
    pub id: String,
    /// The name on the consent page.
    pub name: Option<String>,
    /// The allowed redirect URIs.
    pub redirect_uris: Vec<String>,
    /// `CONFIDENTIAL` or `PUBLIC`.
    pub kind: Option<String>,
}

impl Client {
    /// The URL of the consent page. Use each `state` once and compare it on return.
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

    /// Exchanges the code of a consent for tokens. A code works once.
    ///
    /// # Errors
    /// See [`Client`]; `InvalidGrant` for a code that is used, expired or issued for another
    /// verifier or redirect, `InvalidClient` for a wrong secret.
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
            Err(error) if is_missing_route(&error) => {
                self.exchange_code_at_client(code, Some(verifier)).await
            }
            other => other,
        }
    }

    /// Exchanges a refresh token for new tokens.
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
            Err(error) if is_missing_route(&error) => self.refresh_oauth_at_client(refresh).await,
            other => other,
        }
    }

    /// Reads the client's registration. Older servers require a user's session for it.
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

    /// Uses the endpoint of older servers, where a confidential client needs no verifier.
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

    /// Uses the endpoint of older servers.
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
        // A refresh token is reusable here, but a newer version may rotate it.
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

fn is_missing_route(error: &Error) -> bool {
    error.refusal == Some(Refusal::UnknownRoute)
}

/// The error that the consent page returned with the user.
///
/// # Errors
/// `Rejected` for `access_denied`, the kind of a misconfiguration otherwise. `detail` contains only
/// the code.
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
    access_token: Lenient<String>,
    #[serde(alias = "refreshToken")]
    refresh_token: Lenient<String>,
    #[serde(alias = "expiresIn")]
    expires_in: Lenient<i64>,
    scope: Lenient<String>,
}

impl FromValue for OAuthTokens {
    fn from_value(value: Value) -> Option<Self> {
        let wire: Wire = object(value)?;
        // RFC 6749 makes it optional. A default that is too long only delays the refresh until the
        // token is refused.
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
    id: Lenient<String>,
    name: Lenient<String>,
    redirect_uri: Lenient<String>,
    redirect_uris: Lenient<Vec<String>>,
    #[serde(alias = "clientType")]
    r#type: Lenient<String>,
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
