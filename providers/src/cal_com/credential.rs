//! For whom a call is made.

use http::{HeaderMap, HeaderName, HeaderValue, header};
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};

use super::client::PlatformClient;
use crate::error::{Error, Kind, Provider};

const CLIENT_ID: HeaderName = HeaderName::from_static("x-cal-client-id");
const CLIENT_SECRET: HeaderName = HeaderName::from_static("x-cal-secret-key");

/// Calls a minute that Cal.com allows a managed user, an OAuth2 token or a platform client.
const QUOTA_OF_A_CLIENT: u32 = 500;
/// Calls a minute that Cal.com allows an API key, and an address without any credential.
const QUOTA_OF_A_KEY: u32 = 120;

/// For whom a call is made. `Debug` shows the sort and the quota, never the secret.
#[derive(Debug, Clone)]
pub enum Credential {
    /// A managed user's access token, an OAuth2 access token or an API key: the account it belongs
    /// to.
    Bearer {
        /// What is sent as `Authorization: Bearer`.
        token: SecretString,
        /// Calls a minute. What Cal.com's answers say wins over it.
        per_minute: u32,
    },
    /// The platform client's id and secret. Cal.com acts as the *owner* of the platform's
    /// organization, never as a managed user, and lists see every managed user's bookings.
    Platform,
    /// Nobody. The client's id is sent if there is one, for the larger quota that comes with it;
    /// otherwise all such calls from one address share the smallest quota.
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

/// What a credential adds to a request.
pub(super) struct Proof {
    pub(super) headers: HeaderMap,
    /// A digest: it names the quota without telling the secret.
    pub(super) bucket: String,
    pub(super) per_minute: u32,
}

/// # Errors
/// `Unauthorized` when the platform is asked for and none is configured, or a secret cannot be a
/// header.
pub(super) fn prove(
    credential: &Credential,
    platform: Option<&PlatformClient>,
) -> Result<Proof, Error> {
    let mut headers = HeaderMap::new();
    let (bucket, per_minute) = match (credential, platform) {
        (Credential::Bearer { token, per_minute }, _) => {
            let bearer = format!("Bearer {}", token.expose_secret());
            headers.insert(header::AUTHORIZATION, secret_header(&bearer)?);
            (digest("bearer", token.expose_secret()), *per_minute)
        }
        (Credential::Platform, Some(client)) => {
            // The id in the path would do for authentication, but without this header the call
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
    Ok(Proof {
        headers,
        bucket,
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

fn digest(sort: &str, secret: &str) -> String {
    let mut hash = Sha256::new();
    hash.update(sort);
    hash.update([0]);
    hash.update(secret);
    hex::encode(&hash.finalize()[..16])
}
