//! `/v2/me`, and small endpoints that stand alone.

use serde_json::{Value, json};
use zones::Zone;

use super::call::Call;
use super::reply::{Answer, Failure, done, ok, violation};
use super::state::{State, User};
use super::users;

pub(super) fn route(state: &mut State, call: &Call) -> Option<Answer> {
    match call.method.as_str() {
        "GET" => Some(state.caller(call).and_then(|caller| {
            let mut shown = shown(state, &state.users[&caller.user()]);
            let organization = state.settings.organization_id;
            shown["organization"] = json!({ "isPlatform": true, "id": organization });
            ok(shown)
        })),
        "PATCH" => Some(change(state, call)),
        _ => None,
    }
}

fn change(state: &mut State, call: &Call) -> Answer {
    let id = state.caller(call)?.user();
    let body = call.json()?;
    if body.get("timeZone").is_some_and(|zone| {
        zone.as_str()
            .is_none_or(|zone| zone.parse::<Zone>().is_err())
    }) {
        let text = "timeZone must be a valid IANA time-zone".to_owned();
        return Err(Failure::invalid(vec![violation(
            body,
            "timeZone",
            &[("isTimeZone", text)],
        )]));
    }
    users::change(state.users.get_mut(&id).expect("a caller is a user"), body);
    ok(shown(state, &state.users[&id]))
}

fn shown(state: &State, user: &User) -> Value {
    json!({
        "id": user.id,
        "email": user.email,
        "name": user.name,
        "avatarUrl": user.avatar_url,
        "bio": user.bio,
        "timeFormat": user.time_format,
        "defaultScheduleId": user.default_schedule_id,
        "weekStart": user.week_start,
        "timeZone": user.time_zone,
        "username": user.username,
        "organizationId": state.settings.organization_id,
    })
}

/// Whether a platform client exists, a handful of zones, and no payments.
pub(super) fn odds_and_ends(state: &mut State, call: &Call, parts: &[&str]) -> Option<Answer> {
    match (call.method.as_str(), parts) {
        ("GET", ["provider", client]) => Some(provider(state, client)),
        ("GET", ["provider", client, "access-token"]) => {
            Some(provider(state, client).and_then(|_| {
                state.caller(call)?;
                done()
            }))
        }
        ("GET", ["timezones"]) => Some(ok(json!([
            { "city": "Kabul", "timezone": "Asia/Kabul", "pop": 3_277_000 },
            { "city": "Springfield", "timezone": "America/Chicago", "pop": 150_000 },
            { "city": "New York", "timezone": "America/New_York", "pop": 19_040_000 },
        ]))),
        ("GET", ["stripe", "check"]) => {
            let refused = state.caller(call);
            Some(refused.and_then(|_| Err(Failure::not_found("Credentials for stripe not found."))))
        }
        _ => None,
    }
}

fn provider(state: &State, client: &str) -> Answer {
    let settings = &state.settings;
    if client != settings.client_id {
        return Err(Failure::not_found("OAuth client not found."));
    }
    ok(
        json!({ "clientId": client, "organizationId": settings.organization_id, "name": settings.client_name }),
    )
}
