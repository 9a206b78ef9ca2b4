//! Applications that are wired to the stand-in for Cal.com.

use std::sync::Arc;
use std::time::Duration;

use hmac::{Hmac, KeyInit as _, Mac as _};
use providers::cal_com::{Client, OAuthClient, PlatformClient, Settings};
use providers::http::{NoopObserver, Policy};
use sha2::Sha256;
use simulators::Clock;
use simulators::cal_com::{self, Options, StandIn};

use crate::app::{START, Setup, at};

/// The platform client. What is secret here contains `canary`, which no log may.
pub const CLIENT_ID: &str = "clcourtsidetests000000000";
pub const CLIENT_SECRET: &str = "canary-client-secret";
pub const OAUTH_CLIENT_ID: &str = "courtside-tests-oauth";
pub const OAUTH_CLIENT_SECRET: &str = "canary-oauth-secret";
pub const WEBHOOK_SECRET: &str = "canary-webhook-secret";
/// Where a coach's browser comes back to: the address that the settings of a test lead to.
const REDIRECT_URI: &str = "http://127.0.0.1:0/oauth/calcom";

/// A stand-in whose clock begins with the test.
#[must_use]
pub fn options() -> Options {
    let oauth_client = cal_com::OAuthClient {
        id: OAUTH_CLIENT_ID.to_owned(),
        secret: Some(OAUTH_CLIENT_SECRET.to_owned()),
        name: "Courtside".to_owned(),
        redirect_uri: REDIRECT_URI.to_owned(),
    };
    Options {
        clock: Clock::at(at(START)),
        client_id: CLIENT_ID.to_owned(),
        client_secret: CLIENT_SECRET.to_owned(),
        oauth_clients: vec![oauth_client],
        ..Options::default()
    }
}

/// Starts a stand-in with [`options`].
///
/// # Panics
/// When there is no free port.
pub async fn start() -> StandIn {
    cal_com::start(options())
        .await
        .expect("a free loopback port")
}

/// The settings that wire an application to a stand-in.
#[must_use]
pub fn settings(cal: &StandIn) -> [(&'static str, String); 8] {
    [
        ("CALCOM_API_URL", cal.url()),
        ("CALCOM_APP_URL", cal.url()),
        ("CALCOM_CLIENT_ID", CLIENT_ID.to_owned()),
        ("CALCOM_CLIENT_SECRET", CLIENT_SECRET.to_owned()),
        ("CALCOM_OAUTH_CLIENT_ID", OAUTH_CLIENT_ID.to_owned()),
        ("CALCOM_OAUTH_CLIENT_SECRET", OAUTH_CLIENT_SECRET.to_owned()),
        ("CALCOM_WEBHOOK_SECRETS", WEBHOOK_SECRET.to_owned()),
        ("OAUTH_REDIRECTS", "https://app.example.com".to_owned()),
    ]
}

impl Setup {
    /// Wires the application to a stand-in. The test fails if the application calls an endpoint
    /// that the stand-in does not have.
    #[must_use]
    pub fn cal_com(self, cal: &StandIn) -> Self {
        settings(cal)
            .iter()
            .fold(self, |setup, (name, value)| setup.setting(name, value))
            .watching(cal.unknown_calls().clone())
    }
}

/// The signature of a delivery, as its header has it.
#[must_use]
pub fn signature(secret: &str, body: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("any length does");
    mac.update(body);
    hex::encode(mac.finalize().into_bytes())
}

/// The limits of the real client with short pauses: the clock of a test stands still, the
/// network's does not.
#[must_use]
pub fn policy() -> Policy {
    let mut policy = providers::cal_com::policy();
    policy.rate_limit.pause = Duration::from_millis(20);
    policy.rate_limit.share = 100.0;
    policy.rate_limit.burst = 100.0;
    policy.retries.first_pause = Duration::from_millis(5);
    policy.breaker.pause = Duration::from_millis(50);
    policy
}

/// The client that the application would make from [`settings`], with another policy and, if the
/// platform's organization is known, its id.
///
/// # Panics
/// When the stand-in's address is no URL.
#[must_use]
pub fn client(cal: &StandIn, organization_id: Option<i64>, policy: Policy) -> Client {
    let settings = Settings {
        api_url: cal.url(),
        app_url: cal.url(),
        platform: Some(PlatformClient {
            client_id: CLIENT_ID.to_owned(),
            client_secret: CLIENT_SECRET.to_owned().into(),
        }),
        oauth: Some(OAuthClient {
            client_id: OAUTH_CLIENT_ID.to_owned(),
            client_secret: Some(OAUTH_CLIENT_SECRET.to_owned().into()),
            redirect_uri: REDIRECT_URI.to_owned(),
            scopes: Vec::new(),
        }),
        organization_id,
        policy,
    };
    Client::new(settings, Arc::new(NoopObserver)).expect("the stand-in's address is a URL")
}
