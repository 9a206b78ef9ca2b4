//! Reads people from Clerk's Backend API: what their session tokens do not say.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use reqwest::Url;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use sha2::{Digest, Sha256};

use crate::error::{Error, Kind};
use crate::http::{Body, Call, Client, Limits, Observer, Policy, Quota, Response, Retries, Safety};
use crate::provider::Provider;

const VERSION_HEADER: HeaderName = HeaderName::from_static("clerk-api-version");
/// The version that `@clerk/backend` 3.20 sends.
const VERSION: HeaderValue = HeaderValue::from_static("2026-05-12");
const ROUTE: &str = "GET /v1/users/{id}";
/// The quota of a development instance, 100 requests in 10 seconds; production has ten times that.
const PER_MINUTE: u32 = 600;
/// The time limit of a call: somebody waits for it.
const BUDGET: Duration = Duration::from_secs(3);

/// Calls Clerk's Backend API with the instance's secret key.
pub struct Directory {
    client: Client,
    api: Url,
    authorization: HeaderValue,
    quota_key: String,
}

impl fmt::Debug for Directory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Directory")
    }
}

/// A person in Clerk's directory. `Debug` shows nothing personal.
#[derive(Clone, PartialEq, Eq)]
pub struct Listing {
    /// First and last name, if either is known.
    pub name: Option<String>,
    /// The verified addresses, the primary one first.
    pub verified_emails: Vec<String>,
}

impl fmt::Debug for Listing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Listing")
            .field("verified_emails", &self.verified_emails.len())
            .finish_non_exhaustive()
    }
}

impl Directory {
    /// Creates a client. It calls nothing yet.
    ///
    /// # Errors
    /// `Rejected` when the address is not a URL or the key cannot be sent, `Unavailable` when the
    /// machine has no usable TLS set-up.
    pub fn try_new(
        api_url: &str,
        secret_key: &SecretString,
        observer: Arc<dyn Observer>,
    ) -> Result<Self, Error> {
        let reject = |detail: &str| Error::new(Provider::Clerk, Kind::Rejected, detail);
        let api = Url::parse(api_url)
            .ok()
            .filter(|url| url.has_host() && !url.cannot_be_a_base())
            .ok_or_else(|| reject("the API's address is not a URL"))?;
        let secret = secret_key.expose_secret();
        let mut authorization = HeaderValue::from_str(&format!("Bearer {secret}"))
            .map_err(|_| reject("the secret key cannot be sent in a header"))?;
        authorization.set_sensitive(true);
        let policy = Policy {
            limits: Limits {
                connect: Duration::from_secs(1),
                read: Duration::from_secs(2),
                total: BUDGET,
                body_bytes: 256 * 1024,
                ..Limits::default()
            },
            budget: BUDGET,
            retries: Retries {
                attempts: 2,
                ..Retries::default()
            },
            ..Policy::default()
        };
        Ok(Self {
            client: Client::new(Provider::Clerk, policy, observer)?,
            api,
            authorization,
            quota_key: hex::encode(&Sha256::digest(secret)[..16]),
        })
    }

    /// The person with this id; `None` when the instance has no such person.
    ///
    /// # Errors
    /// `Unauthorized` when the secret key is not accepted; `Unavailable`, `RateLimited` or
    /// `Malformed` when there is no usable response within 3 seconds.
    pub async fn find(&self, user_id: &str) -> Result<Option<Listing>, Error> {
        let response = self.client.send(self.call(user_id)?).await?;
        match response.kind() {
            None => read(&response).map(Some),
            Some(Kind::NotFound) => Ok(None),
            Some(kind) => {
                let detail = format!("{ROUTE}: {}", response.status);
                Err(Error::new(Provider::Clerk, kind, detail))
            }
        }
    }

    fn call(&self, user_id: &str) -> Result<Call<'_>, Error> {
        // Any other character could change the route.
        let is_id = user_id.starts_with("user_")
            && user_id
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        if !is_id {
            let detail = format!("{ROUTE}: not an id");
            return Err(Error::new(Provider::Clerk, Kind::Rejected, detail).not_applied());
        }
        let mut url = self.api.clone();
        url.path_segments_mut()
            .expect("the constructor checked that the address has a path")
            .pop_if_empty()
            .extend(["v1", "users", user_id]);
        let headers = HeaderMap::from_iter([
            (AUTHORIZATION, self.authorization.clone()),
            (VERSION_HEADER, VERSION),
        ]);
        Ok(Call {
            method: Method::GET,
            url,
            route: ROUTE,
            headers,
            body: Body::Empty,
            safety: Safety::Read,
            quota: Quota {
                key: &self.quota_key,
                per_minute: PER_MINUTE,
            },
            budget: None,
        })
    }
}

#[derive(Deserialize)]
struct User {
    first_name: Option<String>,
    last_name: Option<String>,
    primary_email_address_id: Option<String>,
    email_addresses: Vec<EmailAddress>,
}

#[derive(Deserialize)]
struct EmailAddress {
    id: Option<String>,
    email_address: String,
    verification: Option<Verification>,
}

#[derive(Deserialize)]
struct Verification {
    status: Option<String>,
}

fn read(response: &Response) -> Result<Listing, Error> {
    let user: User = serde_json::from_slice(&response.body).map_err(|error| {
        // The kind of the fault only: serde's message may quote a value.
        let detail = format!("{ROUTE}: {:?} in line {}", error.classify(), error.line());
        Error::malformed(Provider::Clerk, detail)
    })?;
    let names = [user.first_name, user.last_name];
    let name = names.iter().flatten().map(|part| part.trim());
    let name: Vec<&str> = name.filter(|part| !part.is_empty()).collect();
    let mut emails: Vec<EmailAddress> = user
        .email_addresses
        .into_iter()
        .filter(|email| email.is_verified())
        .collect();
    let primary = user.primary_email_address_id;
    emails.sort_by_key(|email| primary.is_none() || email.id != primary);
    Ok(Listing {
        name: (!name.is_empty()).then(|| name.join(" ")),
        verified_emails: emails
            .into_iter()
            .map(|email| email.email_address)
            .collect(),
    })
}

impl EmailAddress {
    fn is_verified(&self) -> bool {
        let status = self
            .verification
            .as_ref()
            .and_then(|it| it.status.as_deref());
        status == Some("verified")
    }
}
