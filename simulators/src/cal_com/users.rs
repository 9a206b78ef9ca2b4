//! Managed users and their tokens: `/v2/oauth-clients/{id}/users` and `/v2/oauth/{id}/refresh`.

use std::sync::Arc;

use serde_json::{Value, json};
use zones::Zone;

use super::auth::Caller;
use super::call::Call;
use super::reply::{Answer, Failure, created, iso, ok, violation};
use super::server::Shared;
use super::state::{State, User, next, string};

pub(super) fn route(
    state: &mut State,
    call: &Call,
    client: &str,
    parts: &[&str],
) -> Option<Answer> {
    match (call.method.as_str(), parts) {
        ("GET", []) => Some(show_client(state, call, client)),
        ("GET", ["users"]) => Some(guarded(state, call, client).and_then(|()| list(state, call))),
        ("POST", ["users"]) => {
            Some(guarded(state, call, client).and_then(|()| create(state, call)))
        }
        ("GET", ["users", id]) => {
            Some(found(state, call, client, id).and_then(|id| ok(shown(&state.users[&id]))))
        }
        ("PATCH", ["users", id]) => {
            Some(found(state, call, client, id).and_then(|id| update(state, call, id)))
        }
        ("DELETE", ["users", id]) => {
            Some(found(state, call, client, id).and_then(|id| delete(state, id)))
        }
        ("POST", ["users", id, "force-refresh"]) => {
            Some(found(state, call, client, id).and_then(|id| {
                state.tokens.revoke(id);
                ok(state.new_pair(id, call.now))
            }))
        }
        _ => None,
    }
}

/// The client's credentials, or the token of an admin of its organization, which no managed user
/// is.
fn guarded(state: &mut State, call: &Call, client: &str) -> Result<(), Failure> {
    match state.caller_of(call, Some(client))? {
        Caller::Platform(_) => Ok(()),
        Caller::Account(1) => Ok(()),
        _ => Err(Failure::forbidden(
            "OrganizationRolesGuard - User must have one of the roles: ADMIN, OWNER.",
        )),
    }
}

fn found(state: &mut State, call: &Call, client: &str, id: &str) -> Result<u64, Failure> {
    guarded(state, call, client)?;
    let user = id
        .parse()
        .ok()
        .and_then(|id: u64| state.users.get(&id))
        .filter(|user| user.managed);
    let user = user.map(|user| user.id);
    user.ok_or_else(|| {
        Failure::not_found(format!(
            "User with ID {id} is not part of this OAuth client."
        ))
    })
}

fn show_client(state: &mut State, call: &Call, client: &str) -> Answer {
    state.caller_of(call, Some(client))?;
    let settings = &state.settings;
    let created_at = state.users[&1].created_at;
    let permissions: Vec<String> = ["EVENT_TYPE", "BOOKING", "SCHEDULE", "APPS", "PROFILE"]
        .iter()
        .flat_map(|of| [format!("{of}_READ"), format!("{of}_WRITE")])
        .collect();
    ok(json!({
        "id": settings.client_id,
        "name": settings.client_name,
        "secret": settings.client_secret,
        "permissions": permissions,
        "logo": null,
        "redirectUris": settings.redirect_uris,
        "organizationId": settings.organization_id,
        "createdAt": iso(created_at),
        "areEmailsEnabled": true,
        "areDefaultEventTypesEnabled": false,
        "areCalendarEventsEnabled": true,
    }))
}

fn list(state: &State, call: &Call) -> Answer {
    let limit = call.number("limit").unwrap_or(50) as usize;
    let offset = call.number("offset").unwrap_or(0) as usize;
    let emails: Vec<String> = call
        .params("emails")
        .iter()
        .map(|email| state.platform_email(email))
        .collect();
    let wanted = |user: &&User| emails.is_empty() || emails.contains(&user.email);
    let users = state
        .users
        .values()
        .filter(|user| user.managed)
        .filter(wanted);
    ok(users
        .skip(offset)
        .take(limit)
        .map(shown)
        .collect::<Vec<_>>())
}

fn create(state: &mut State, call: &Call) -> Answer {
    let body = call.json()?;
    validate(body, true)?;
    let email = string(body, "email").unwrap_or_default();
    let stored = state.platform_email(&email);
    if let Some(taken) = state.users.values().find(|user| user.email == stored) {
        let message = format!(
            "User with the provided e-mail already exists. Existing user ID={}",
            taken.id
        );
        return Err(Failure::conflict(message));
    }
    if !email.contains('@') {
        let message = format!("Invite failed because {stored} is not a valid email address");
        return Err(Failure::bare(400, "TRPCError", message));
    }
    let time_zone = string(body, "timeZone");
    let (id, uuid) = (next(&mut state.ids.user), state.uuid());
    let user = User {
        id,
        uuid,
        username: username(&stored),
        email: stored,
        name: string(body, "name").unwrap_or_default(),
        bio: string(body, "bio"),
        time_zone: time_zone
            .clone()
            .unwrap_or_else(|| "Europe/London".to_owned()),
        week_start: string(body, "weekStart").unwrap_or_else(|| "Sunday".to_owned()),
        created_at: call.now,
        time_format: body["timeFormat"].as_u64().unwrap_or(12),
        default_schedule_id: None,
        locale: string(body, "locale"),
        avatar_url: string(body, "avatarUrl"),
        metadata: body["metadata"].as_object().cloned(),
        managed: true,
        apps: Vec::new(),
        default_app: None,
    };
    state.users.insert(id, user);
    // Without a zone there is no schedule, and nothing to book until one is made.
    if let Some(zone) = time_zone {
        let schedule = state.add_schedule(
            id,
            "Default schedule",
            &zone,
            super::schedules::office_hours(),
            Vec::new(),
        );
        state
            .users
            .get_mut(&id)
            .expect("just made")
            .default_schedule_id = Some(schedule);
    }
    let mut data = state.new_pair(id, call.now);
    data["user"] = shown(&state.users[&id]);
    created(data)
}

fn update(state: &mut State, call: &Call, id: u64) -> Answer {
    let body = call.json()?;
    validate(body, false)?;
    if let Some(email) = string(body, "email") {
        let stored = state.platform_email(&email);
        if state
            .users
            .values()
            .any(|user| user.email == stored && user.id != id)
        {
            let message = "Invalid Input: Trying to create a record that already exists.";
            return Err(Failure::bare(409, "CONFLICT", message));
        }
        let user = state.users.get_mut(&id).expect("it was found");
        user.username = username(&stored);
        user.email = stored;
    }
    let user = state.users.get_mut(&id).expect("it was found");
    change(user, body);
    if let Some(metadata) = body["metadata"].as_object() {
        user.metadata = Some(metadata.clone());
    }
    ok(shown(user))
}

/// The fields that a profile can change, the platform's way or the person's own.
pub(super) fn change(user: &mut User, body: &Value) {
    if let Some(name) = string(body, "name") {
        user.name = name;
    }
    if let Some(bio) = string(body, "bio") {
        user.bio = Some(bio);
    }
    if let Some(url) = string(body, "avatarUrl") {
        user.avatar_url = Some(url);
    }
    if let Some(zone) = string(body, "timeZone") {
        user.time_zone = zone;
    }
    if let Some(day) = string(body, "weekStart") {
        user.week_start = day;
    }
    if let Some(locale) = string(body, "locale") {
        user.locale = Some(locale);
    }
    if let Some(format) = body["timeFormat"].as_u64() {
        user.time_format = format;
    }
    if let Some(schedule) = body["defaultScheduleId"].as_u64() {
        user.default_schedule_id = Some(schedule);
    }
}

/// A hard delete, with the tokens and the bookings, and without a webhook.
fn delete(state: &mut State, id: u64) -> Answer {
    let user = state.users.remove(&id).expect("it was found");
    state.tokens.revoke(id);
    state.bookings.retain(|_, booking| booking.host != id);
    state
        .event_types
        .retain(|_, event_type| event_type.owner != id);
    state.schedules.retain(|_, schedule| schedule.owner != id);
    state
        .webhooks
        .retain(|webhook| webhook.scope != super::Scope::User(id));
    state
        .reservations
        .retain(|reservation| reservation.host != id);
    state.out_of_office.retain(|absence| absence.user != id);
    ok(shown(&user))
}

/// The refresh token is looked up first and deleted later; a caller in between gets 404.
pub(super) async fn refresh(shared: &Arc<Shared>, call: &Call, client: &str) -> Answer {
    let token = {
        let mut state = shared.state();
        state.caller_of(call, Some(client))?;
        let token = string(call.json()?, "refreshToken").unwrap_or_default();
        if state.tokens.refresh_holder(&token).is_none() {
            return Err(Failure::bad_request("Invalid refresh token"));
        }
        token
    };
    shared.window(call).await;
    let mut state = shared.state();
    let Some(user) = state.tokens.take_refresh(&token) else {
        return Err(Failure::bare(
            404,
            "NOT_FOUND",
            "Invalid Query: The requested record was not found.",
        ));
    };
    state.tokens.sweep(call.now);
    ok(state.new_pair(user, call.now))
}

/// A user as the platform sees them.
pub(super) fn shown(user: &User) -> Value {
    let mut shown = json!({
        "id": user.id,
        "email": user.email,
        "username": user.username,
        "name": user.name,
        "bio": user.bio,
        "timeZone": user.time_zone,
        "weekStart": user.week_start,
        "createdDate": iso(user.created_at),
        "timeFormat": user.time_format,
        "defaultScheduleId": user.default_schedule_id,
        "locale": user.locale,
        "avatarUrl": user.avatar_url,
    });
    if let Some(metadata) = metadata(user) {
        shown["metadata"] = metadata;
    }
    shown
}

/// What is kept with a user, the default app included; absent rather than empty.
pub(super) fn metadata(user: &User) -> Option<Value> {
    let mut metadata = user.metadata.clone().unwrap_or_default();
    if let Some(app) = &user.default_app {
        metadata.insert(
            "defaultConferencingApp".to_owned(),
            json!({ "appSlug": app }),
        );
    }
    (!metadata.is_empty()).then(|| metadata.into())
}

/// The slug of an address: what is no letter, digit or dot before the `@` becomes a dash.
fn username(email: &str) -> String {
    let (local, domain) = email.split_once('@').unwrap_or((email, ""));
    let slug = |text: &str, keep: &[char]| -> String {
        let fits = |c: char| c.is_ascii_alphanumeric() || keep.contains(&c);
        text.to_lowercase()
            .chars()
            .map(|c| if fits(c) { c } else { '-' })
            .collect()
    };
    format!("{}-{}", slug(local, &['.', '_']), slug(domain, &[]))
}

fn validate(body: &Value, new: bool) -> Result<(), Failure> {
    let mut errors = Vec::new();
    for name in ["email", "name"] {
        let given = body.get(name);
        if given.is_some_and(|value| !value.is_string()) || (new && given.is_none()) {
            errors.push(violation(
                body,
                name,
                &[("isString", format!("{name} must be a string"))],
            ));
        }
    }
    if body.get("timeZone").is_some_and(|zone| {
        zone.as_str()
            .is_none_or(|zone| zone.parse::<Zone>().is_err())
    }) {
        let text = "timeZone must be a valid IANA time-zone".to_owned();
        errors.push(violation(body, "timeZone", &[("isTimeZone", text)]));
    }
    if errors.is_empty() {
        Ok(())
    } else {
        Err(Failure::invalid(errors))
    }
}
