//! From a request to an answer: the log, the quota, the faults.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use chrono::{DateTime, Utc};
use http::{HeaderMap, Response};
use http_body_util::Full;
use serde_json::{Value, json};
use tokio::time::sleep;

use super::Options;
use super::announce::Outgoing;
use super::call::Call;
use super::limit::{Count, Meter};
use super::reply::{Failure, Reply};
use super::route;
use super::state::State;
use crate::clock::Clock;
use crate::fault::{Fault, Faults, Kind, Moment};
use crate::hold::{Gate, Point};
use crate::socket::{Arrival, Handler, Outcome};
use crate::unknown::UnknownCalls;

/// A call as it arrived.
#[derive(Clone, Debug)]
pub struct Request {
    pub method: String,
    /// With the query.
    pub path: String,
    pub headers: HeaderMap,
    /// The `cal-api-version` header.
    pub version: Option<String>,
    pub auth: AuthKind,
    /// Null when it was no JSON.
    pub body: Value,
    pub at: DateTime<Utc>,
    /// It was above the quota, and answered with 429.
    pub refused: bool,
}

/// What a caller shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuthKind {
    Nothing,
    Token,
    ApiKey,
    ClientCredentials,
}

/// A webhook that was sent.
#[derive(Clone, Debug)]
pub struct Delivery {
    pub trigger: String,
    pub url: String,
    pub headers: Vec<(String, String)>,
    pub body: String,
    /// The subscriber's answer; absent when it gave none.
    pub status: Option<u16>,
    pub at: DateTime<Utc>,
}

pub(super) struct Shared {
    state: Mutex<State>,
    meter: Mutex<Meter>,
    log: Mutex<Vec<Request>>,
    pub(super) deliveries: Mutex<Vec<Delivery>>,
    /// Calls that no endpoint is there for.
    pub(super) unknown: UnknownCalls,
    /// Webhooks that are kept back to be sent out of order.
    pub(super) late: Mutex<Vec<Outgoing>>,
    pub(super) clock: Clock,
    pub(super) faults: Faults,
    pub(super) gate: Gate,
    pub(super) options: Options,
}

impl Shared {
    pub(super) fn new(options: Options, url: String) -> Self {
        Self {
            state: Mutex::new(State::new(options.clone(), options.clock.now(), url)),
            meter: Mutex::default(),
            log: Mutex::default(),
            deliveries: Mutex::default(),
            unknown: UnknownCalls::default(),
            late: Mutex::default(),
            clock: options.clock.clone(),
            faults: Faults::seeded(options.seed),
            gate: Gate::default(),
            options,
        }
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        locked(&self.state)
    }

    pub(super) fn log(&self) -> MutexGuard<'_, Vec<Request>> {
        locked(&self.log)
    }

    /// The moment between a check and its write.
    pub(super) async fn window(&self, call: &Call) {
        sleep(self.options.window).await;
        self.gate.pass(Point::BeforeCommit, &call.path).await;
    }

    async fn process(self: Arc<Self>, arrival: Arrival) -> Outcome {
        let mut call = Call::read(&arrival, self.clock.now());
        if call
            .segments
            .first()
            .is_some_and(|first| first.starts_with('_') || first == "auth")
        {
            let reply = super::control::answer(&self, &call).await;
            return Outcome::Answer(respond(reply, &call, None));
        }
        let count = locked(&self.meter).count(self.options.limits, &call);
        self.log().push(record(&call, count.refused));
        if count.refused {
            let message = "CustomThrottlerGuard - Too many requests. Please try again later.";
            let refusal = Failure::twice(429, "ThrottlerException", message);
            return Outcome::Answer(respond(
                refusal.into_reply(&call.path, call.now),
                &call,
                Some(&count),
            ));
        }
        if let Some(refusal) = self.refuse_key(&call) {
            return Outcome::Answer(respond(
                refusal.into_reply(&call.path, call.now),
                &call,
                None,
            ));
        }
        match self.faults.on_request(&call.method, &call.path) {
            None => Outcome::Answer(respond(self.run(&call).await, &call, Some(&count))),
            Some(fault) => self.misbehave(fault, &mut call, &count).await,
        }
    }

    /// A key that nobody has is turned away by the quota's guard.
    fn refuse_key(&self, call: &Call) -> Option<Failure> {
        let key = call.bearer().filter(|token| token.starts_with("cal_"))?;
        let known = self.state().tokens.key(key).is_some();
        (!known).then(|| Failure::unauthorized("CustomThrottlerGuard - Invalid API Key"))
    }

    async fn run(self: &Arc<Self>, call: &Call) -> Reply {
        let answer = route::answer(self, call).await;
        let reply =
            answer.unwrap_or_else(|failure| failure.into_reply(&call.path, self.clock.now()));
        self.gate.pass(Point::BeforeAnswer, &call.path).await;
        reply
    }

    async fn misbehave(self: &Arc<Self>, fault: Fault, call: &mut Call, count: &Count) -> Outcome {
        let committed = fault.moment == Moment::AfterCommit;
        let spoilt = match fault.kind {
            Kind::ResetBefore => return Outcome::Reset,
            Kind::Slow(by) if !committed => {
                sleep(by).await;
                None
            }
            _ => Some(()),
        };
        call.provider_fails = fault.kind == Kind::ProviderFailure;
        let honest = matches!(
            fault.kind,
            Kind::Ok | Kind::Slow(_) | Kind::Duplicate | Kind::ProviderFailure
        );
        let reply = if spoilt.is_none() || committed || honest {
            Some(self.run(call).await)
        } else {
            None
        };
        let reply = reply.unwrap_or_else(nothing);
        match fault.kind {
            Kind::ResetAfterCommit => return Outcome::Reset,
            Kind::Hang => {
                self.faults.cleared().await;
                return Outcome::Reset;
            }
            Kind::Slow(by) if committed => sleep(by).await,
            Kind::Duplicate => {
                call.again = true;
                self.run(call).await;
            }
            _ => {}
        }
        Outcome::Answer(spoil(fault.kind, reply, call, count))
    }
}

impl Handler for Shared {
    /// On a task of its own: a caller who hangs up does not stop what they have set going.
    async fn handle(self: Arc<Self>, arrival: Arrival) -> Outcome {
        tokio::spawn(self.process(arrival))
            .await
            .unwrap_or(Outcome::Reset)
    }
}

pub(super) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn nothing() -> Reply {
    Reply {
        status: 200,
        headers: Vec::new(),
        body: Some(json!({ "status": "success", "data": {} })),
    }
}

fn record(call: &Call, refused: bool) -> Request {
    let auth = match call.bearer() {
        Some(token) if token.starts_with("cal_") => AuthKind::ApiKey,
        Some(_) => AuthKind::Token,
        None if call.header("x-cal-secret-key").is_some() => AuthKind::ClientCredentials,
        None => AuthKind::Nothing,
    };
    Request {
        method: call.method.clone(),
        path: call.path.clone(),
        headers: call.headers.clone(),
        version: call.header("cal-api-version").map(str::to_owned),
        auth,
        body: call.body.clone().unwrap_or(Value::Null),
        at: call.now,
        refused,
    }
}

/// An answer that is not what the server meant.
fn spoil(kind: Kind, reply: Reply, call: &Call, count: &Count) -> Response<Full<Bytes>> {
    let failed =
        |failure: Failure| respond(failure.into_reply(&call.path, call.now), call, Some(count));
    match kind {
        Kind::TooManyRequests { retry_after } => {
            let message = "CustomThrottlerGuard - Too many requests. Please try again later.";
            let mut answer = failed(Failure::twice(429, "ThrottlerException", message));
            if let Some(seconds) = retry_after {
                answer.headers_mut().insert("retry-after", seconds.into());
            }
            answer
        }
        Kind::ServerError => failed(Failure::bare(
            500,
            "INTERNAL_SERVER_ERROR",
            "Internal server error",
        )),
        Kind::InvalidGrant => failed(Failure::Grant {
            status: 400,
            error: "invalid_grant",
        }),
        Kind::Html => {
            let page =
                "<html><head><title>502 Bad Gateway</title></head><body>cloudflare</body></html>";
            raw(502, "text/html; charset=utf-8", page.into())
        }
        Kind::OkWithError => {
            let message = "Something went wrong";
            let mut body = Failure::bare(200, "INTERNAL_SERVER_ERROR", message)
                .into_reply(&call.path, call.now);
            body.status = 200;
            respond(body, call, Some(count))
        }
        Kind::Truncated => {
            let body = reply.body.map(|body| body.to_string()).unwrap_or_default();
            let half = body
                .char_indices()
                .nth(body.chars().count() / 2)
                .map_or(0, |(at, _)| at);
            raw(
                reply.status,
                "application/json; charset=utf-8",
                body[..half].to_owned(),
            )
        }
        Kind::WrongContentType => raw(
            reply.status,
            "text/plain; charset=utf-8",
            reply.body.map(|body| body.to_string()).unwrap_or_default(),
        ),
        _ => respond(reply, call, Some(count)),
    }
}

fn raw(status: u16, kind: &'static str, body: String) -> Response<Full<Bytes>> {
    let response = Response::builder()
        .status(status)
        .header("content-type", kind);
    response
        .body(Full::new(body.into()))
        .expect("a known status and type")
}

fn respond(reply: Reply, call: &Call, count: Option<&Count>) -> Response<Full<Bytes>> {
    let mut response = Response::builder()
        .status(reply.status)
        .header("access-control-allow-origin", "*");
    if let Some(count) = count {
        response = response
            .header("x-ratelimit-limit-default", count.limit)
            .header("x-ratelimit-remaining-default", count.remaining)
            .header("x-ratelimit-reset-default", count.reset);
    }
    // The server makes its own; what the caller sends is not taken over.
    response = response.header("x-request-id", uuid::Uuid::new_v4().to_string());
    for (name, value) in &reply.headers {
        response = response.header(*name, value);
    }
    if reply.body.is_some() {
        response = response.header("content-type", "application/json; charset=utf-8");
    }
    let body = if call.method == "HEAD" {
        None
    } else {
        reply.body
    };
    let body = body
        .map(|body| Bytes::from(body.to_string()))
        .unwrap_or_default();
    response
        .body(Full::new(body))
        .expect("headers of ours are sound")
}
