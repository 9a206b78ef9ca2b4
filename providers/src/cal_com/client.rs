//! The client and its settings.

use std::sync::Arc;
use std::time::Duration;

use reqwest::Url;
use secrecy::SecretString;

use super::answer::{Data, read, read_flat};
use super::credential::{Credential, prove};
use super::request::Request;
use crate::error::{Error, Kind, Provider};
use crate::http::{self, Answer, Bucket, Observer, Policy};

/// A platform's OAuth client, which owns managed users. Cal.com gives no new ones since December
/// 2025.
#[derive(Debug, Clone)]
pub struct PlatformClient {
    /// Public.
    pub client_id: String,
    /// Secret.
    pub client_secret: SecretString,
}

/// An OAuth2 client, to which owners of Cal.com accounts give access.
#[derive(Debug, Clone)]
pub struct OAuthClient {
    /// Public.
    pub client_id: String,
    /// Secret; `None` for a public client, for which PKCE is the proof.
    pub client_secret: Option<SecretString>,
    /// Where Cal.com sends the person back. It must equal the registered one, letter for letter.
    pub redirect_uri: String,
    /// What is asked for, such as `BOOKING_WRITE`. Empty asks for what the client is registered
    /// with.
    pub scopes: Vec<String>,
}

/// Where Cal.com is and who we are there.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The API's address without `/v2`, as in `https://api.cal.com`.
    pub api_url: String,
    /// The web app's address, as in `https://app.cal.com`: where a person consents.
    pub app_url: String,
    /// For managed users.
    pub platform: Option<PlatformClient>,
    /// For people's own accounts.
    pub oauth: Option<OAuthClient>,
    /// The platform's organization, for the endpoints about all of its people.
    pub organization_id: Option<i64>,
    /// Time limits, repetitions and quotas; [`policy`] is made for Cal.com.
    pub policy: Policy,
}

/// A policy that suits Cal.com: it answers a booking only after every webhook has been delivered or
/// given up, which took 8.5 s with one slow receiver, and closes idle connections after 5 s. Its
/// quotas are small and people come in bursts, so more of a quota may be used at once.
#[must_use]
pub fn policy() -> Policy {
    let mut policy = Policy::default();
    policy.limits.read = Duration::from_secs(15);
    policy.limits.total = Duration::from_secs(20);
    policy.limits.body_bytes = 8 * 1024 * 1024;
    policy.pace.share = 0.6;
    policy.pace.burst = 0.3;
    policy
}

/// Speaks Cal.com's API v2. Clones share connections, quotas and the breaker.
///
/// Every call takes the [`Credential`] it is made with and fails with an [`Error`] whose `refusal`
/// tells the reasons apart that a caller may act on. `Kind` sorts the rest:
///
/// - `Unauthorized`: the credential. Renew it when the refusal is `TokenExpired` or `TokenRevoked`,
///   and only then; a 403 has the same kind and another refusal.
/// - `Rejected`: also the 401s that are not about the credential, and a route their server does not
///   have.
/// - `Malformed`: no answer of theirs, or half of one. A write may have happened.
#[derive(Debug, Clone)]
pub struct Client {
    http: http::Client,
    shared: Arc<Shared>,
    budget: Option<Duration>,
}

#[derive(Debug)]
struct Shared {
    api: Url,
    app: Url,
    platform: Option<PlatformClient>,
    oauth: Option<OAuthClient>,
    organization_id: Option<i64>,
}

impl Client {
    /// # Errors
    /// `Rejected` when an address is not one, `Unavailable` when the machine has no usable TLS
    /// set-up.
    pub fn new(settings: Settings, observer: Arc<dyn Observer>) -> Result<Self, Error> {
        let Settings {
            api_url,
            app_url,
            platform,
            oauth,
            organization_id,
            policy,
        } = settings;
        let api = address(&api_url, "the API's address")?;
        let app = address(&app_url, "the web app's address")?;
        let http = http::Client::new(Provider::CalCom, policy, observer)?;
        let shared = Shared {
            api,
            app,
            platform,
            oauth,
            organization_id,
        };
        Ok(Self {
            http,
            shared: Arc::new(shared),
            budget: None,
        })
    }

    /// The same client, for calls that must be over within `budget`, waiting and repetitions
    /// included.
    #[must_use]
    pub fn within(&self, budget: Duration) -> Self {
        Self {
            budget: Some(budget),
            ..self.clone()
        }
    }

    /// The platform client's id, if there is one. [`plain_email`](super::plain_email) wants it.
    #[must_use]
    pub fn platform_client_id(&self) -> Option<&str> {
        self.shared
            .platform
            .as_ref()
            .map(|client| client.client_id.as_str())
    }

    /// Whether there is a client that asks people for their consent.
    #[must_use]
    pub fn has_oauth_client(&self) -> bool {
        self.shared.oauth.is_some()
    }

    /// The platform's organization, if it is known.
    #[must_use]
    pub fn organization_id(&self) -> Option<i64> {
        self.shared.organization_id
    }

    pub(super) fn platform(&self) -> Result<&PlatformClient, Error> {
        self.shared
            .platform
            .as_ref()
            .ok_or_else(|| unconfigured("no platform client is configured"))
    }

    pub(super) fn oauth(&self) -> Result<&OAuthClient, Error> {
        self.shared
            .oauth
            .as_ref()
            .ok_or_else(|| unconfigured("no OAuth2 client is configured"))
    }

    pub(super) fn organization(&self) -> Result<String, Error> {
        let id = self
            .shared
            .organization_id
            .ok_or_else(|| unconfigured("the organization is not configured"))?;
        Ok(id.to_string())
    }

    pub(super) fn app_url(&self) -> &Url {
        &self.shared.app
    }

    /// The one door: proves who asks, names the API's version, sends, and reads either envelope.
    pub(super) async fn call(
        &self,
        credential: &Credential,
        request: Request,
    ) -> Result<Data, Error> {
        let route = request.route;
        read(route, self.send(credential, request).await?)
    }

    /// The same for routes that answer without envelope.
    pub(super) async fn call_flat(
        &self,
        credential: &Credential,
        request: Request,
    ) -> Result<Data, Error> {
        let route = request.route;
        read_flat(route, self.send(credential, request).await?)
    }

    async fn send(&self, credential: &Credential, request: Request) -> Result<Answer, Error> {
        let proof = prove(credential, self.shared.platform.as_ref())?;
        let bucket = Bucket {
            key: &proof.bucket,
            per_minute: proof.per_minute,
        };
        self.http
            .send(request.into_call(&self.shared.api, proof.headers, bucket, self.budget)?)
            .await
    }
}

fn unconfigured(what: &str) -> Error {
    Error::new(Provider::CalCom, Kind::Unauthorized, what)
}

fn address(text: &str, what: &str) -> Result<Url, Error> {
    let wrong = || {
        Error::new(
            Provider::CalCom,
            Kind::Rejected,
            format!("{what} is not an http(s) URL"),
        )
    };
    let url = Url::parse(text.trim()).map_err(|_| wrong())?;
    if matches!(url.scheme(), "http" | "https") && url.has_host() {
        Ok(url)
    } else {
        Err(wrong())
    }
}
