//! What goes wrong, where and how often.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde_json::Value;
use tokio::sync::Notify;

/// One way to misbehave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Behaves. In front of other faults with a count: the first n calls work.
    Ok,
    /// 429, with `Retry-After` in seconds if given.
    TooManyRequests { retry_after: Option<u64> },
    /// 500 in the service's own envelope.
    ServerError,
    /// No answer until the client gives up or the faults are cleared.
    Hang,
    /// The right answer, so much later.
    Slow(Duration),
    /// The connection is reset and nothing is done.
    ResetBefore,
    /// Everything is done, then the connection is reset.
    ResetAfterCommit,
    /// The right status and half of the JSON.
    Truncated,
    /// 502 with a page of HTML, as a proxy sends it.
    Html,
    /// The right body with `text/plain`.
    WrongContentType,
    /// 400 `invalid_grant`, as the token endpoint refuses a code or a refresh token.
    InvalidGrant,
    /// 200 with `status: error` in the body.
    OkWithError,
    /// The effect is done twice, answered once.
    Duplicate,
    /// A booking is accepted and kept, and answered with 400 because the video service failed. No
    /// webhook.
    ProviderFailure,
    /// A webhook is not sent. The route is a trigger or `*`.
    DropWebhooks,
    /// A webhook is sent twice. The route is a trigger or `*`.
    DuplicateWebhooks,
    /// A webhook is kept back until after the next one. The route is a trigger or `*`.
    ReorderWebhooks,
}

impl Kind {
    /// Whether it is about deliveries instead of requests.
    pub(crate) fn is_of_webhooks(self) -> bool {
        matches!(
            self,
            Self::DropWebhooks | Self::DuplicateWebhooks | Self::ReorderWebhooks
        )
    }
}

/// How often it happens.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Times {
    Always,
    /// The next so many matching calls.
    Count(u32),
    /// This share of the matching calls, chosen by a seeded generator.
    Share(f64),
}

/// Whether the effect of a spoilt call happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    Before,
    AfterCommit,
}

/// A fault of a route. The first in the list that matches and has its turn decides.
#[derive(Clone, Debug, PartialEq)]
pub struct Fault {
    /// Any when absent.
    pub method: Option<String>,
    /// The path, `{..}` standing for any segment; a `*` at the end stands for the rest.
    pub route: String,
    pub kind: Kind,
    pub times: Times,
    pub moment: Moment,
}

impl Fault {
    /// Always, before anything is done (after, for the kinds that spoil a right answer).
    #[must_use]
    pub fn new(route: &str, kind: Kind) -> Self {
        let moment = match kind {
            Kind::ResetAfterCommit | Kind::Truncated | Kind::WrongContentType => {
                Moment::AfterCommit
            }
            _ => Moment::Before,
        };
        Self {
            method: None,
            route: route.to_owned(),
            kind,
            times: Times::Always,
            moment,
        }
    }

    /// Only with this method.
    #[must_use]
    pub fn method(self, method: &str) -> Self {
        Self {
            method: Some(method.to_owned()),
            ..self
        }
    }

    /// Only so often.
    #[must_use]
    pub fn times(self, times: Times) -> Self {
        Self { times, ..self }
    }

    /// The effect happens, then the answer is spoilt.
    #[must_use]
    pub fn after_commit(self) -> Self {
        Self {
            moment: Moment::AfterCommit,
            ..self
        }
    }

    /// The answer is spoilt and nothing happens.
    #[must_use]
    pub fn before(self) -> Self {
        Self {
            moment: Moment::Before,
            ..self
        }
    }

    /// Reads `{route, method?, kind, count? | share?, ms?, retry_after?, moment?}`.
    ///
    /// # Errors
    /// What is wrong with it, for the person who wrote it.
    pub fn read(value: &Value) -> Result<Self, String> {
        let kind = value["kind"].as_str().ok_or("a fault needs a kind")?;
        let kind = match kind.replace('-', "_").as_str() {
            "ok" => Kind::Ok,
            "429" => Kind::TooManyRequests {
                retry_after: value["retry_after"].as_u64(),
            },
            "500" => Kind::ServerError,
            "hang" => Kind::Hang,
            "slow" => Kind::Slow(Duration::from_millis(
                value["ms"].as_u64().ok_or("slow needs ms")?,
            )),
            "reset_before" => Kind::ResetBefore,
            "reset_after_commit" => Kind::ResetAfterCommit,
            "truncated" => Kind::Truncated,
            "html" => Kind::Html,
            "wrong_content_type" => Kind::WrongContentType,
            "invalid_grant" => Kind::InvalidGrant,
            "ok_with_error" => Kind::OkWithError,
            "duplicate" => Kind::Duplicate,
            "provider_failure" => Kind::ProviderFailure,
            "drop_webhooks" => Kind::DropWebhooks,
            "duplicate_webhooks" => Kind::DuplicateWebhooks,
            "reorder_webhooks" => Kind::ReorderWebhooks,
            other => return Err(format!("there is no kind {other}")),
        };
        let mut fault = Self::new(value["route"].as_str().unwrap_or("*"), kind);
        fault.method = value["method"].as_str().map(str::to_uppercase);
        fault.times = match (value["count"].as_u64(), value["share"].as_f64()) {
            (Some(count), _) => {
                Times::Count(u32::try_from(count).map_err(|_| "count is too large")?)
            }
            (None, Some(share)) => Times::Share(share),
            (None, None) => Times::Always,
        };
        match value["moment"].as_str() {
            Some("before") => fault.moment = Moment::Before,
            Some("after_commit") => fault.moment = Moment::AfterCommit,
            Some(other) => return Err(format!("there is no moment {other}")),
            None => {}
        }
        Ok(fault)
    }
}

/// The faults of a stand-in, shared by clones.
#[derive(Clone)]
pub struct Faults(Arc<Dial>);

struct Dial {
    set: Mutex<Settings>,
    cleared: Notify,
}

struct Settings {
    faults: Vec<Fault>,
    dice: StdRng,
}

impl Faults {
    pub(crate) fn seeded(seed: u64) -> Self {
        let set = Settings {
            faults: Vec::new(),
            dice: StdRng::seed_from_u64(seed),
        };
        Self(Arc::new(Dial {
            set: Mutex::new(set),
            cleared: Notify::new(),
        }))
    }

    /// Adds a fault behind those that are set.
    pub fn set(&self, fault: Fault) {
        self.settings().faults.push(fault);
    }

    /// Clears all faults. Hanging requests are reset.
    pub fn clear(&self) {
        self.settings().faults.clear();
        self.0.cleared.notify_waiters();
    }

    /// Reseeds the random choices.
    pub fn seed(&self, seed: u64) {
        self.settings().dice = StdRng::seed_from_u64(seed);
    }

    /// The faults that are set, with the counts that are left.
    #[must_use]
    pub fn list(&self) -> Vec<Fault> {
        self.settings().faults.clone()
    }

    fn settings(&self) -> MutexGuard<'_, Settings> {
        self.0.set.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is to happen to this request.
    pub(crate) fn on_request(&self, method: &str, path: &str) -> Option<Fault> {
        self.turn(|fault| {
            let method_fits = fault
                .method
                .as_deref()
                .is_none_or(|wanted| wanted.eq_ignore_ascii_case(method));
            !fault.kind.is_of_webhooks() && method_fits && route_matches(&fault.route, path)
        })
    }

    /// What is to happen to this delivery.
    pub(crate) fn on_webhook(&self, trigger: &str) -> Option<Kind> {
        let fault = self.turn(|fault| {
            fault.kind.is_of_webhooks() && (fault.route == "*" || fault.route == trigger)
        });
        fault.map(|fault| fault.kind)
    }

    fn turn(&self, matches: impl Fn(&Fault) -> bool) -> Option<Fault> {
        let mut set = self.settings();
        let Settings { faults, dice } = &mut *set;
        for fault in faults.iter_mut().filter(|fault| matches(fault)) {
            let turn = match &mut fault.times {
                Times::Always => true,
                Times::Count(0) => false,
                Times::Count(left) => {
                    *left -= 1;
                    true
                }
                Times::Share(share) => dice.random_bool(share.clamp(0.0, 1.0)),
            };
            if turn {
                return Some(fault.clone());
            }
        }
        None
    }

    /// Waits until the faults are cleared.
    pub(crate) async fn cleared(&self) {
        self.0.cleared.notified().await;
    }
}

/// Whether a path is of a route: `{..}` is any one segment, `*` at the end is the rest.
pub(crate) fn route_matches(route: &str, path: &str) -> bool {
    let path = path.split('?').next().unwrap_or(path);
    if let Some(prefix) = route.strip_suffix('*') {
        let parts = prefix.trim_end_matches('/').split('/').count();
        let head: Vec<&str> = path.split('/').take(parts).collect();
        return prefix.is_empty() || same(prefix.trim_end_matches('/'), &head.join("/"));
    }
    same(route, path)
}

fn same(route: &str, path: &str) -> bool {
    let (mut wanted, mut given) = (route.split('/'), path.split('/'));
    loop {
        match (wanted.next(), given.next()) {
            (None, None) => return true,
            (Some(wanted), Some(given)) if wanted == given || wanted.starts_with('{') => {}
            _ => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_route_is_a_template_or_a_prefix() {
        assert!(route_matches(
            "/v2/bookings/{uid}/cancel",
            "/v2/bookings/abc/cancel"
        ));
        assert!(route_matches("/v2/slots", "/v2/slots?eventTypeId=1"));
        assert!(route_matches("/v2/bookings*", "/v2/bookings/abc/cancel"));
        assert!(route_matches("/v2/bookings/*", "/v2/bookings"));
        assert!(route_matches("*", "/anything/at/all"));
        assert!(!route_matches("/v2/bookings", "/v2/bookings/abc"));
        assert!(!route_matches("/v2/book*", "/v2/bookings"));
    }

    #[test]
    fn the_first_fault_that_has_its_turn_decides() {
        let faults = Faults::seeded(1);
        faults.set(Fault::new("*", Kind::Ok).times(Times::Count(1)));
        faults.set(
            Fault::new("/v2/me", Kind::Hang)
                .method("GET")
                .times(Times::Count(2)),
        );
        let kinds: Vec<_> = (0..4)
            .map(|_| faults.on_request("GET", "/v2/me").map(|fault| fault.kind))
            .collect();
        assert_eq!(
            kinds,
            [Some(Kind::Ok), Some(Kind::Hang), Some(Kind::Hang), None]
        );
        assert_eq!(faults.on_request("POST", "/v2/me"), None);
    }

    #[test]
    fn a_share_follows_the_seed() {
        let share = |seed| {
            let faults = Faults::seeded(seed);
            faults.set(Fault::new("*", Kind::ServerError).times(Times::Share(0.3)));
            (0..1000)
                .filter(|_| faults.on_request("GET", "/").is_some())
                .count()
        };
        assert_eq!(share(7), share(7));
        assert!((250..350).contains(&share(7)), "{}", share(7));
    }
}
