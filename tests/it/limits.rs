//! How much one caller may ask for, and that bad input changes nothing.

use http::Method;
use serde_json::json;
use tests::{On, Setup, TestApp, at, both, both_bare};

use crate::booking::create;

both_bare![bookings_are_limited_for_each_person];
both![an_invalid_request_is_refused_with_a_code];

async fn bookings_are_limited_for_each_person(on: On) {
    let app = Setup::default()
        .setting("RATE_LIMIT_BOOKINGS_PER_MINUTE", "5")
        .start(on)
        .await;
    let offer = app.offer("nora", "coaching-60").await;
    let maria = app.client("maria");
    let never = offer.order(at("2026-11-25T03:00:00Z"));
    for number in 0..5 {
        let answer = create(&maria, &never).await;
        assert_eq!(
            answer.user_errors(),
            ["SLOT_NOT_OFFERED"],
            "attempt {number}"
        );
    }
    let before = app.bookings().await;
    let refused = create(&maria, &offer.order(at("2026-11-25T14:00:00Z"))).await;
    assert_eq!(
        (refused.status.as_u16(), refused.code()),
        (429, Some("RATE_LIMITED"))
    );
    assert!(
        refused.headers.contains_key("retry-after"),
        "{:?}",
        refused.headers
    );
    assert!(
        refused
            .headers
            .keys()
            .any(|name| name.as_str().starts_with("ratelimit")),
        "{:?}",
        refused.headers
    );
    assert_eq!(app.bookings().await, before);
    assert!(
        maria
            .gql("{ viewer { id } }", json!({}))
            .await
            .errors
            .is_empty(),
        "reading goes on"
    );
    let james = create(
        &app.client("james"),
        &offer.order(at("2026-11-25T14:00:00Z")),
    )
    .await;
    assert_eq!(james.user_errors(), Vec::<&str>::new(), "others go on");
    app.finish().await;
}

/// A content type, a body, and what it is answered.
const BODIES: &[(&str, &str, u16)] = &[
    ("application/json", "{", 400),
    ("application/json", "", 400),
    ("application/json", "[]", 400),
    ("application/json", "[{\"query\":\"{ specialties }\"}]", 400),
    ("application/json", "{\"query\":7}", 400),
    (
        "application/json",
        "{\"query\":\"{ specialties }\",\"variables\":[]}",
        400,
    ),
    ("application/json", "null", 400),
    ("text/plain", "{\"query\":\"{ specialties }\"}", 415),
    (
        "application/x-www-form-urlencoded",
        "query=%7Bspecialties%7D",
        415,
    ),
];

async fn an_invalid_request_is_refused_with_a_code(app: &TestApp) {
    let before = (app.bookings().await, app.history().await);
    let deep = format!(
        "{{\"query\":\"{{ node(id: 1) {} }}\"}}",
        "{ id ... on Booking { coach ".repeat(30)
    );
    let long = format!(
        "{{\"query\":\"{{ specialties }} #{}\"}}",
        "x".repeat(257 * 1024)
    );
    let more = [
        ("application/json", deep.as_str(), 200),
        ("application/json", long.as_str(), 413),
    ];
    let invalid = b"{\"query\":\"{ specialties \xff}\"}".to_vec();
    let all = BODIES
        .iter()
        .chain(&more)
        .map(|(kind, body, status)| (*kind, body.as_bytes().to_vec(), *status));
    for (kind, body, status) in all.chain([("application/json", invalid, 400)]) {
        let shown = String::from_utf8_lossy(&body[..body.len().min(60)]).into_owned();
        let request = app
            .client("maria")
            .request(Method::POST, "/graphql")
            .header("content-type", kind)
            .body(body);
        let answer = request.send().await.expect("it serves");
        assert_eq!(answer.status().as_u16(), status, "{kind} {shown}");
        let answer: serde_json::Value = answer.json().await.expect("an error is JSON");
        assert!(
            answer["errors"][0]["extensions"]["code"].is_string(),
            "{kind} {shown}: {answer}"
        );
    }
    assert_eq!(before, (app.bookings().await, app.history().await));
}
