//! Calendars of the outside: connect, look, disconnect. `/_page/connect` stands for the other
//! side's consent.

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::call::{Call, encode};
use super::hours::Span;
use super::reply::{Answer, Failure, created, iso, ok, violation};
use super::state::{Busy, Choices, State, User, string};

pub(super) fn route(state: &mut State, call: &Call, parts: &[&str]) -> Option<Answer> {
    let user = match state.caller(call) {
        Ok(caller) => caller.user(),
        Err(refused) => return Some(Err(refused)),
    };
    match (call.method.as_str(), parts) {
        ("GET", ["calendars"]) => Some(ok(connected(&state.users[&user], &state.choices(user)))),
        ("GET", ["calendars", "busy-times"]) => Some(busy_times(state, call, user)),
        ("GET", ["calendars", which, "connect"]) => Some(connect(state, call, which)),
        ("GET", ["calendars", which, "check"]) => {
            Some(check(&state.users[&user], &state.choices(user), which))
        }
        ("POST", ["calendars", "ics-feed", "save"]) => Some(save_feed(state, call, user)),
        ("POST", ["calendars", which, "credentials"]) => {
            Some(credentials(state, call, user, which))
        }
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

/// The number of a user's credential for a calendar; it exists once the calendar is connected, and
/// stays the same.
fn credential(user: &User, integration: &str) -> Option<u64> {
    const KNOWN: [&str; 4] = [
        "google_calendar",
        "office365_calendar",
        "apple_calendar",
        "ics-feed_calendar",
    ];
    let at = KNOWN.iter().position(|known| *known == integration)?;
    user.apps
        .iter()
        .any(|app| app == integration)
        .then_some(user.id * 100 + at as u64)
}

/// A calendar of an account.
struct Row {
    external_id: String,
    name: String,
    primary: bool,
    read_only: bool,
}

fn rows(user: &User, integration: &str, choices: &Choices) -> Vec<Row> {
    let row = |external_id: &str, name: &str, primary, read_only| Row {
        external_id: external_id.to_owned(),
        name: name.to_owned(),
        primary,
        read_only,
    };
    let main = row(&user.email, &user.email, true, false);
    match integration {
        "google_calendar" => vec![
            main,
            row("family@group.calendar.google.com", "Family", false, false),
            row(
                "holidays@group.v.calendar.google.com",
                "Holidays",
                false,
                true,
            ),
        ],
        "ics-feed_calendar" => choices
            .feeds
            .iter()
            .enumerate()
            .map(|(index, url)| row(url, &format!("Feed {}", index + 1), false, true))
            .collect(),
        _ => vec![main],
    }
}

fn connected(user: &User, choices: &Choices) -> Value {
    let calendars = user.apps.iter().filter(|app| app.ends_with("_calendar"));
    let entries: Vec<Value> = calendars.map(|app| account(user, app, choices)).collect();
    let all = || {
        entries
            .iter()
            .filter_map(|entry| entry["calendars"].as_array())
            .flatten()
    };
    let chosen = choices
        .destination
        .as_ref()
        .and_then(|(integration, external_id)| {
            all().find(|row| {
                row["integration"] == integration.as_str()
                    && row["externalId"] == external_id.as_str()
            })
        });
    let destination = chosen.or_else(|| entries.iter().find_map(|entry| entry.get("primary")));
    let destination = destination.cloned().unwrap_or_else(|| json!({}));
    json!({ "connectedCalendars": entries, "destinationCalendar": destination })
}

/// An account whose other side no longer answers to its credential has an error in the place of its
/// calendars.
fn account(user: &User, app: &str, choices: &Choices) -> Value {
    let id = credential(user, app);
    let integration =
        json!({ "type": app, "name": app, "slug": app.replace('_', "-"), "title": app });
    if choices.broken.contains(app) {
        let error = json!({ "message": "Access token expired or revoked" });
        return json!({ "integration": integration, "credentialId": id, "error": error });
    }
    let calendars: Vec<Value> = rows(user, app, choices)
        .iter()
        .map(|row| {
            json!({
                "externalId": row.external_id, "name": row.name, "primary": row.primary, "readOnly": row.read_only,
                "isSelected": choices.is_selected(app, &row.external_id, row.primary),
                "integration": app, "credentialId": id, "email": user.email,
            })
        })
        .collect();
    let Some(primary) = calendars
        .iter()
        .find(|row| row["primary"] == true)
        .or(calendars.first())
        .cloned()
    else {
        let error = json!({ "message": "No primary calendar found" });
        return json!({ "integration": integration, "credentialId": id, "error": error });
    };
    json!({ "integration": integration, "credentialId": id, "primary": primary, "calendars": calendars })
}

impl Choices {
    fn is_selected(&self, integration: &str, external_id: &str, by_itself: bool) -> bool {
        self.selected
            .get(&(integration.to_owned(), external_id.to_owned()))
            .copied()
            .unwrap_or(by_itself)
    }
}

impl State {
    fn choices(&self, user: u64) -> Choices {
        self.choices.get(&user).cloned().unwrap_or_default()
    }

    /// When a user's calendars that count say that they are busy.
    pub(super) fn busy_elsewhere(&self, user: u64) -> Vec<Span> {
        let (Some(user), choices) = (self.users.get(&user), self.choices(user)) else {
            return Vec::new();
        };
        let counts = |busy: &&Busy| {
            let connected = credential(user, &busy.integration).is_some()
                && !choices.broken.contains(&busy.integration);
            let by_itself = busy.external_id == user.email;
            connected && choices.is_selected(&busy.integration, &busy.external_id, by_itself)
        };
        choices
            .busy
            .iter()
            .filter(counts)
            .map(|busy| Span {
                start: busy.start,
                end: busy.end,
            })
            .collect()
    }

    /// Something is entered in a calendar of a user.
    pub(super) fn enter(
        &mut self,
        user: u64,
        calendar: (&str, &str),
        start: DateTime<Utc>,
        end: DateTime<Utc>,
    ) {
        let (integration, external_id) = (calendar.0.to_owned(), calendar.1.to_owned());
        self.choices.entry(user).or_default().busy.push(Busy {
            integration,
            external_id,
            start,
            end,
        });
    }
}

fn busy_times(state: &State, call: &Call, user: u64) -> Answer {
    let mut errors = Vec::new();
    let target = json!({});
    for name in ["dateFrom", "dateTo"] {
        if call.param(name).is_none() {
            let rules = [
                (
                    "isDateString",
                    format!("{name} must be a valid ISO 8601 date string"),
                ),
                ("isString", format!("{name} must be a string")),
            ];
            errors.push(violation(&target, name, &rules));
        }
    }
    let asked: Vec<&str> = call
        .query
        .iter()
        .filter(|(key, _)| key.ends_with("[credentialId]"))
        .map(|(_, value)| value.as_str())
        .collect();
    if asked.is_empty() {
        let rule = [("isArray", "calendarsToLoad must be an array".to_owned())];
        errors.push(violation(&target, "calendarsToLoad", &rule));
    }
    if !errors.is_empty() {
        return Err(Failure::invalid(errors));
    }
    let choices = state.choices(user);
    let user = &state.users[&user];
    let own: Vec<String> = user
        .apps
        .iter()
        .filter_map(|app| credential(user, app))
        .map(|id| id.to_string())
        .collect();
    if asked.iter().any(|id| !own.iter().any(|known| known == id)) {
        return Err(Failure::unauthorized(
            "These credentials do not belong to you",
        ));
    }
    let named: Vec<&str> = call
        .query
        .iter()
        .filter(|(key, _)| key.ends_with("[externalId]"))
        .map(|(_, value)| value.as_str())
        .collect();
    let busy = choices
        .busy
        .iter()
        .filter(|busy| named.contains(&busy.external_id.as_str()));
    let shown = busy.map(|busy| json!({ "start": iso(busy.start), "end": iso(busy.end), "source": busy.integration }));
    ok(shown.collect::<Vec<_>>())
}

/// The address carries the caller's access token in its state, as the server's own does.
fn connect(state: &State, call: &Call, which: &str) -> Answer {
    let origin = call
        .header("origin")
        .or(call.header("host"))
        .unwrap_or_default();
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
            encode(
                "https://www.googleapis.com/auth/calendar.readonly https://www.googleapis.com/auth/calendar.events"
            ),
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

fn check(user: &User, choices: &Choices, which: &str) -> Answer {
    let integration = integration(which).ok_or_else(unknown)?;
    if choices.broken.contains(integration) {
        return Err(Failure::bad_request(format!(
            "Invalid {which} OAuth credentials."
        )));
    }
    if credential(user, integration).is_some() {
        return super::reply::done();
    }
    let name = if which == "ics-feed" {
        "Ics Feed calendar"
    } else {
        integration
    };
    Err(Failure::bad_request(format!(
        "Credentials for {name} not found."
    )))
}

/// There is one credential for all feeds: the list replaces the one before. What cannot be read is
/// refused.
fn save_feed(state: &mut State, call: &Call, user: u64) -> Answer {
    let body = call.json()?;
    let Some(urls) = body["urls"].as_array().filter(|urls| !urls.is_empty()) else {
        return Err(Failure::bad_request("urls must be an array"));
    };
    let urls: Vec<String> = urls
        .iter()
        .filter_map(Value::as_str)
        .map(str::to_owned)
        .collect();
    if urls.iter().any(|url| url.contains("unreadable")) {
        return Err(Failure::bad_request(
            "Could not add ICS feeds, try using private ics feed.",
        ));
    }
    state.choices.entry(user).or_default().feeds = urls;
    let user = state.users.get_mut(&user).expect("a caller is a user");
    attach(user, "ics-feed_calendar");
    let id = credential(user, "ics-feed_calendar");
    created(json!({
        "id": id, "type": "ics-feed_calendar", "userId": user.id, "teamId": null, "appId": "ics-feed", "invalid": false,
    }))
}

/// Connecting what is connected makes it well again.
fn attach(user: &mut User, app: &str) {
    if !user.apps.iter().any(|known| known == app) {
        user.apps.push(app.to_owned());
    }
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
    state
        .choices
        .entry(user)
        .or_default()
        .broken
        .remove("apple_calendar");
    attach(
        state.users.get_mut(&user).expect("a caller is a user"),
        "apple_calendar",
    );
    super::reply::plain(201, json!({ "status": "success" }))
}

fn disconnect(state: &mut State, call: &Call, user: u64, which: &str) -> Answer {
    let integration = integration(which).ok_or_else(unknown)?;
    let id = call.json()?["id"].as_u64();
    let choices = state.choices.entry(user).or_default();
    let user = state.users.get_mut(&user).expect("a caller is a user");
    let known = credential(user, integration).filter(|known| Some(*known) == id);
    let known = known.ok_or_else(|| Failure::not_found("Calendar credentials not found"))?;
    user.apps.retain(|app| app != integration);
    choices.broken.remove(integration);
    choices.selected.retain(|(of, _), _| of != integration);
    choices.destination.take_if(|(of, _)| of == integration);
    ok(
        json!({ "id": known, "type": integration, "userId": user.id, "teamId": null, "appId": which, "invalid": false }),
    )
}

fn select(state: &mut State, call: &Call, user: u64) -> Answer {
    let from_query = |name: &str| call.param(name).map(str::to_owned);
    let body = call.json()?;
    let wanted = string(body, "integration")
        .or_else(|| from_query("integration"))
        .unwrap_or_default();
    let external = string(body, "externalId")
        .or_else(|| from_query("externalId"))
        .unwrap_or_default();
    let user = &state.users[&user];
    let id = credential(user, &wanted)
        .ok_or_else(|| Failure::not_found("Calendar credentials not found"))?;
    let shown = json!({ "userId": user.id, "integration": wanted, "externalId": external, "credentialId": id });
    state
        .choices
        .entry(user.id)
        .or_default()
        .selected
        .insert((wanted, external), call.method == "POST");
    if call.method == "POST" {
        created(shown)
    } else {
        ok(shown)
    }
}

fn aim(state: &mut State, call: &Call, user: u64) -> Answer {
    let body = call.json()?;
    let external = string(body, "externalId").unwrap_or_default();
    let integration = string(body, "integration").unwrap_or_default();
    let choices = state.choices.entry(user).or_default();
    let user = &state.users[&user];
    let listed = rows(user, &integration, choices)
        .iter()
        .any(|row| row.external_id == external && !row.read_only);
    let known =
        credential(user, &integration).filter(|_| listed && !choices.broken.contains(&integration));
    let id =
        known.ok_or_else(|| Failure::not_found(format!("Could not find calendar {external}")))?;
    choices.destination = Some((integration.clone(), external.clone()));
    ok(
        json!({ "userId": user.id, "integration": integration, "externalId": external, "credentialId": id }),
    )
}
