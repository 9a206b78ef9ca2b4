//! The client against real servers on the loopback.

mod breaker;
mod bulkhead;
mod json;
mod outcome;
mod rate_limit;
mod redaction;
mod request;
mod retry;
mod server;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use ::http::{HeaderMap, Method};
use reqwest::Url;

use super::*;

/// Records everything the observer receives, as text.
#[derive(Debug, Default)]
struct Recorder(Mutex<Vec<String>>);

impl Recorder {
    fn all(&self) -> Vec<String> {
        self.0.lock().expect("no holder panics").clone()
    }

    fn note(&self, text: String) {
        self.0.lock().expect("no holder panics").push(text);
    }
}

impl Observer for Recorder {
    fn exchanged(&self, exchange: &Exchange<'_>) {
        let Exchange {
            provider,
            route,
            status,
            outcome,
            attempt,
            ..
        } = exchange;
        assert_eq!((*provider, *route), (Provider::CalCom, ROUTE));
        self.note(format!(
            "{attempt} {outcome} {}",
            status.map_or_else(|| "-".to_owned(), |status| status.to_string())
        ));
    }

    fn breaker(&self, _: Provider, state: BreakerState) {
        self.note(state.as_str().to_owned());
    }
}

const ROUTE: &str = "POST /v2/things/{uid}";

/// Short retry pauses, and Cal.com's name for the quota of a credential.
fn policy() -> Policy {
    let retries = Retries {
        first_pause: Duration::from_millis(1),
        ..Retries::default()
    };
    let rate_limit = RateLimit {
        credential_quota: "default",
        ..RateLimit::default()
    };
    Policy {
        retries,
        rate_limit,
        ..Policy::default()
    }
}

/// For tests with more failures than would open the breaker.
fn never_open() -> Breaker {
    Breaker {
        consecutive: u32::MAX,
        calls: u32::MAX,
        ..Breaker::default()
    }
}

fn client(policy: Policy) -> (Client, Arc<Recorder>) {
    let recorder = Arc::new(Recorder::default());
    let observer = Arc::<Recorder>::clone(&recorder);
    (
        Client::new(Provider::CalCom, policy, observer).expect("the machine has root certificates"),
        recorder,
    )
}

fn call(url: &Url, safety: Safety) -> Call<'static> {
    Call {
        method: Method::POST,
        url: url.clone(),
        route: ROUTE,
        headers: HeaderMap::new(),
        body: Body::Json(b"{\"hush\":1}".to_vec()),
        safety,
        quota: Quota {
            key: "one",
            per_minute: 60_000,
        },
        budget: None,
    }
}
