//! Video apps: `/v2/conferencing`.

use serde_json::{Value, json};

use super::call::{Call, encode};
use super::reply::{Answer, Failure, created, done, ok};
use super::state::{State, User};

pub(super) fn route(state: &mut State, call: &Call, parts: &[&str]) -> Option<Answer> {
    let user = match state.caller(call) {
        Ok(caller) => caller.user(),
        Err(refused) => return Some(Err(refused)),
    };
    match (call.method.as_str(), parts) {
        ("GET", []) => Some(ok(video_apps(&state.users[&user]))),
        ("GET", ["default"]) => Some(match &state.users[&user].default_app {
            None => done(),
            Some(app) => ok(json!({ "appSlug": app })),
        }),
        ("POST", ["google-meet", "connect"]) => Some(connect_meet(state, user)),
        ("POST", [_, "connect"]) => Some(Err(Failure::bad_request(
            "Invalid conferencing app. Available apps: GOOGLE_MEET.",
        ))),
        ("GET", [app @ ("zoom" | "msteams"), "oauth", "auth-url"]) => {
            Some(authorize(state, call, app))
        }
        ("GET", [_, "oauth", "auth-url"]) => Some(Err(Failure::bad_request(
            "Invalid conferencing app. Available apps: ZOOM, OFFICE365_VIDEO.",
        ))),
        ("POST", [app, "default"]) => Some(held(state, user, app).and_then(|()| {
            state
                .users
                .get_mut(&user)
                .expect("a caller is a user")
                .default_app = Some((*app).to_owned());
            done()
        })),
        ("DELETE", [app, "disconnect"]) => Some(held(state, user, app).and_then(|()| {
            let user = state.users.get_mut(&user).expect("a caller is a user");
            user.apps.retain(|known| known != app);
            user.default_app = user.default_app.take().filter(|default| default != app);
            done()
        })),
        _ => None,
    }
}

fn video_apps(user: &User) -> Vec<Value> {
    let apps = user
        .apps
        .iter()
        .enumerate()
        .filter(|(_, app)| !app.ends_with("_calendar"));
    apps.map(|(at, app)| {
        let id = user.id * 100 + at as u64;
        json!({ "id": id, "type": kind(app), "userId": user.id, "invalid": false, "appId": app })
    })
    .collect()
}

/// The type of an app, which is not always named after it.
fn kind(app: &str) -> String {
    match app {
        "google-meet" => "google_video".to_owned(),
        "msteams" => "office365_video".to_owned(),
        app => format!("{app}_video"),
    }
}

/// The built-in app is always there.
fn held(state: &State, user: u64, app: &str) -> Result<(), Failure> {
    if app == "daily-video" || state.users[&user].apps.iter().any(|known| known == app) {
        return Ok(());
    }
    Err(Failure::bad_request(format!("{app} not connected.")))
}

fn connect_meet(state: &mut State, user: u64) -> Answer {
    let user = state.users.get_mut(&user).expect("a caller is a user");
    if !user.apps.iter().any(|app| app == "google_calendar") {
        return Err(Failure::bad_request(
            "Google Meet requires a Google Calendar connection.",
        ));
    }
    if !user.apps.iter().any(|app| app == "google-meet") {
        user.apps.push("google-meet".to_owned());
    }
    let id = user.id * 100 + user.apps.len() as u64;
    created(
        json!({ "id": id, "type": "google_video", "userId": user.id, "invalid": false, "appId": "google-meet" }),
    )
}

/// The address carries the caller's access token in its state, as the server's own does.
fn authorize(state: &State, call: &Call, app: &str) -> Answer {
    let carried = json!({
        "returnTo": call.param("returnTo"),
        "onErrorReturnTo": call.param("onErrorReturnTo"),
        "fromApp": false,
        "accessToken": call.bearer(),
    });
    let back = encode(&format!(
        "{}/v2/conferencing/{app}/oauth/callback",
        state.web_url
    ));
    let carried = encode(&carried.to_string());
    let url = if app == "zoom" {
        format!(
            "https://zoom.us/oauth/authorize?response_type=code&client_id=stand-in-zoom&redirect_uri={back}\
             &state={carried}"
        )
    } else {
        format!(
            "https://login.microsoftonline.com/common/oauth2/v2.0/authorize?response_type=code\
             &client_id=stand-in-microsoft&scope={}&redirect_uri={back}&state={carried}",
            encode("OnlineMeetings.ReadWrite offline_access")
        )
    };
    ok(json!({ "url": url }))
}
