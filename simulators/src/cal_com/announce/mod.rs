//! Webhooks on their way: to every subscriber at once, awaited by the call that caused them, never
//! repeated.

mod answers;
mod payload;

use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::join_all;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::{Map, Value, json};
use sha2::Sha256;

pub(super) use payload::{place, snapshot};

use super::call::encode;
use super::reply::iso;
use super::server::{Delivery, Shared, locked};
use super::state::{Booking, Scope, State, Webhook};
use crate::fault::Kind;
use crate::post::post;

/// What happened to a booking.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trigger {
    Created,
    Requested,
    Rescheduled,
    /// A request was accepted: the name of a creation, and other fields.
    Confirmed,
    Rejected,
}

impl Trigger {
    fn name(self) -> &'static str {
        match self {
            Self::Created | Self::Confirmed => "BOOKING_CREATED",
            Self::Requested => "BOOKING_REQUESTED",
            Self::Rescheduled => "BOOKING_RESCHEDULED",
            Self::Rejected => "BOOKING_REJECTED",
        }
    }
}

/// How a booking was called off.
pub(super) struct Cancelled {
    pub(super) reason: Option<String>,
    pub(super) by: Option<String>,
    /// The host wants another time rather than none.
    pub(super) asks_to_rebook: bool,
    /// Only this place of a group.
    pub(super) seat: Option<String>,
}

/// One request to one subscriber.
#[derive(Clone)]
pub(super) struct Outgoing {
    trigger: String,
    url: String,
    signature: String,
    kind: &'static str,
    body: String,
}

pub(super) async fn of_booking(
    shared: &Arc<Shared>,
    trigger: Trigger,
    id: u64,
    seat: Option<&str>,
) {
    let batch = {
        let state = shared.state();
        let Some(booking) = state.bookings.get(&id) else {
            return;
        };
        let payload = match trigger {
            Trigger::Confirmed | Trigger::Rejected => payload::decided(&state, booking, trigger),
            _ => payload::fresh(&state, booking, trigger, seat),
        };
        batch(shared, &state, booking, trigger.name(), &payload)
    };
    send(shared, batch).await;
}

pub(super) async fn of_cancellation(shared: &Arc<Shared>, id: u64, notice: &Cancelled) {
    let batch = {
        let state = shared.state();
        let Some(booking) = state.bookings.get(&id) else {
            return;
        };
        let payload = payload::cancelled(&state, booking, notice);
        batch(shared, &state, booking, "BOOKING_CANCELLED", &payload)
    };
    send(shared, batch).await;
}

pub(super) async fn of_absence(shared: &Arc<Shared>, id: u64, marked: &[Value]) {
    let batch = {
        let state = shared.state();
        let Some(booking) = state.bookings.get(&id) else {
            return;
        };
        let payload = payload::absent(&state, booking, marked);
        batch(shared, &state, booking, "BOOKING_NO_SHOW_UPDATED", &payload)
    };
    send(shared, batch).await;
}

/// A meeting began or ended: the row as it was when the booking was made, to those who listened
/// then.
pub(super) async fn of_meeting(shared: &Arc<Shared>, id: u64, trigger: &'static str) {
    let batch: Vec<Outgoing> = {
        let state = shared.state();
        let Some(booking) = state.bookings.get(&id) else {
            return;
        };
        let listened = booking.snapshot["subscribers"]
            .as_array()
            .cloned()
            .unwrap_or_default();
        let mut body = Map::from_iter([("triggerEvent".to_owned(), trigger.into())]);
        body.extend(
            booking.snapshot["row"]
                .as_object()
                .cloned()
                .unwrap_or_default(),
        );
        let body = Value::from(body).to_string();
        let then = listeners(&state, booking, trigger)
            .filter(|webhook| listened.contains(&json!(webhook.id)));
        then.map(|webhook| outgoing(webhook, trigger, body.clone(), "application/json"))
            .collect()
    };
    send(shared, batch).await;
}

/// Sends the deliveries that a fault kept back.
pub(super) async fn flush(shared: &Arc<Shared>) {
    let late = std::mem::take(&mut *locked(&shared.late));
    join_all(late.into_iter().map(|outgoing| deliver(shared, outgoing))).await;
}

pub(super) fn listeners<'s>(
    state: &'s State,
    booking: &'s Booking,
    trigger: &'s str,
) -> impl Iterator<Item = &'s Webhook> + 's {
    let managed = state.host(booking).managed;
    state.webhooks.iter().filter(move |webhook| {
        let concerned = match &webhook.scope {
            Scope::Client(_) | Scope::Organization(_) => managed,
            Scope::User(user) => *user == booking.host,
            Scope::EventType(event_type) => *event_type == booking.event_type,
        };
        concerned && webhook.active && webhook.triggers.iter().any(|wanted| wanted == trigger)
    })
}

fn batch(
    shared: &Shared,
    state: &State,
    booking: &Booking,
    trigger: &str,
    payload: &Value,
) -> Vec<Outgoing> {
    let created_at = iso(shared.clock.now());
    listeners(state, booking, trigger)
        .map(|webhook| match &webhook.template {
            Some(template) => {
                let body = render(template, trigger, &created_at, payload);
                let json = serde_json::from_str::<Value>(&body).is_ok();
                let kind = if json {
                    "application/json"
                } else {
                    "application/x-www-form-urlencoded"
                };
                let body = if json { body } else { encode(&body) };
                outgoing(webhook, trigger, body, kind)
            }
            None => {
                let body =
                    json!({ "triggerEvent": trigger, "createdAt": created_at, "payload": payload });
                outgoing(webhook, trigger, body.to_string(), "application/json")
            }
        })
        .collect()
}

fn outgoing(webhook: &Webhook, trigger: &str, body: String, kind: &'static str) -> Outgoing {
    let signature = match &webhook.secret {
        Some(secret) => sign(secret, &body),
        None => "no-secret-provided".to_owned(),
    };
    Outgoing {
        trigger: trigger.to_owned(),
        url: webhook.url.clone(),
        signature,
        kind,
        body,
    }
}

fn sign(secret: &str, body: &str) -> String {
    let mut mac =
        Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("a key of any length will do");
    mac.update(body.as_bytes());
    hex::encode(mac.finalize().into_bytes())
}

/// Puts values for `{{path.to.value}}`.
fn render(template: &str, trigger: &str, created_at: &str, payload: &Value) -> String {
    let mut out = String::new();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once("{{") {
        out.push_str(before);
        let Some((name, tail)) = after.split_once("}}") else {
            out.push_str("{{");
            rest = after;
            continue;
        };
        match name.trim() {
            "triggerEvent" => out.push_str(trigger),
            "createdAt" => out.push_str(created_at),
            path => out.push_str(&look_up(payload, path)),
        }
        rest = tail;
    }
    out.push_str(rest);
    out
}

fn look_up(payload: &Value, path: &str) -> String {
    let found = path
        .split('.')
        .try_fold(payload, |value, part| match part.parse::<usize>() {
            Ok(index) => value.get(index),
            Err(_) => value.get(part),
        });
    match found {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    }
}

async fn send(shared: &Arc<Shared>, batch: Vec<Outgoing>) {
    let mut now = Vec::new();
    let mut late = Vec::new();
    for outgoing in batch {
        match shared.faults.on_webhook(&outgoing.trigger) {
            Some(Kind::DropWebhooks) => {}
            Some(Kind::DuplicateWebhooks) => now.extend([outgoing.clone(), outgoing]),
            Some(Kind::ReorderWebhooks) => late.push(outgoing),
            _ => now.push(outgoing),
        }
    }
    let something = !now.is_empty();
    join_all(now.into_iter().map(|outgoing| deliver(shared, outgoing))).await;
    if something {
        flush(shared).await;
    }
    locked(&shared.late).extend(late);
}

async fn deliver(shared: &Arc<Shared>, outgoing: Outgoing) {
    let headers = [
        ("Content-Type", outgoing.kind),
        ("X-Cal-Signature-256", outgoing.signature.as_str()),
        ("X-Cal-Webhook-Version", "2021-10-20"),
        ("accept", "*/*"),
        ("accept-language", "*"),
        ("sec-fetch-mode", "cors"),
        ("user-agent", "node"),
    ];
    let status = post(&outgoing.url, &headers, Bytes::from(outgoing.body.clone()))
        .await
        .ok();
    let delivery = Delivery {
        trigger: outgoing.trigger,
        url: outgoing.url,
        headers: headers
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .to_vec(),
        body: outgoing.body,
        status,
        at: shared.clock.now(),
    };
    locked(&shared.deliveries).push(delivery);
}
