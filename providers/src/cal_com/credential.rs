//! Credentials, and how they authenticate a request.

use http::{HeaderMap, HeaderName, HeaderValue, header};
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};

use super::client::PlatformClient;
use crate::cal_com::Error;
use crate::error::Kind;
use crate::provider::Provider;

const CLIENT_ID: HeaderName = HeaderName::from_static("x-cal-client-id");
const CLIENT_SECRET: HeaderName = HeaderName::from_static("x-cal-secret-key");

/// Calls per minute that Cal.com allows a managed user, an OAuth2 token or a platform client.
const QUOTA_OF_A_CLIENT: u32 = 500;
/// Calls per minute that Cal.com allows an API key, and an address without a credential.
const QUOTA_OF_A_KEY: u32 = 120;

/// The identity a call is made with. `Debug` shows the variant and the quota, never the secret.
#[derive(Debug, Clone)]
pub enum Credential {
    /// An account: a managed user's access token, an OAuth2 access token or an API key.
    Bearer {
        /// Sent as `Authorization: Bearer`.
        token: SecretString,
        /// Calls per minute. A limit in Cal.com's response headers takes precedence.
        per_minute: u32,
    },
    /// The platform client's id and secret. Cal.com acts as the *owner* of the platform's
    /// organization, never as a managed user, and lists include every managed user's bookings.
    Platform,
    /// No credential. The client's id is sent if there is one, for its larger quota; otherwise all
    /// such calls from one address share the smallest quota.
    Public,
}

impl Credential {
    /// A managed user's or an OAuth2 access token.
    #[must_use]
    pub fn access_token(token: SecretString) -> Self {
        Self::Bearer {
            token,
            per_minute: QUOTA_OF_A_CLIENT,
        }
    }

    /// An API key of a person's own account.
    #[must_use]
    pub fn api_key(token: SecretString) -> Self {
        Self::Bearer {
            token,
            per_minute: QUOTA_OF_A_KEY,
        }
    }
}

/// The authentication of a request.
pub(super) struct Authentication {
    pub(super) headers: HeaderMap,
    /// A digest, which identifies the quota without revealing the secret.
    pub(super) quota_key: String,
    pub(super) per_minute: u32,
}

/// # Errors
/// `Unauthorized` when no platform client is configured, or a secret is not a valid header value.
pub(super) fn authenticate(
    credential: &Credential,
    platform: Option<&PlatformClient>,
) -> Result<Authentication, Error> {
    let mut headers = HeaderMap::new();
    let (quota_key, per_minute) = match (credential, platform) {
        (Credential::Bearer { token, per_minute }, _) => {
            let bearer = format!("Bearer {}", token.expose_secret());
            headers.insert(header::AUTHORIZATION, secret_header(&bearer)?);
            (digest("bearer", token.expose_secret()), *per_minute)
        }
        (Credential::Platform, Some(client)) => {
            // The id in the path suffices for authentication, but without this header the call
            // counts against the address's quota of 120, not the client's of 500.
            headers.insert(CLIENT_ID, secret_header(&client.client_id)?);
            headers.insert(
                CLIENT_SECRET,
                secret_header(client.client_secret.expose_secret())?,
            );
            (digest("client", &client.client_id), QUOTA_OF_A_CLIENT)
        }
        (Credential::Platform, None) => {
            return Err(Error::new(
                Provider::CalCom,
                Kind::Unauthorized,
                "no platform client is configured",
            ));
        }
        (Credential::Public, Some(client)) => {
            headers.insert(CLIENT_ID, secret_header(&client.client_id)?);
            (digest("client", &client.client_id), QUOTA_OF_A_CLIENT)
        }
        (Credential::Public, None) => (digest("address", ""), QUOTA_OF_A_KEY),
    };
    Ok(Authentication {
        headers,
        quota_key,
        per_minute,
    })
}

fn secret_header(text: &str) -> Result<HeaderValue, Error> {
    let mut value = HeaderValue::from_str(text).map_err(|_| {
        Error::new(
            Provider::CalCom,
            Kind::Unauthorized,
            "the credential cannot be sent in a header",
        )
    })?;
    value.set_sensitive(true);
    Ok(value)
}

fn digest(kind: &str, secret: &str) -> String {
    let mut hash = Sha256::new();
    hash.update(kind);
    hash.update([0]);
    hash.update(secret);
    hex::encode(&hash.finalize()[..16])
}
