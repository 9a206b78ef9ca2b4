//! Server-sent events.

use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::body::Body;
use futures_util::StreamExt;
use http::Request;

use super::super::TransportLimits;
use super::test_server::{TestServer, post};
use crate::engine::EngineOptions;

const EVENTS: (&str, &str) = ("accept", "text/event-stream");

fn body(query: &str) -> String {
    serde_json::json!({ "query": query }).to_string()
}

/// The events of a stream, without comments, as `name: data`.
fn events(text: &str) -> Vec<String> {
    let event = |block: &str| {
        let field = |name: &str| {
            let values = block
                .lines()
                .filter_map(|line| line.strip_prefix(name))
                .map(|value| value.trim_start_matches(' '));
            values.collect::<Vec<_>>().join("\n")
        };
        format!("{}: {}", field("event:"), field("data:"))
    };
    text.split("\n\n")
        .filter(|block| !block.is_empty() && *block != ":")
        .map(event)
        .collect()
}

#[tokio::test]
async fn every_answer_is_a_next_and_the_end_is_a_complete() {
    let server = TestServer::new();
    for path in ["/graphql", "/graphql/stream"] {
        let reply = server
            .send(post(path, &[EVENTS], body("subscription{greetings}")))
            .await;
        assert_eq!(reply.status, 200);
        for (name, value) in [
            ("content-type", "text/event-stream; charset=utf-8"),
            ("cache-control", "no-cache"),
            ("x-accel-buffering", "no"),
        ] {
            assert_eq!(reply.header(name), value);
        }
        let found = events(&reply.text);
        assert_eq!(found.len(), 4, "{}", reply.text);
        assert!(
            found[0].starts_with("next: {\"data\":{\"greetings\":\"Hi\"}"),
            "{found:?}"
        );
        assert!(
            reply.text.starts_with(":\n\n") && reply.text.ends_with("event: complete\ndata:\n\n"),
            "{}",
            reply.text
        );
        let raw = server.send(post(path, &[EVENTS], body("{raw}"))).await;
        let json = events(&raw.text)[0].trim_start_matches("next: ").to_owned();
        assert_eq!(
            serde_json::from_str::<serde_json::Value>(&json).expect("JSON over two lines")["data"]
                ["raw"]["rendered"][1],
            2
        );
        let get = Request::get(format!("{path}?query=subscription%7Bgreetings%7D"))
            .header("accept", EVENTS.1)
            .header("x-requested-with", "x");
        assert_eq!(
            events(
                &server
                    .send(get.body(Body::empty()).expect("a request"))
                    .await
                    .text
            )
            .len(),
            4
        );
    }
    server.settled().await;
}

#[tokio::test]
async fn each_event_of_a_source_is_executed_by_itself() {
    let server = TestServer::new();
    let told = async |query: &str| {
        let reply = server.send(post("/graphql/stream", &[], body(query))).await;
        let mut found = events(&reply.text);
        assert_eq!(found.pop().as_deref(), Some("complete: "), "{}", reply.text);
        let json = |event: &String| {
            serde_json::from_str(event.trim_start_matches("next: ")).expect("JSON")
        };
        found.iter().map(json).collect::<Vec<serde_json::Value>>()
    };
    let answers = told("subscription{number: sourced}").await;
    let numbers: Vec<_> = answers
        .iter()
        .map(|answer| answer["data"]["number"].as_i64())
        .collect();
    assert_eq!(numbers, [Some(0), Some(1), Some(3), None]);
    // No response includes the cost of another one.
    assert!(
        answers
            .iter()
            .all(|answer| answer["extensions"]["cost"]["actual"] == 41),
        "{answers:?}"
    );
    assert_eq!(answers[3]["errors"][0]["extensions"]["code"], "FORBIDDEN");
    let twice =
        told("subscription{number: sourced ...More} fragment More on Events{number: sourced}")
            .await;
    assert_eq!(twice, answers, "one field, however often it is written");
    let answers = told("subscription($at: Int){sourced(panicAt: $at)}").await;
    assert_eq!(
        answers.len(),
        4,
        "a variable that was not given: {answers:?}"
    );
    let answers = told("subscription{sourced(panicAt: 1)}").await;
    assert_eq!(answers[0]["data"]["sourced"], 0);
    assert_eq!(answers[1]["errors"][0]["extensions"]["code"], "INTERNAL");
    assert_eq!(answers.len(), 2);
    server.settled().await;
}

#[tokio::test]
async fn a_document_that_cannot_run_is_one_next() {
    let server = TestServer::new();
    for (query, code) in [
        ("{nope}", "GRAPHQL_VALIDATION_FAILED"),
        ("{", "GRAPHQL_PARSE_FAILED"),
    ] {
        let reply = server.send(post("/graphql/stream", &[], body(query))).await;
        assert_eq!(reply.status, 200);
        let found = events(&reply.text);
        assert!(
            found[0].starts_with("next: {\"errors\":[") && found[0].contains(code),
            "{found:?}"
        );
        assert_eq!(found[1..], ["complete: "]);
    }
    let failing = server
        .send(post(
            "/graphql/stream",
            &[EVENTS],
            body("subscription{failing}"),
        ))
        .await;
    assert!(
        events(&failing.text)[0].contains("FORBIDDEN"),
        "{}",
        failing.text
    );
}

#[tokio::test]
async fn failures_of_the_request_are_plain_http() {
    let server = TestServer::new();
    for (headers, text, status, code) in [
        (
            [EVENTS, ("authorization", "Bearer forged")],
            body("{hello}"),
            401,
            "UNAUTHENTICATED",
        ),
        (
            [EVENTS, ("content-type", "text/plain")],
            body("{hello}"),
            415,
            "UNSUPPORTED_MEDIA_TYPE",
        ),
        (
            [("accept", "application/json"), ("x-a", "b")],
            body("{hello}"),
            406,
            "NOT_ACCEPTABLE",
        ),
        ([EVENTS, ("x-a", "b")], "{}".to_owned(), 400, "BAD_REQUEST"),
        (
            [EVENTS, ("x-a", "b")],
            body("query Limited{hello}"),
            429,
            "RATE_LIMITED",
        ),
    ] {
        let reply = server.send(post("/graphql/stream", &headers, text)).await;
        assert_eq!(
            (reply.status.as_u16(), reply.code().as_str()),
            (status, code),
            "{headers:?}"
        );
        assert_eq!(
            reply.header("content-type"),
            "application/json; charset=utf-8"
        );
    }
    for (uri, header, status) in [
        ("/graphql/stream?query=%7Bhello%7D", ("x-a", "b"), 400),
        (
            "/graphql/stream?query=mutation%7Bbump%7D",
            ("x-requested-with", "x"),
            405,
        ),
    ] {
        let get = Request::get(uri)
            .header("accept", EVENTS.1)
            .header(header.0, header.1);
        assert_eq!(
            server
                .send(get.body(Body::empty()).expect("a request"))
                .await
                .status
                .as_u16(),
            status,
            "{uri}"
        );
    }
}

#[tokio::test]
async fn clients_that_take_both_get_events_only_for_subscriptions() {
    let server = TestServer::new();
    let both = (
        "accept",
        "application/graphql-response+json, application/json, text/event-stream, multipart/mixed",
    );
    assert_eq!(
        server.post(&[both], body("{hello}")).await.json()["data"]["hello"],
        "world"
    );
    assert_eq!(
        events(
            &server
                .post(&[both], body("subscription{greetings}"))
                .await
                .text
        )
        .len(),
        4
    );
}

#[tokio::test]
async fn a_quiet_stream_is_kept_alive_and_ends_with_its_session() {
    let limits = TransportLimits {
        heartbeat_interval: Duration::from_millis(1),
        ..TransportLimits::default()
    };
    let server = TestServer::with(
        limits,
        EngineOptions {
            introspection: true,
            suggestions: true,
        },
    );
    let short = [EVENTS, ("authorization", "Bearer short")];
    let response = server
        .request(post(
            "/graphql/stream",
            &short,
            body("subscription{forever}"),
        ))
        .await
        .unwrap_or_else(|never| match never {});
    let mut data = response.into_body().into_data_stream();
    for _ in 0..3 {
        assert_eq!(
            data.next().await.expect("a comment").expect("bytes"),
            ":\n\n"
        );
    }
    assert_eq!(server.gauges.operations.load(Ordering::SeqCst), 1);
    server.controls.expire.notify_one();
    let mut rest = String::new();
    while let Some(piece) = data.next().await {
        rest += std::str::from_utf8(&piece.expect("bytes")).expect("UTF-8");
    }
    let found = events(&rest);
    assert!(
        found[0].contains("\"code\":\"UNAUTHENTICATED\""),
        "{found:?}"
    );
    assert_eq!(found[1..], ["complete: "]);
    drop(data);
    server.settled().await;
}

#[tokio::test]
async fn a_stop_or_a_hang_up_ends_a_stream_without_a_complete() {
    let server = TestServer::new();
    let open = || async {
        server
            .request(post("/graphql/stream", &[], body("subscription{forever}")))
            .await
            .unwrap_or_else(|never| match never {})
    };
    // The hooks have three permits.
    let all = [open().await, open().await, open().await];
    let refused = server
        .send(post("/graphql/stream", &[], body("subscription{forever}")))
        .await;
    assert_eq!(
        (refused.status.as_u16(), refused.code().as_str()),
        (429, "RATE_LIMITED")
    );
    assert_eq!(server.gauges.operations.load(Ordering::SeqCst), 3);
    drop(all);
    assert_eq!(server.gauges.operations.load(Ordering::SeqCst), 0);
    let response = open().await;
    server.lifecycle.shutdown.cancel();
    let text: Vec<_> = response
        .into_body()
        .into_data_stream()
        .map(|piece| piece.expect("bytes"))
        .collect()
        .await;
    assert_eq!(text, [":\n\n"]);
    server.settled().await;
}
