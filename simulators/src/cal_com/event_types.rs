//! What can be booked: `/v2/event-types`.

use serde_json::{Value, json};

use super::call::{Call, Version};
use super::event_shape::{apply, bare, list_entry, single_entry};
use super::old_shapes;
use super::reply::{Answer, Failure, created, done, ok, violation};
use super::state::{EventType, State, next, string};

pub(super) fn route(state: &mut State, call: &Call, parts: &[&str]) -> Option<Answer> {
    if let [id, "private-links", rest @ ..] = parts {
        return private_links(state, call, id, rest);
    }
    if !matches!(call.version, Version::V20240415 | Version::V20240614) {
        return None;
    }
    match (call.method.as_str(), parts) {
        ("GET", []) => Some(list(state, call)),
        ("POST", []) => Some(
            state
                .caller(call)
                .and_then(|caller| create(state, call, caller.user())),
        ),
        ("GET", [id]) => Some(
            own(state, call, id).and_then(|id| ok(single_entry(state, &state.event_types[&id]))),
        ),
        ("PATCH", [id]) => Some(own(state, call, id).and_then(|id| update(state, call, id))),
        ("DELETE", [id]) => Some(delete(state, call, id)),
        _ => None,
    }
}

fn list(state: &mut State, call: &Call) -> Answer {
    if let Some(username) = call.param("username") {
        let slug = call.param("eventSlug");
        let owner = state
            .users
            .values()
            .find(|user| user.username == username)
            .map(|user| user.id);
        let shown = state.event_types.values().filter(|event_type| {
            let named = slug.is_none_or(|slug| event_type.slug() == slug);
            Some(event_type.owner) == owner && named && event_type.fields["hidden"] != true
        });
        return ok(shown
            .map(|event_type| list_entry(state, event_type))
            .collect::<Vec<_>>());
    }
    let user = state.caller(call)?.user();
    let own: Vec<&EventType> = state
        .event_types
        .values()
        .filter(|event_type| event_type.owner == user)
        .collect();
    if call.version == Version::V20240415 {
        return ok(old_shapes::event_types(state, user, &own));
    }
    ok(own
        .into_iter()
        .map(|event_type| list_entry(state, event_type))
        .collect::<Vec<_>>())
}

fn create(state: &mut State, call: &Call, user: u64) -> Answer {
    let body = call.json()?;
    validate(body)?;
    let slug = string(body, "slug").unwrap_or_default();
    refuse_taken(state, user, &slug, None)?;
    check(state, user, body)?;
    let mut fields = bare();
    apply(&mut fields, body);
    let id = next(&mut state.ids.event_type);
    state.event_types.insert(
        id,
        EventType {
            id,
            owner: user,
            fields,
            links: Vec::new(),
        },
    );
    created(single_entry(state, &state.event_types[&id]))
}

fn update(state: &mut State, call: &Call, id: u64) -> Answer {
    let body = call.json()?;
    let owner = state.event_types[&id].owner;
    if let Some(slug) = string(body, "slug") {
        refuse_taken(state, owner, &slug, Some(id))?;
    }
    check(state, owner, body)?;
    apply(
        &mut state.event_types.get_mut(&id).expect("it was found").fields,
        body,
    );
    ok(single_entry(state, &state.event_types[&id]))
}

fn delete(state: &mut State, call: &Call, id: &str) -> Answer {
    let user = state.caller(call)?.user();
    let found = id.parse().ok().filter(|id: &u64| {
        state
            .event_types
            .get(id)
            .is_some_and(|found| found.owner == user)
    });
    let found = found
        .ok_or_else(|| Failure::not_found(format!("Event type with ID={id} does not exist.")))?;
    let gone = state.event_types.remove(&found).expect("it was found");
    state
        .bookings
        .retain(|_, booking| booking.event_type != found);
    state
        .webhooks
        .retain(|webhook| webhook.scope != super::Scope::EventType(found));
    let field = |name: &str| gone.fields.get(name).cloned().unwrap_or_default();
    ok(
        json!({ "id": gone.id, "lengthInMinutes": gone.length(), "slug": field("slug"), "title": field("title") }),
    )
}

/// Somebody else's is as unknown as none.
pub(super) fn own(state: &mut State, call: &Call, id: &str) -> Result<u64, Failure> {
    let user = state.caller(call)?.user();
    let found = id
        .parse()
        .ok()
        .and_then(|id: u64| state.event_types.get(&id));
    let found = found
        .filter(|found| found.owner == user)
        .map(|found| found.id);
    found.ok_or_else(|| Failure::not_found(format!("Event type with id {id} not found")))
}

fn refuse_taken(state: &State, owner: u64, slug: &str, except: Option<u64>) -> Result<(), Failure> {
    let mut others = state
        .event_types
        .values()
        .filter(|other| other.owner == owner && Some(other.id) != except);
    if others.any(|other| other.slug() == slug) {
        return Err(Failure::bad_request(
            "User already has an event type with this slug.",
        ));
    }
    Ok(())
}

/// The schedule must be the owner's, and what video happens on must be connected.
fn check(state: &State, owner: u64, body: &Value) -> Result<(), Failure> {
    if let Some(id) = body["scheduleId"].as_u64()
        && state
            .schedules
            .get(&id)
            .is_none_or(|schedule| schedule.owner != owner)
    {
        return Err(Failure::not_found(format!(
            "User with ID={owner} does not own schedule with ID={id}"
        )));
    }
    let locations = body["locations"].as_array().into_iter().flatten();
    for integration in locations.filter_map(|location| location["integration"].as_str()) {
        let connected = state.users[&owner]
            .apps
            .iter()
            .any(|app| app == integration);
        if integration != "cal-video" && !connected {
            return Err(Failure::bad_request(format!(
                "{integration} not connected."
            )));
        }
    }
    Ok(())
}

fn validate(body: &Value) -> Result<(), Failure> {
    let mut errors = Vec::new();
    if body["lengthInMinutes"]
        .as_u64()
        .is_none_or(|length| length == 0)
    {
        let rules = [
            ("min", "lengthInMinutes must not be less than 1".to_owned()),
            (
                "isInt",
                "lengthInMinutes must be an integer number".to_owned(),
            ),
        ];
        errors.push(violation(body, "lengthInMinutes", &rules));
    }
    for name in ["title", "slug"] {
        if !body[name].is_string() {
            errors.push(violation(
                body,
                name,
                &[("isString", format!("{name} must be a string"))],
            ));
        }
    }
    if errors.is_empty() {
        Ok(())
    } else {
        Err(Failure::invalid(errors))
    }
}

fn private_links(state: &mut State, call: &Call, id: &str, parts: &[&str]) -> Option<Answer> {
    let id = match own(state, call, id) {
        Ok(id) => id,
        Err(refused) => return Some(Err(refused)),
    };
    match (call.method.as_str(), parts) {
        ("GET", []) => Some(ok(state.event_types[&id].links.clone())),
        ("POST", []) => {
            let link = state.short_uid();
            let mut shown = json!({
                "linkId": link,
                "eventTypeId": id,
                "isExpired": false,
                "bookingUrl": format!("{}/d/{link}", state.web_url),
            });
            match call
                .body
                .as_ref()
                .ok()
                .and_then(|body| body.get("expiresAt"))
            {
                Some(at) => shown["expiresAt"] = at.clone(),
                None => {
                    let uses = call
                        .body
                        .as_ref()
                        .ok()
                        .and_then(|body| body["maxUsageCount"].as_u64());
                    shown["maxUsageCount"] = uses.unwrap_or(1).into();
                    shown["usageCount"] = 0.into();
                }
            }
            state.event_types.get_mut(&id)?.links.push(shown.clone());
            Some(created(shown))
        }
        ("DELETE", [link]) => {
            state
                .event_types
                .get_mut(&id)?
                .links
                .retain(|known| known["linkId"] != **link);
            Some(done())
        }
        _ => None,
    }
}
