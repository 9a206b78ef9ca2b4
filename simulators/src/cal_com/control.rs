//! Endpoints that a real Cal.com does not have: faults, tables, pages.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::bookings::shown;
use super::call::Call;
use super::oauth2::{Consent, agree};
use super::page;
use super::reply::{Answer, Failure, Reply, done, iso, ok};
use super::server::{Shared, locked};
use crate::fault::{Fault, Times};

pub(super) async fn answer(shared: &Arc<Shared>, call: &Call) -> Reply {
    let parts: Vec<&str> = call.segments.iter().map(String::as_str).collect();
    let answer = match (call.method.as_str(), parts.as_slice()) {
        ("GET", ["_faults"]) => ok(shared
            .faults
            .list()
            .iter()
            .map(shown_fault)
            .collect::<Vec<_>>()),
        ("POST", ["_faults"]) => call.json().and_then(|body| set_faults(shared, body)),
        ("DELETE", ["_faults"]) => {
            shared.faults.clear();
            done()
        }
        ("GET", ["_state"]) => ok(tables(shared)),
        ("POST", ["_clock"]) => call.json().and_then(|body| set_clock(shared, body)),
        ("POST", ["_page", action]) => match call.json() {
            Ok(body) => page::act(shared, action, body).await,
            Err(refused) => Err(refused),
        },
        ("GET", ["auth", "oauth2", "authorize"]) => authorize(shared, call),
        _ => Err(Failure::no_route(&call.method, &call.path)),
    };
    answer.unwrap_or_else(|failure| failure.into_reply(&call.path, call.now))
}

/// One fault, a list of them, or `{seed, faults}`.
fn set_faults(shared: &Shared, body: &Value) -> Answer {
    if let Some(seed) = body["seed"].as_u64() {
        shared.faults.seed(seed);
    }
    let listed = body["faults"].as_array().or(body.as_array()).cloned();
    let single = || {
        if body.get("kind").is_some() {
            vec![body.clone()]
        } else {
            Vec::new()
        }
    };
    let faults: Result<Vec<Fault>, String> = listed
        .unwrap_or_else(single)
        .iter()
        .map(Fault::read)
        .collect();
    for fault in faults.map_err(Failure::bad_request)? {
        shared.faults.set(fault);
    }
    ok(shared
        .faults
        .list()
        .iter()
        .map(shown_fault)
        .collect::<Vec<_>>())
}

fn shown_fault(fault: &Fault) -> Value {
    let mut shown = json!({
        "route": fault.route,
        "method": fault.method,
        "kind": format!("{:?}", fault.kind),
        "moment": format!("{:?}", fault.moment),
    });
    match fault.times {
        Times::Always => {}
        Times::Count(count) => shown["count"] = count.into(),
        Times::Share(share) => shown["share"] = share.into(),
    }
    shown
}

/// `{set: instant}` stops the clock there, `{advance_ms: n}` moves it.
fn set_clock(shared: &Shared, body: &Value) -> Answer {
    if let Some(instant) = body["set"]
        .as_str()
        .and_then(|text| text.parse::<DateTime<Utc>>().ok())
    {
        shared.clock.set(instant);
    }
    if let Some(by) = body["advance_ms"].as_i64() {
        shared.clock.advance(chrono::TimeDelta::milliseconds(by));
    }
    ok(json!({ "now": iso(shared.clock.now()) }))
}

/// The tables without what is secret in them.
fn tables(shared: &Shared) -> Value {
    let state = shared.state();
    let webhooks = state.webhooks.iter().map(|webhook| {
        json!({ "id": webhook.id, "url": webhook.url, "active": webhook.active, "triggers": webhook.triggers })
    });
    json!({
        "now": iso(shared.clock.now()),
        "users": state.users.values().map(super::users::shown).collect::<Vec<_>>(),
        "eventTypes": state.event_types.values().map(|event_type| json!({
            "id": event_type.id, "owner": event_type.owner, "slug": event_type.slug(), "length": event_type.length(),
        })).collect::<Vec<_>>(),
        "bookings": state.bookings.values().map(|booking| shown(&state, booking)).collect::<Vec<_>>(),
        "webhooks": webhooks.collect::<Vec<_>>(),
        "deliveries": locked(&shared.deliveries).iter().map(|delivery| json!({
            "trigger": delivery.trigger, "url": delivery.url, "status": delivery.status, "at": iso(delivery.at),
        })).collect::<Vec<_>>(),
        "unknownCalls": shared.unknown.list(),
        "requests": shared.log().len(),
    })
}

/// The page where the owner of an account agrees. Whoever opens it is signed in as the chosen user
/// and agrees at once.
fn authorize(shared: &Shared, call: &Call) -> Answer {
    let text = |name: &str| call.param(name).map(str::to_owned);
    let mut state = shared.state();
    let user = state.signed_in;
    let consent = Consent {
        redirect_uri: text("redirect_uri").unwrap_or_default(),
        state: text("state"),
        challenge: text("code_challenge"),
        method: text("code_challenge_method"),
    };
    agree(
        &mut state,
        &text("client_id").unwrap_or_default(),
        user,
        consent,
    )
}
