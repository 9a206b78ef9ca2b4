//! Webhook registrations of a platform client, a user, an event type or an organization.

use serde_json::{Value, json};

use super::call::Call;
use super::event_types;
use super::reply::{Answer, Failure, created, ok, violation};
use super::state::{Scope, State, Webhook, string};

const TRIGGERS: [&str; 20] = [
    "BOOKING_CREATED",
    "BOOKING_PAYMENT_INITIATED",
    "BOOKING_PAID",
    "BOOKING_RESCHEDULED",
    "BOOKING_REQUESTED",
    "BOOKING_CANCELLED",
    "BOOKING_REJECTED",
    "BOOKING_NO_SHOW_UPDATED",
    "FORM_SUBMITTED",
    "MEETING_ENDED",
    "MEETING_STARTED",
    "RECORDING_READY",
    "INSTANT_MEETING",
    "RECORDING_TRANSCRIPTION_GENERATED",
    "OOO_CREATED",
    "AFTER_HOSTS_CAL_VIDEO_NO_SHOW",
    "AFTER_GUESTS_CAL_VIDEO_NO_SHOW",
    "FORM_SUBMITTED_NO_EVENT",
    "DELEGATION_CREDENTIAL_ERROR",
    "WRONG_ASSIGNMENT_REPORT",
];
const VERSION: &str = "2021-10-20";

/// A managed user's token is enough here.
pub(super) fn of_client(
    state: &mut State,
    call: &Call,
    client: &str,
    parts: &[&str],
) -> Option<Answer> {
    if let Err(refused) = state.caller_of(call, Some(client)) {
        return Some(Err(refused));
    }
    serve(state, call, &Scope::Client(client.to_owned()), parts)
}

pub(super) fn of_user(state: &mut State, call: &Call, parts: &[&str]) -> Option<Answer> {
    let user = match state.caller(call) {
        Ok(caller) => caller.user(),
        Err(refused) => return Some(Err(refused)),
    };
    let foreign = |id: &&&str| {
        state
            .webhooks
            .iter()
            .any(|known| known.id == ***id && known.scope != Scope::User(user))
    };
    if let Some(id) = parts.first().filter(foreign) {
        let message = format!(
            "IsUserWebhookGuard - user with id=({user}) is not the owner of webhook with id=({id})"
        );
        return Some(Err(Failure::forbidden(message)));
    }
    serve(state, call, &Scope::User(user), parts)
}

pub(super) fn of_event_type(
    state: &mut State,
    call: &Call,
    id: &str,
    parts: &[&str],
) -> Option<Answer> {
    match event_types::own(state, call, id) {
        Ok(id) => serve(state, call, &Scope::EventType(id), parts),
        Err(refused) => Some(Err(refused)),
    }
}

pub(super) fn serve(
    state: &mut State,
    call: &Call,
    scope: &Scope,
    parts: &[&str],
) -> Option<Answer> {
    match (call.method.as_str(), parts) {
        ("GET", []) => Some(list(state, call, scope)),
        ("POST", []) => Some(create(state, call, scope)),
        ("DELETE", []) => {
            let before = state.webhooks.len();
            state.webhooks.retain(|webhook| webhook.scope != *scope);
            Some(ok(format!(
                "{} webhooks deleted",
                before - state.webhooks.len()
            )))
        }
        ("GET", [id]) => Some(find(state, scope, id).and_then(|at| ok(shown(&state.webhooks[at])))),
        ("PATCH", [id]) => Some(find(state, scope, id).and_then(|at| update(state, call, at))),
        ("DELETE", [id]) => {
            Some(find(state, scope, id).and_then(|at| ok(shown(&state.webhooks.remove(at)))))
        }
        _ => None,
    }
}

fn list(state: &State, call: &Call, scope: &Scope) -> Answer {
    let take = call.number("take").unwrap_or(250).min(250) as usize;
    let skip = call.number("skip").unwrap_or(0) as usize;
    let mut own: Vec<&Webhook> = state
        .webhooks
        .iter()
        .filter(|webhook| webhook.scope == *scope)
        .collect();
    own.sort_by(|one, other| one.id.cmp(&other.id));
    ok(own
        .into_iter()
        .skip(skip)
        .take(take)
        .map(shown)
        .collect::<Vec<_>>())
}

fn find(state: &State, scope: &Scope, id: &str) -> Result<usize, Failure> {
    let found = state
        .webhooks
        .iter()
        .position(|webhook| webhook.id == id && webhook.scope == *scope);
    found.ok_or_else(|| Failure::not_found(format!("Webhook ({id}) not found")))
}

/// The address is not looked at: anything goes.
fn create(state: &mut State, call: &Call, scope: &Scope) -> Answer {
    let body = call.json()?;
    validate(body, true)?;
    let triggers = triggers(body).unwrap_or_default();
    refuse_delegation(scope, &triggers)?;
    let url = string(body, "subscriberUrl").unwrap_or_default();
    refuse_taken(state, scope, &url, None)?;
    let webhook = Webhook {
        id: state.uuid(),
        scope: scope.clone(),
        url,
        active: body["active"] == true,
        triggers,
        secret: string(body, "secret"),
        template: string(body, "payloadTemplate"),
    };
    let shown = shown(&webhook);
    state.webhooks.push(webhook);
    created(shown)
}

fn update(state: &mut State, call: &Call, at: usize) -> Answer {
    let body = call.json()?;
    validate(body, false)?;
    let scope = state.webhooks[at].scope.clone();
    if let Some(triggers) = triggers(body) {
        refuse_delegation(&scope, &triggers)?;
        state.webhooks[at].triggers = triggers;
    }
    if let Some(url) = string(body, "subscriberUrl") {
        refuse_taken(state, &scope, &url, Some(at))?;
        state.webhooks[at].url = url;
    }
    let webhook = &mut state.webhooks[at];
    if let Some(active) = body["active"].as_bool() {
        webhook.active = active;
    }
    if body.get("secret").is_some() {
        webhook.secret = string(body, "secret");
    }
    if body.get("payloadTemplate").is_some() {
        webhook.template = string(body, "payloadTemplate");
    }
    ok(shown(webhook))
}

fn triggers(body: &Value) -> Option<Vec<String>> {
    let listed = body["triggers"].as_array()?;
    Some(
        listed
            .iter()
            .filter_map(Value::as_str)
            .map(str::to_owned)
            .collect(),
    )
}

fn refuse_delegation(scope: &Scope, triggers: &[String]) -> Result<(), Failure> {
    let allowed = matches!(scope, Scope::Client(_) | Scope::Organization(_));
    if !allowed
        && triggers
            .iter()
            .any(|trigger| trigger == "DELEGATION_CREDENTIAL_ERROR")
    {
        let message =
            "DELEGATION_CREDENTIAL_ERROR trigger is only available for organization webhooks";
        return Err(Failure::bad_request(message));
    }
    Ok(())
}

fn refuse_taken(
    state: &State,
    scope: &Scope,
    url: &str,
    except: Option<usize>,
) -> Result<(), Failure> {
    let mut known = state.webhooks.iter().enumerate();
    if known
        .any(|(at, webhook)| webhook.scope == *scope && webhook.url == url && Some(at) != except)
    {
        let whose = match scope {
            Scope::Client(_) => "oAuth client",
            Scope::User(_) => "user",
            Scope::EventType(_) => "event type",
            Scope::Organization(_) => "organization",
        };
        return Err(Failure::conflict(format!(
            "Webhook with this subscriber url already exists for this {whose}"
        )));
    }
    Ok(())
}

fn validate(body: &Value, new: bool) -> Result<(), Failure> {
    let mut errors = Vec::new();
    if new && !body["subscriberUrl"].is_string() {
        let text = "subscriberUrl must be a string".to_owned();
        errors.push(violation(body, "subscriberUrl", &[("isString", text)]));
    }
    let named = triggers(body);
    let sound = named
        .as_ref()
        .is_some_and(|named| named.iter().all(|name| TRIGGERS.contains(&name.as_str())));
    if !sound && (new || body.get("triggers").is_some()) {
        let text = format!(
            "each value in triggers must be one of the following values: {}",
            TRIGGERS.join(", ")
        );
        errors.push(violation(body, "triggers", &[("isEnum", text)]));
    }
    if body
        .get("version")
        .is_some_and(|version| version != VERSION)
    {
        let text = format!("version must be one of the following values: {VERSION}");
        errors.push(violation(body, "version", &[("isEnum", text)]));
    }
    if errors.is_empty() {
        Ok(())
    } else {
        Err(Failure::invalid(errors))
    }
}

/// With the secret, in clear, for whoever may read.
fn shown(webhook: &Webhook) -> Value {
    let mut shown = json!({
        "id": webhook.id,
        "payloadTemplate": webhook.template,
        "triggers": webhook.triggers,
        "subscriberUrl": webhook.url,
        "active": webhook.active,
        "secret": webhook.secret,
    });
    match &webhook.scope {
        Scope::Client(client) => shown["oAuthClientId"] = client.clone().into(),
        Scope::User(user) => shown["userId"] = (*user).into(),
        Scope::EventType(event_type) => shown["eventTypeId"] = (*event_type).into(),
        Scope::Organization(organization) => shown["teamId"] = (*organization).into(),
    }
    shown
}
