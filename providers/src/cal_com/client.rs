//! The client and its settings.

use std::sync::Arc;
use std::time::Duration;

use reqwest::Url;
use secrecy::SecretString;

use super::credential::{Credential, authenticate};
use super::request::Request;
use super::response::{Data, read, read_flat};
use crate::cal_com::Error;
use crate::error::Kind;
use crate::http::{self, Observer, Policy, Quota, Response};
use crate::provider::Provider;

/// Cal.com's name for the quota of a credential in `X-RateLimit-Limit-Default`. Quotas of other names
/// belong to a single route.
const CREDENTIAL_QUOTA: &str = "default";

/// A platform's OAuth client, which owns managed users. Cal.com issues no new ones since December
/// 2025.
#[derive(Debug, Clone)]
pub struct PlatformClient {
    /// Public.
    pub client_id: String,
    /// Secret.
    pub client_secret: SecretString,
}

/// An OAuth2 client, which owners of Cal.com accounts grant access.
#[derive(Debug, Clone)]
pub struct OAuthClient {
    /// Public.
    pub client_id: String,
    /// Secret; `None` for a public client, which authenticates by PKCE.
    pub client_secret: Option<SecretString>,
    /// Where Cal.com redirects after consent. It must equal the registered URI exactly.
    pub redirect_uri: String,
    /// The requested scopes, such as `BOOKING_WRITE`. Empty requests those the client is registered
    /// with.
    pub scopes: Vec<String>,
}

/// The addresses of Cal.com and our clients there.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The API's address without `/v2`, as in `https://api.cal.com`.
    pub api_url: String,
    /// The web app's address, as in `https://app.cal.com`, which shows the consent page.
    pub app_url: String,
    /// For managed users.
    pub platform: Option<PlatformClient>,
    /// For people's own accounts.
    pub oauth: Option<OAuthClient>,
    /// The platform's organization, for the endpoints about all of its members.
    pub organization_id: Option<i64>,
    /// Timeouts, retries and quotas; see [`policy`].
    pub policy: Policy,
}

/// The policy for Cal.com.
///
/// Cal.com responds to a booking only after it delivered every webhook or gave up, which took 8.5 s
/// with one slow receiver. It closes idle connections after 5 s. Its quotas are small and users
/// arrive in bursts, so a larger part of a quota is available as burst.
#[must_use]
pub fn policy() -> Policy {
    let mut policy = Policy::default();
    policy.limits.read = Duration::from_secs(15);
    policy.limits.total = Duration::from_secs(20);
    policy.limits.idle = Duration::from_secs(4);
    policy.limits.body_bytes = 8 * 1024 * 1024;
    policy.rate_limit.share = 0.6;
    policy.rate_limit.burst = 0.3;
    policy
}

/// A client of Cal.com's API v2. Clones share connections, quotas and the circuit breaker.
///
/// Every call takes a [`Credential`] and fails with an [`Error`] whose `refusal` is the reason,
/// where a caller may act on it. `Kind` classifies all errors:
///
/// - `Unauthorized`: the credential is not accepted. Renew it only when the refusal is
///   `TokenExpired` or `TokenRevoked`; a 403 has the same kind and another refusal.
/// - `Rejected`: also for a 401 that is not about the credential, and for a route that the server
///   does not have.
/// - `Malformed`: the response is not Cal.com's, or incomplete. A write may have been applied.
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
    /// `Rejected` when an address is not a URL, `Unavailable` when the machine has no usable TLS
    /// set-up.
    pub fn new(settings: Settings, observer: Arc<dyn Observer>) -> Result<Self, Error> {
        let Settings {
            api_url,
            app_url,
            platform,
            oauth,
            organization_id,
            mut policy,
        } = settings;
        policy.rate_limit.credential_quota = CREDENTIAL_QUOTA;
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

    /// The same client with a time limit for each call, queueing and retries included.
    #[must_use]
    pub fn within(&self, budget: Duration) -> Self {
        Self {
            budget: Some(budget),
            ..self.clone()
        }
    }

    /// The platform client's id, if there is one, for [`plain_email`](super::plain_email).
    #[must_use]
    pub fn platform_client_id(&self) -> Option<&str> {
        self.shared
            .platform
            .as_ref()
            .map(|client| client.client_id.as_str())
    }

    /// Whether an OAuth2 client is configured.
    #[must_use]
    pub fn has_oauth_client(&self) -> bool {
        self.shared.oauth.is_some()
    }

    /// The platform's organization, if it is configured.
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

    /// Authenticates and sends a request, and reads the envelope of its response. All calls go
    /// through it.
    pub(super) async fn call(
        &self,
        credential: &Credential,
        request: Request,
    ) -> Result<Data, Error> {
        let route = request.route;
        read(route, self.send(credential, request).await?)
    }

    /// The same for routes that respond without envelope.
    pub(super) async fn call_flat(
        &self,
        credential: &Credential,
        request: Request,
    ) -> Result<Data, Error> {
        let route = request.route;
        read_flat(route, self.send(credential, request).await?)
    }

    async fn send(&self, credential: &Credential, request: Request) -> Result<Response, Error> {
        let auth = authenticate(credential, self.shared.platform.as_ref())?;
        let quota = Quota {
            key: &auth.quota_key,
            per_minute: auth.per_minute,
        };
        let call = request.into_call(&self.shared.api, auth.headers, quota, self.budget)?;
        Ok(self.http.send(call).await?)
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
