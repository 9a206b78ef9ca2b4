//! Starting and stopping.

use serde_json::{Value, json};
use tests::process::{Served, settings};
use tests::{Frame, On, Scratch, Socket, TestDb, both_bare, until};

use super::{token, usual};

both_bare![the_server_starts_serves_and_stops_on_a_signal];

async fn the_server_starts_serves_and_stops_on_a_signal(on: On) {
    let scratch = Scratch::new();
    let database = TestDb::empty(on).await;
    let mut all = usual(&scratch);
    all.extend(settings(&[("DATABASE_URL", database.url())]));
    let served = Served::start(&all).await;
    let listening = served
        .log()
        .lines()
        .find(|line| line.contains("\"Listening\""))
        .map(str::to_owned);
    let listening: Value =
        serde_json::from_str(&listening.expect("it said so")).expect("a line of JSON");
    let took = listening["started_ms"]
        .as_str()
        .and_then(|took| took.parse::<u64>().ok());
    assert!(took.is_some(), "it says how long it took: {listening}");

    until("being ready", || async {
        let ready = served
            .request(http::Method::GET, "/readyz")
            .send()
            .await
            .expect("it serves");
        ready.status() == 200
    })
    .await;
    let maria = token(&all, "client", "maria").await;
    let me = served
        .gql(
            Some(&maria),
            "{ viewer { user { displayName } } }",
            json!({}),
        )
        .await
        .expect("it serves");
    assert_eq!(me.at("/viewer/user/displayName"), "Maria Santos");

    let mut socket = Socket::connect(&format!("ws://{}/graphql/ws", served.address)).await;
    socket
        .init(Some(json!({ "authorization": format!("Bearer {maria}") })))
        .await;
    socket
        .subscribe(
            "1",
            "subscription { bookingEvents(mine: true) { kind } }",
            json!({}),
        )
        .await;
    assert!(
        matches!(socket.frame().await, Frame::Message(_)),
        "the snapshot"
    );
    let (closed, (code, log)) = tokio::join!(socket.frame(), served.terminate());
    assert!(
        matches!(closed, Frame::Closed(1001, _)),
        "a client comes back after 1001, not after {closed:?}"
    );
    assert_eq!(code, Some(0), "{log}");
    assert!(log.contains("\"Stopped\""), "{log}");

    let again = Served::start(&all).await;
    let me = again
        .gql(
            Some(&maria),
            "{ viewer { user { displayName } } }",
            json!({}),
        )
        .await
        .expect("it serves");
    assert_eq!(
        me.at("/viewer/user/displayName"),
        "Maria Santos",
        "tokens outlive the process"
    );
    assert_eq!(again.terminate().await.0, Some(0));
    database.remove().await;
}
