//! Apps for video that a coach connects at Cal.com.

use serde_json::{Value, json};
use simulators::{Fault, Kind, Times};
use tests::{Answer, On, both_bare};

use super::fixture::{COACH, Fixture};

both_bare![
    cal_video_is_built_in_and_other_apps_are_connected,
    an_app_that_is_not_connected_is_named,
    unreadable_apps_are_not_shown_as_none,
];

const APPS: &str = "videoApps { status defaultApp apps { app isDefault needsReconnecting } }";

async fn look(fixture: &Fixture) -> Answer {
    fixture
        .app
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

async fn cal_video_is_built_in_and_other_apps_are_connected(on: On) {
    let fixture = Fixture::start(on).await;
    let nora = fixture.app.coach(COACH);
    let names = |names: &[&str]| {
        names
            .iter()
            .map(|name| (*name).to_owned())
            .collect::<Vec<_>>()
    };
    let found = look(&fixture).await;
    assert_eq!(
        shown(found.at("/viewer/coach/videoApps")),
        (names(&["CAL_VIDEO"]), json!("CAL_VIDEO"))
    );

    fixture.cal.connect(fixture.user(), "google_calendar");
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
    fixture.cal.connect(fixture.user(), "zoom");
    fixture.cal.connect(fixture.user(), "msteams");
    let all = names(&["CAL_VIDEO", "GOOGLE_MEET", "ZOOM", "OFFICE365_VIDEO"]);
    assert_eq!(
        shown(look(&fixture).await.at("/viewer/coach/videoApps")),
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
    let audited = fixture.audited("video.").await;
    let deeds = [
        "connect",
        "connect",
        "set_default",
        "start",
        "start",
        "disconnect",
    ];
    assert_eq!(audited, deeds.map(|deed| format!("video.{deed}")));
    fixture.app.finish().await;
}

async fn an_app_that_is_not_connected_is_named(on: On) {
    let fixture = Fixture::start(on).await;
    let nora = fixture.app.coach(COACH);
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
    let input = json!({ "app": "ZOOM", "redirectTo": "https://app.example.com/", "coachId": fixture.offer.coach_id() });
    assert_eq!(
        fixture
            .app
            .admin()
            .mutate("connectVideoApp", input, "connectUrl")
            .await
            .user_errors(),
        ["INVALID_STATE"]
    );
    assert_eq!(fixture.audited("video.").await, Vec::<String>::new());
    fixture.app.finish().await;
}

async fn unreadable_apps_are_not_shown_as_none(on: On) {
    let fixture = Fixture::start(on).await;
    fixture
        .cal
        .faults()
        .set(Fault::new("/v2/conferencing/default", Kind::Hang).times(Times::Always));
    let found = look(&fixture).await;
    let apps = found.at("/viewer/coach/videoApps");
    assert_eq!(
        (&apps["status"], &apps["apps"]),
        (&json!("UNAVAILABLE"), &Value::Null)
    );
    let refused = fixture
        .app
        .coach(COACH)
        .mutate("setDefaultVideoApp", json!({ "app": "CAL_VIDEO" }), APPS)
        .await;
    assert_eq!(
        refused.at("/setDefaultVideoApp/videoApps/status"),
        "UNAVAILABLE",
        "it was done, and cannot be read"
    );
    fixture.cal.faults().clear();
    fixture.app.finish().await;
}
