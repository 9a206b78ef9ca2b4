//! GraphQL over WebSocket.

use std::sync::atomic::Ordering;
use std::time::Duration;

use futures_util::StreamExt;
use http::Request;
use serde_json::json;
use tokio_tungstenite::tungstenite::Message;

use super::super::TransportLimits;
use super::client::handshake;
use super::test_server::TestServer;
use crate::engine::EngineOptions;

#[tokio::test]
async fn only_one_protocol_and_listed_pages_get_in() {
    let server = TestServer::new();
    let protocol = |value: &str| handshake().header("sec-websocket-protocol", value);
    for (request, status) in [
        (handshake(), 400),
        (protocol("graphql-ws"), 400),
        (
            protocol("graphql-transport-ws").header("origin", "https://evil.test"),
            403,
        ),
        (
            protocol("graphql-transport-ws").header("origin", "null"),
            403,
        ),
    ] {
        assert_eq!(server.status(request).await, status);
    }
    let plain = server
        .send(
            Request::get("/graphql/ws")
                .body(axum::body::Body::empty())
                .expect("a request"),
        )
        .await;
    assert_eq!(
        (plain.status.as_u16(), plain.code().as_str()),
        (426, "UPGRADE_REQUIRED")
    );
    let posted = server
        .send(
            Request::post("/graphql/ws")
                .body(axum::body::Body::empty())
                .expect("a request"),
        )
        .await;
    assert_eq!(
        (posted.status.as_u16(), posted.header("allow")),
        (405, "GET, OPTIONS")
    );
    let several =
        protocol("graphql-ws, graphql-transport-ws").header("origin", "https://app.example.com");
    let mut socket = server
        .try_open(several, 64 * 1024)
        .await
        .expect("an open socket");
    socket.assert_silent().await;
    drop(socket);
    server.settled().await;
}

#[tokio::test]
async fn the_handshake_is_kept_to() {
    let limits = TransportLimits {
        init_timeout: Duration::from_millis(1),
        ..TransportLimits::default()
    };
    let hasty = TestServer::with(
        limits,
        EngineOptions {
            introspection: true,
            suggestions: true,
        },
    );
    hasty
        .open()
        .await
        .assert_closed(4408, "Connection initialisation timeout")
        .await;
    let server = TestServer::new();
    for (first, second, code, reason) in [
        (
            json!({"type": "connection_init", "payload": {"token": "slow"}}),
            json!({"type": "connection_init"}),
            4429,
            "Too many initialisation requests",
        ),
        (
            json!({"type": "connection_init", "payload": {"token": "slow"}}),
            json!({"id": "1", "type": "subscribe", "payload": {"query": "{hello}"}}),
            4401,
            "Unauthorized",
        ),
        (
            json!({"type": "pong"}),
            json!({"id": "1", "type": "subscribe", "payload": {"query": "{"}}),
            4401,
            "Unauthorized",
        ),
        (
            json!({"type": "pong"}),
            json!({"type": "connection_init", "payload": {"authorization": "Bearer forged"}}),
            4403,
            "Forbidden",
        ),
        (
            json!({"type": "pong"}),
            json!({"type": "connection_init", "payload": {"authorization": "forged"}}),
            4403,
            "Forbidden",
        ),
    ] {
        let mut socket = server.open().await;
        socket.send(first).await;
        socket.send(second).await;
        socket.assert_closed(code, reason).await;
    }
    let mut socket = server.acknowledged(json!({})).await;
    socket.send(json!({"type": "connection_init"})).await;
    socket
        .assert_closed(4429, "Too many initialisation requests")
        .await;
    let mut down = server.open().await;
    down.send(json!({"type": "connection_init", "payload": {"token": "down"}}))
        .await;
    assert_eq!(down.closed().await.1, 1013);
    server.settled().await;
}

#[tokio::test]
async fn the_token_may_be_in_the_header_or_in_the_payload() {
    let server = TestServer::new();
    for (header, payload, viewer) in [
        (None, json!(null), "nobody"),
        (None, json!({"authorization": "Bearer good"}), "somebody"),
        (Some("Bearer good"), json!({}), "somebody"),
        (Some("Bearer forged"), json!({"token": "good"}), "somebody"),
    ] {
        let request = handshake().header("sec-websocket-protocol", "graphql-transport-ws");
        let request = header.into_iter().fold(request, |request, value| {
            request.header("authorization", value)
        });
        let mut socket = server
            .try_open(request, 64 * 1024)
            .await
            .expect("an open socket");
        socket
            .send(json!({"type": "connection_init", "payload": payload}))
            .await;
        assert_eq!(socket.next().await["type"], "connection_ack");
        socket.subscribe("1", "{who}").await;
        let said = socket.next().await["payload"]["data"]["who"].to_string();
        assert!(said.starts_with(&format!("\"{viewer} ")), "{said}");
        drop(socket);
        server.settled().await;
    }
    let request = handshake()
        .header("sec-websocket-protocol", "graphql-transport-ws")
        .header("authorization", "Basic eDp5");
    let mut socket = server
        .try_open(request, 64 * 1024)
        .await
        .expect("an open socket");
    socket.send(json!({"type": "connection_init"})).await;
    socket.assert_closed(4403, "Forbidden").await;
}

#[tokio::test]
async fn what_is_no_message_closes_the_socket() {
    let server = TestServer::new();
    for message in [
        Message::text("{"),
        Message::text("[]"),
        Message::text(r#"{"type":"start"}"#),
        Message::binary(r#"{"type":"ping"}"#),
    ] {
        let mut socket = server.acknowledged(json!({})).await;
        socket.say(message).await;
        let (_, code, reason) = socket.closed().await;
        assert!(
            code == 4400 && reason.starts_with("Invalid message"),
            "{code} {reason}"
        );
    }
    let mut socket = server.acknowledged(json!({})).await;
    socket
        .say(Message::text(format!(
            r#"{{"type":"ping","payload":{{"x":"{}"}}}}"#,
            "x".repeat(256 * 1024)
        )))
        .await;
    socket.assert_closed(1009, "Message too big").await;
    server.settled().await;
}

#[tokio::test]
async fn operations_of_every_kind_run_beside_each_other() {
    let server = TestServer::new();
    let mut socket = server.acknowledged(json!({})).await;
    socket.subscribe("forever", "subscription{forever}").await;
    socket.subscribe("query", "{hello}").await;
    assert_eq!(
        socket.next().await["payload"]["data"],
        json!({"hello": "world"})
    );
    assert_eq!(
        socket.next().await,
        json!({"id": "query", "type": "complete"})
    );
    socket
        .subscribe(
            "stream",
            "subscription{...all} fragment all on Events{greetings}",
        )
        .await;
    for greeting in ["Hi", "Bonjour", "Hola"] {
        let next = socket.next().await;
        assert_eq!(
            (
                &next["id"],
                &next["type"],
                &next["payload"]["data"]["greetings"]
            ),
            (&json!("stream"), &json!("next"), &json!(greeting))
        );
    }
    assert_eq!(
        socket.next().await,
        json!({"id": "stream", "type": "complete"})
    );
    server.controls.finish.notify_one();
    socket.subscribe("query", "mutation{bump}").await;
    assert_eq!(socket.next().await["payload"]["data"], json!({"bump": 1}));
    assert_eq!(
        socket.next().await,
        json!({"id": "query", "type": "complete"})
    );
    socket.subscribe("failing", "subscription{failing}").await;
    assert_eq!(
        socket.next().await["payload"]["errors"][0]["extensions"]["code"],
        "FORBIDDEN"
    );
    assert_eq!(socket.next().await["type"], "complete");
    socket.subscribe("panic", "{panic(really:true)}").await;
    assert_eq!(
        socket.next().await["payload"]["errors"][0]["extensions"]["code"],
        "INTERNAL"
    );
    assert_eq!(socket.next().await["type"], "complete");
    assert_eq!(server.gauges.operations.load(Ordering::SeqCst), 1);
    drop(socket);
    server.settled().await;
}

#[tokio::test]
async fn a_refused_operation_is_one_error_and_nothing_after() {
    let server = TestServer::new();
    let mut socket = server.acknowledged(json!({})).await;
    for (query, code) in [
        ("{", "GRAPHQL_PARSE_FAILED"),
        ("{nope}", "GRAPHQL_VALIDATION_FAILED"),
        ("query($n:String!){greet(name:$n)}", "BAD_USER_INPUT"),
        ("query Limited{hello}", "RATE_LIMITED"),
    ] {
        socket.subscribe("1", query).await;
        let error = socket.next().await;
        assert_eq!(
            (&error["id"], &error["type"]),
            (&json!("1"), &json!("error"))
        );
        assert_eq!(error["payload"][0]["extensions"]["code"], code);
        socket.assert_silent().await;
    }
    drop(socket);
    server.settled().await;
}

#[tokio::test]
async fn ids_are_taken_while_an_operation_runs() {
    let server = TestServer::new();
    let mut socket = server.acknowledged(json!({})).await;
    socket
        .send(json!({"id": "unknown", "type": "complete"}))
        .await;
    for _ in 0..3 {
        socket.subscribe("1", "subscription{forever}").await;
        socket.send(json!({"id": "1", "type": "complete"})).await;
        socket.assert_silent().await;
        assert_eq!(server.gauges.operations.load(Ordering::SeqCst), 0);
    }
    let long = "ö".repeat(200);
    socket.subscribe(&long, "subscription{forever}").await;
    socket.subscribe(&long, "subscription{forever}").await;
    let (_, code, reason) = socket.closed().await;
    assert!(
        code == 4409 && reason.starts_with("Subscriber for ö") && reason.len() <= 123,
        "{code} {reason}"
    );
    server.settled().await;
}

#[tokio::test]
async fn operations_and_sockets_are_limited() {
    let server = TestServer::with(
        TransportLimits {
            operations_per_socket: 2,
            ..TransportLimits::default()
        },
        EngineOptions {
            introspection: true,
            suggestions: true,
        },
    );
    let mut socket = server.acknowledged(json!({})).await;
    for id in ["1", "2", "3"] {
        socket.subscribe(id, "subscription{forever}").await;
    }
    let error = socket.next().await;
    assert_eq!(
        (&error["id"], &error["payload"][0]["extensions"]["code"]),
        (&json!("3"), &json!("TOO_MANY_OPERATIONS"))
    );
    // The hooks have three permits.
    let (second, third) = (
        server.acknowledged(json!({})).await,
        server.acknowledged(json!({})).await,
    );
    assert_eq!(server.gauges.sockets.load(Ordering::SeqCst), 3);
    let mut fourth = server.open().await;
    fourth.send(json!({"type": "connection_init"})).await;
    assert_eq!(fourth.closed().await.1, 1013);
    drop((socket, second, third));
    server.settled().await;
    server.acknowledged(json!({})).await;
}

#[tokio::test]
async fn a_socket_ends_with_its_session() {
    let server = TestServer::new();
    for (pull, reason) in [
        (&server.controls.expire, "The access token has expired"),
        (&server.controls.revoke, "Access was revoked"),
    ] {
        let mut socket = server.acknowledged(json!({"token": "short"})).await;
        socket.subscribe("1", "subscription{forever}").await;
        socket.assert_silent().await;
        pull.notify_one();
        socket.assert_closed(4403, reason).await;
        server.settled().await;
    }
}

#[tokio::test]
async fn a_stop_closes_sockets_so_that_clients_come_back() {
    let server = TestServer::new();
    let mut socket = server.acknowledged(json!({})).await;
    socket.subscribe("1", "subscription{forever}").await;
    socket.assert_silent().await;
    server.lifecycle.shutdown.cancel();
    assert_eq!(socket.closed().await.1, 1001);
    server.settled().await;
    assert_eq!(
        server
            .status(handshake().header("sec-websocket-protocol", "graphql-transport-ws"))
            .await,
        503
    );
}

#[tokio::test]
async fn a_client_that_closes_is_answered() {
    let server = TestServer::new();
    let mut socket = server.acknowledged(json!({})).await;
    socket.say(Message::Close(None)).await;
    let mut answered = false;
    while let Some(Ok(message)) = socket.0.next().await {
        answered |= message.is_close();
    }
    assert!(answered);
    server.settled().await;
}

#[tokio::test]
async fn a_silent_peer_is_dropped() {
    let limits = TransportLimits {
        ping_interval: Duration::from_millis(1),
        idle_timeout: Duration::from_millis(5),
        ..TransportLimits::default()
    };
    let server = TestServer::with(
        limits,
        EngineOptions {
            introspection: true,
            suggestions: true,
        },
    );
    // This end is not read, so pings are not answered.
    let socket = server.open().await;
    server.settled().await;
    drop(socket);
}

#[tokio::test]
async fn a_slow_reader_slows_its_operations_down_and_misses_nothing() {
    let server = TestServer::new();
    let request = handshake().header("sec-websocket-protocol", "graphql-transport-ws");
    let mut socket = server
        .try_open(request, 4 * 1024)
        .await
        .expect("an open socket");
    socket.send(json!({"type": "connection_init"})).await;
    assert_eq!(socket.next().await["type"], "connection_ack");
    socket
        .subscribe("1", "subscription{flood(count:2000,size:3000)}")
        .await;
    let mut ahead = 0;
    for number in 0..2_000_usize {
        let next = socket.next().await;
        let text = next["payload"]["data"]["flood"]
            .as_str()
            .expect("a number")
            .to_owned();
        assert_eq!(text.split(':').next(), Some(number.to_string().as_str()));
        ahead = ahead.max(server.controls.produced.load(Ordering::SeqCst) - number);
    }
    assert_eq!(socket.next().await["type"], "complete");
    assert!(ahead < 40, "{ahead} events were waiting in memory");
    drop(socket);
    server.settled().await;
}

#[tokio::test]
async fn mutations_on_a_socket_outlive_it() {
    let server = TestServer::new();
    let mut socket = server.acknowledged(json!({})).await;
    socket.subscribe("1", "mutation{bump}").await;
    socket.assert_silent().await;
    drop(socket);
    while server.gauges.sockets.load(Ordering::SeqCst) != 0 {
        tokio::task::yield_now().await;
    }
    server.controls.finish.notify_one();
    server.settled().await;
    assert_eq!(server.controls.bumps.load(Ordering::SeqCst), 1);
}
