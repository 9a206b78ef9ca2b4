//! Calendars of the outside: connect, look, disconnect. `/_page/connect` stands for the other side's consent.

use serde_json::{Value, json};

use super::call::{Call, encode};
use super::reply::{Answer, Failure, created, ok, violation};
use super::state::{State, User, string};

pub(super) fn route(state: &mut State, call: &Call, parts: &[&str]) -> Option<Answer> {
    let user = match state.caller(call) {
        Ok(caller) => caller.user(),
        Err(refused) => return Some(Err(refused)),
    };
    match (call.method.as_str(), parts) {
        ("GET", ["calendars"]) => Some(ok(connected(&state.users[&user]))),
        ("GET", ["calendars", "busy-times"]) => Some(busy_times(state, call, user)),
        ("GET", ["calendars", which, "connect"]) => Some(connect(state, call, which)),
        ("GET", ["calendars", which, "check"]) => Some(check(&state.users[&user], which)),
        ("POST", ["calendars", "ics-feed", "save"]) => Some(save_feed(state, call, user)),
        ("POST", ["calendars", which, "credentials"]) => Some(credentials(state, call, user, which)),
        ("POST", ["calendars", which, "disconnect"]) => Some(disconnect(state, call, user, which)),
        ("POST" | "DELETE", ["selected-calendars"]) => Some(select(state, call, user)),
        ("PUT", ["destination-calendars"]) => Some(aim(state, call, user)),
        _ => None,
    }
}

/// The name of an integration, by the word in the path.
fn integration(which: &str) -> Option<&'static str> {
    match which {
        "google" => Some("google_calendar"),
        "office365" => Some("office365_calendar"),
        "apple" => Some("apple_calendar"),
        "ics-feed" => Some("ics-feed_calendar"),
        _ => None,
    }
}

/// The number of a user's credential for a calendar; it exists once the calendar is connected.
fn credential(user: &User, integration: &str) -> Option<u64> {
    let at = user.apps.iter().position(|app| app == integration)?;
    Some(user.id * 100 + at as u64)
}

fn connected(user: &User) -> Value {
    let calendars = user.apps.iter().filter(|app| app.ends_with("_calendar"));
    let entries: Vec<Value> = calendars
        .map(|app| {
            let id = credential(user, app);
            let calendar = json!({
                "externalId": user.email, "name": user.email, "primary": true, "readOnly": false, "isSelected": true,
                "integration": app, "credentialId": id, "email": user.email,
            });
            json!({
                "integration": { "type": app, "name": app, "slug": app.replace('_', "-"), "title": app },
                "credentialId": id,
                "primary": calendar,
                "calendars": [calendar],
            })
        })
        .collect();
    let destination = entries.first().map(|entry| entry["primary"].clone()).unwrap_or_else(|| json!({}));
    json!({ "connectedCalendars": entries, "destinationCalendar": destination })
}

fn busy_times(state: &State, call: &Call, user: u64) -> Answer {
    let mut errors = Vec::new();
    let target = json!({});
    for name in ["dateFrom", "dateTo"] {
        if call.param(name).is_none() {
            let rules = [
                ("isDateString", format!("{name} must be a valid ISO 8601 date string")),
                ("isString", format!("{name} must be a string")),
            ];
            errors.push(violation(&target, name, &rules));
        }
    }
    let asked: Vec<&str> =
        call.query.iter().filter(|(key, _)| key.ends_with("[credentialId]")).map(|(_, value)| value.as_str()).collect();
    if asked.is_empty() {
        let rule = [("isArray", "calendarsToLoad must be an array".to_owned())];
        errors.push(violation(&target, "calendarsToLoad", &rule));
    }
    if !errors.is_empty() {
        return Err(Failure::invalid(errors));
    }
    let user = &state.users[&user];
    let own: Vec<String> = user.apps.iter().filter_map(|app| credential(user, app)).map(|id| id.to_string()).collect();
    if asked.iter().any(|id| !own.iter().any(|known| known == id)) {
        return Err(Failure::unauthorized("These credentials do not belong to you"));
    }
    ok(json!([]))
}

/// The address carries the caller's access token in its state, as the server's own does.
fn connect(state: &State, call: &Call, which: &str) -> Answer {
    let origin = call.header("origin").or(call.header("host")).unwrap_or_default();
    let mut carried = json!({ "accessToken": call.bearer(), "origin": origin });
    if let Some(redir) = call.param("redir") {
        carried["redir"] = redir.into();
    }
    if call.param("isDryRun") == Some("true") {
        carried["isDryRun"] = true.into();
    }
    let carried = encode(&carried.to_string());
    let back = |path: &str| encode(&format!("{}{path}", state.web_url));
    let url = match which {
        "google" => format!(
            "https://accounts.google.com/o/oauth2/v2/auth?access_type=offline&scope={}&prompt=consent&state={carried}\
             &response_type=code&client_id=stand-in-google&redirect_uri={}",
            encode("https://www.googleapis.com/auth/calendar.readonly https://www.googleapis.com/auth/calendar.events"),
            back("/v2/gcal/oauth/save")
        ),
        "office365" => format!(
            "https://login.microsoftonline.com/common/oauth2/v2.0/authorize?response_type=code&scope={}\
             &client_id=stand-in-microsoft&prompt=select_account&redirect_uri={}&state={carried}",
            encode("User.Read Calendars.Read Calendars.ReadWrite offline_access"),
            back("/v2/calendars/office365/save")
        ),
        _ => return Err(unknown()),
    };
    ok(json!({ "authUrl": url }))
}

fn unknown() -> Failure {
    let message = "Invalid calendar type, available calendars are: ";
    Failure::bad_request_naming(message, "google, office365, apple")
}

fn check(user: &User, which: &str) -> Answer {
    let integration = integration(which).ok_or_else(unknown)?;
    if credential(user, integration).is_some() {
        return super::reply::done();
    }
    let name = if which == "ics-feed" { "Ics Feed calendar" } else { integration };
    Err(Failure::bad_request(format!("Credentials for {name} not found.")))
}

fn save_feed(state: &mut State, call: &Call, user: u64) -> Answer {
    let body = call.json()?;
    if body["urls"].as_array().is_none_or(Vec::is_empty) {
        return Err(Failure::bad_request("urls must be an array"));
    }
    let user = state.users.get_mut(&user).expect("a caller is a user");
    user.apps.push("ics-feed_calendar".to_owned());
    let id = credential(user, "ics-feed_calendar");
    created(json!({
        "id": id, "type": "ics-feed_calendar", "userId": user.id, "teamId": null, "appId": "ics-feed", "invalid": false,
    }))
}

/// Apple takes a user name and a password made for the purpose; nothing shorter than that is one.
fn credentials(state: &mut State, call: &Call, user: u64, which: &str) -> Answer {
    if which != "apple" {
        return Err(unknown());
    }
    let body = call.json()?;
    let password = string(body, "password").unwrap_or_default();
    if string(body, "username").is_none_or(|name| name.is_empty()) || password.len() < 8 {
        return Err(Failure::bad_request("Username or password cannot be empty"));
    }
    state.users.get_mut(&user).expect("a caller is a user").apps.push("apple_calendar".to_owned());
    super::reply::plain(201, json!({ "status": "success" }))
}

fn disconnect(state: &mut State, call: &Call, user: u64, which: &str) -> Answer {
    let integration = integration(which).ok_or_else(unknown)?;
    let id = call.json()?["id"].as_u64();
    let user = state.users.get_mut(&user).expect("a caller is a user");
    let known = credential(user, integration).filter(|known| Some(*known) == id);
    let known = known.ok_or_else(|| Failure::not_found("Calendar credentials not found"))?;
    user.apps.retain(|app| app != integration);
    ok(json!({ "id": known, "type": integration, "userId": user.id, "teamId": null, "appId": which, "invalid": false }))
}

fn select(state: &State, call: &Call, user: u64) -> Answer {
    let from_query = |name: &str| call.param(name).map(str::to_owned);
    let body = call.json()?;
    let wanted = string(body, "integration").or_else(|| from_query("integration")).unwrap_or_default();
    let external = string(body, "externalId").or_else(|| from_query("externalId"));
    let user = &state.users[&user];
    let id = credential(user, &wanted).ok_or_else(|| Failure::not_found("Calendar credentials not found"))?;
    let shown = json!({ "userId": user.id, "integration": wanted, "externalId": external, "credentialId": id });
    if call.method == "POST" { created(shown) } else { ok(shown) }
}

fn aim(state: &State, call: &Call, user: u64) -> Answer {
    let body = call.json()?;
    let external = string(body, "externalId").unwrap_or_default();
    let integration = string(body, "integration").unwrap_or_default();
    let user = &state.users[&user];
    let known = credential(user, &integration).filter(|_| external == user.email);
    let id = known.ok_or_else(|| Failure::not_found(format!("Could not find calendar {external}")))?;
    ok(json!({ "userId": user.id, "integration": integration, "externalId": external, "credentialId": id }))
}
