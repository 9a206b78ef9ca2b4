//! Apps for video that a coach connects at Cal.com.

use serde_json::{Value, json};
use simulators::{Fault, Kind, Times};
use tests::{Answer, On, both_bare};

use super::lab::{COACH, Lab};

both_bare![
    cal_coms_own_app_is_there_and_others_are_connected,
    what_is_not_connected_is_told_by_its_name,
    apps_that_cannot_be_read_are_not_shown_as_none,
];

const APPS: &str = "videoApps { status defaultApp apps { app isDefault needsReconnecting } }";

async fn look(lab: &Lab) -> Answer {
    lab.app
        .coach(COACH)
        .gql(&format!("{{ viewer {{ coach {{ {APPS} }} }} }}"), json!({}))
        .await
}

/// The apps and which is the default.
fn shown(apps: &Value) -> (Vec<String>, Value) {
    let names = apps["apps"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|app| app["app"].as_str().unwrap_or_default().to_owned());
    (names.collect(), apps["defaultApp"].clone())
}

async fn cal_coms_own_app_is_there_and_others_are_connected(on: On) {
    let lab = Lab::start(on).await;
    let nora = lab.app.coach(COACH);
    let names = |names: &[&str]| {
        names
            .iter()
            .map(|name| (*name).to_owned())
            .collect::<Vec<_>>()
    };
    let found = look(&lab).await;
    assert_eq!(
        shown(found.at("/viewer/coach/videoApps")),
        (names(&["CAL_VIDEO"]), json!("CAL_VIDEO"))
    );

    lab.cal.connect(lab.user(), "google_calendar");
    for _ in 0..2 {
        let done = nora.mutate("connectGoogleMeet", json!({}), APPS).await;
        let apps = shown(done.at("/connectGoogleMeet/videoApps"));
        assert_eq!(
            apps,
            (names(&["CAL_VIDEO", "GOOGLE_MEET"]), json!("CAL_VIDEO")),
            "{done:?}"
        );
    }
    let done = nora
        .mutate("setDefaultVideoApp", json!({ "app": "GOOGLE_MEET" }), APPS)
        .await;
    assert_eq!(
        shown(done.at("/setDefaultVideoApp/videoApps")).1,
        "GOOGLE_MEET",
        "{done:?}"
    );

    for (app, host) in [
        ("ZOOM", "https://zoom.us/"),
        ("OFFICE365_VIDEO", "https://login.microsoftonline.com/"),
    ] {
        let input = json!({ "app": app, "redirectTo": "https://app.example.com/video" });
        let url = nora
            .mutate("connectVideoApp", input, "connectUrl")
            .await
            .text("/connectVideoApp/connectUrl");
        assert!(url.starts_with(host), "{url}");
    }
    lab.cal.connect(lab.user(), "zoom");
    lab.cal.connect(lab.user(), "msteams");
    let all = names(&["CAL_VIDEO", "GOOGLE_MEET", "ZOOM", "OFFICE365_VIDEO"]);
    assert_eq!(
        shown(look(&lab).await.at("/viewer/coach/videoApps")),
        (all, json!("GOOGLE_MEET"))
    );
    for _ in 0..2 {
        let done = nora
            .mutate("disconnectVideoApp", json!({ "app": "GOOGLE_MEET" }), APPS)
            .await;
        let apps = shown(done.at("/disconnectVideoApp/videoApps"));
        assert_eq!(
            apps,
            (
                names(&["CAL_VIDEO", "ZOOM", "OFFICE365_VIDEO"]),
                json!("CAL_VIDEO")
            ),
            "{done:?}"
        );
    }
    let audited = lab.audited("video.").await;
    let deeds = [
        "connect",
        "connect",
        "set_default",
        "start",
        "start",
        "disconnect",
    ];
    assert_eq!(audited, deeds.map(|deed| format!("video.{deed}")));
    lab.app.finish().await;
}

async fn what_is_not_connected_is_told_by_its_name(on: On) {
    let lab = Lab::start(on).await;
    let nora = lab.app.coach(COACH);
    let meet = nora.mutate("connectGoogleMeet", json!({}), APPS).await;
    assert_eq!(meet.user_errors(), ["APP_NOT_CONNECTED"]);
    let message = meet.text("/connectGoogleMeet/userErrors/0/message");
    assert_eq!(message, "A Google calendar has to be connected first.");
    let zoom = nora
        .mutate("setDefaultVideoApp", json!({ "app": "ZOOM" }), APPS)
        .await;
    assert_eq!(zoom.user_errors(), ["APP_NOT_CONNECTED"]);
    let input = json!({ "app": "GOOGLE_MEET", "redirectTo": "https://app.example.com/" });
    assert_eq!(
        nora.mutate("connectVideoApp", input, "connectUrl")
            .await
            .fields(),
        ["app"]
    );
    let input = json!({ "app": "ZOOM", "redirectTo": "https://app.example.com/", "redirectOnError": "https://evil.example/" });
    assert_eq!(
        nora.mutate("connectVideoApp", input, "connectUrl")
            .await
            .fields(),
        ["redirectOnError"]
    );
    let own = nora
        .mutate("disconnectVideoApp", json!({ "app": "CAL_VIDEO" }), APPS)
        .await;
    assert_eq!(own.fields(), ["app"]);
    let input = json!({ "app": "ZOOM", "redirectTo": "https://app.example.com/", "coachId": lab.offer.coach_id() });
    assert_eq!(
        lab.app
            .admin()
            .mutate("connectVideoApp", input, "connectUrl")
            .await
            .user_errors(),
        ["INVALID_STATE"]
    );
    assert_eq!(lab.audited("video.").await, Vec::<String>::new());
    lab.app.finish().await;
}

async fn apps_that_cannot_be_read_are_not_shown_as_none(on: On) {
    let lab = Lab::start(on).await;
    lab.cal
        .faults()
        .set(Fault::new("/v2/conferencing/default", Kind::Hang).times(Times::Always));
    let found = look(&lab).await;
    let apps = found.at("/viewer/coach/videoApps");
    assert_eq!(
        (&apps["status"], &apps["apps"]),
        (&json!("UNAVAILABLE"), &Value::Null)
    );
    let refused = lab
        .app
        .coach(COACH)
        .mutate("setDefaultVideoApp", json!({ "app": "CAL_VIDEO" }), APPS)
        .await;
    assert_eq!(
        refused.at("/setDefaultVideoApp/videoApps/status"),
        "UNAVAILABLE",
        "it was done, and cannot be read"
    );
    lab.cal.faults().clear();
    lab.app.finish().await;
}
