//! Which family of endpoints a call is for. What no family knows is 404, wrong methods too.

use std::sync::Arc;

use super::call::Call;
use super::reply::{Answer, Failure};
use super::server::Shared;
use super::{
    bookings, calendars, conferencing, event_types, me, oauth2, organization, reservations,
    schedules, slots, users, webhooks,
};

pub(super) async fn answer(shared: &Arc<Shared>, call: &Call) -> Answer {
    let segments: Vec<&str> = call.segments.iter().map(String::as_str).collect();
    let no_route = || Failure::no_route(&call.method, &call.path);
    let ["v2", parts @ ..] = segments.as_slice() else {
        return Err(no_route());
    };
    let in_bookings =
        matches!(parts, ["bookings"] | ["bookings", _, "reschedule"]) && call.method == "POST";
    if !in_bookings {
        shared
            .gate
            .pass(crate::Point::BeforeCommit, &call.path)
            .await;
    }
    let answer = match parts {
        ["bookings", rest @ ..] => bookings::route(shared, call, rest).await,
        ["oauth", client, "refresh"] if call.method == "POST" => {
            Some(users::refresh(shared, call, client).await)
        }
        _ => at_once(shared, call, parts),
    };
    answer.unwrap_or_else(|| {
        shared.unknown.add(&call.method, &call.path);
        Err(no_route())
    })
}

/// The families that answer from the tables alone.
fn at_once(shared: &Arc<Shared>, call: &Call, parts: &[&str]) -> Option<Answer> {
    let mut state = shared.state();
    let state = &mut *state;
    match parts {
        ["oauth-clients", client, "webhooks", rest @ ..] => {
            webhooks::of_client(state, call, client, rest)
        }
        ["oauth-clients", client, rest @ ..] => users::route(state, call, client, rest),
        ["me"] => me::route(state, call),
        ["schedules", rest @ ..] => schedules::route(state, call, rest),
        ["event-types", id, "webhooks", rest @ ..] => {
            webhooks::of_event_type(state, call, id, rest)
        }
        ["event-types", rest @ ..] => event_types::route(state, call, rest),
        ["slots", "reservations", rest @ ..] => reservations::route(state, call, rest),
        ["slots", rest @ ..] => slots::route(state, call, rest),
        ["webhooks", rest @ ..] => webhooks::of_user(state, call, rest),
        ["auth", "oauth2", rest @ ..] => oauth2::route(state, call, rest),
        ["api-keys", "refresh"] => oauth2::refresh_key(state, call),
        ["organizations", id, rest @ ..] => organization::route(state, call, id, rest),
        [
            "calendars" | "selected-calendars" | "destination-calendars",
            ..,
        ] => calendars::route(state, call, parts),
        ["conferencing", rest @ ..] => conferencing::route(state, call, rest),
        ["provider" | "timezones" | "stripe", ..] => me::odds_and_ends(state, call, parts),
        _ => None,
    }
}
