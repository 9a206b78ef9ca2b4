//! The door, against servers on the loopback.

mod breaking;
mod crowd;
mod fate;
mod json;
mod quota;
mod repetition;
mod request;
mod server;
mod traces;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use ::http::{HeaderMap, Method};
use reqwest::Url;

use super::*;

/// Everything the observer was told, as text.
#[derive(Debug, Default)]
struct Heard(Mutex<Vec<String>>);

impl Heard {
    fn all(&self) -> Vec<String> {
        self.0.lock().expect("nobody panics with the lock").clone()
    }

    fn note(&self, text: String) {
        self.0
            .lock()
            .expect("nobody panics with the lock")
            .push(text);
    }
}

impl Observer for Heard {
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

/// Quick, and with a quota that is not in the way.
fn policy() -> Policy {
    let retries = Retries {
        first_pause: Duration::from_millis(1),
        ..Retries::default()
    };
    Policy {
        retries,
        ..Policy::default()
    }
}

/// For tests that fail more often than a provider may.
fn never_open() -> Breaker {
    Breaker {
        consecutive: u32::MAX,
        calls: u32::MAX,
        ..Breaker::default()
    }
}

fn client(policy: Policy) -> (Client, Arc<Heard>) {
    let heard = Arc::new(Heard::default());
    let observer = Arc::<Heard>::clone(&heard);
    (
        Client::new(Provider::CalCom, policy, observer).expect("the machine has root certificates"),
        heard,
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
        bucket: Bucket {
            key: "one",
            per_minute: 60_000,
        },
        budget: None,
    }
}
