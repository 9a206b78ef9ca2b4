//! The routes that are not GraphQL: open to all, or to those alone who sign what they send.

use http::Method;
use tests::{On, Setup, both_bare};

both_bare![every_route_answers_everyone_the_same];

/// A route, and what it answers whoever asks.
const ROUTES: &[(&str, &str, u16)] = &[
    ("GET", "/healthz", 200),
    ("GET", "/metrics", 200),
    ("GET", "/schema.graphql", 200),
    ("POST", "/webhooks/calcom", 401),
    ("POST", "/api/webhooks/calcom", 401),
    ("POST", "/api/cal/webhooks/receiver", 401),
    ("GET", "/webhooks/calcom", 405),
    ("DELETE", "/graphql", 405),
    ("PUT", "/graphql", 405),
    ("POST", "/graphql", 415),
    ("GET", "/graphql/ws", 426),
    ("GET", "/oauth/calcom", 400),
    ("GET", "/api/cal/oauth/callback?state=guess&code=guess", 400),
    ("POST", "/oauth/calcom", 405),
    ("GET", "/nowhere", 404),
    ("GET", "/.env", 404),
    ("GET", "/../etc/passwd", 404),
];

async fn every_route_answers_everyone_the_same(on: On) {
    let app = Setup::default()
        .setting("CALCOM_WEBHOOK_SECRETS", "a-secret-of-this-test")
        .start(on)
        .await;
    let everyone = [
        app.visitor(),
        app.client("maria"),
        app.client("james"),
        app.coach("nora"),
        app.coach("marcus"),
        app.admin(),
    ];
    let before = (app.bookings().await, app.history().await);
    for (method, path, status) in ROUTES {
        for actor in &everyone {
            let method: Method = method.parse().expect("a method");
            let answer = actor
                .request(method.clone(), path)
                .body("{}")
                .send()
                .await
                .expect("it serves");
            assert_eq!(answer.status().as_u16(), *status, "{method} {path}");
            let text = answer.text().await.expect("text");
            assert!(
                !text.contains("courtside.example"),
                "{method} {path} tells an address: {text}"
            );
        }
    }
    assert_eq!(before, (app.bookings().await, app.history().await));
    app.finish().await;
}
