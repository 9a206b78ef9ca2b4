//! GraphQL over HTTP.

use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use futures_util::{FutureExt, StreamExt, stream};
use http::{Method, Request};

use super::super::TransportLimits;
use super::test_server::{TestServer, post};
use crate::engine::EngineOptions;

const NEWER: (&str, &str) = ("accept", "application/graphql-response+json");
const OLDER: (&str, &str) = ("accept", "application/json");

#[tokio::test]
async fn statuses_follow_the_media_type() {
    let server = TestServer::new();
    for (body, older, newer, code) in [
        (r#"{"query":"{hello}"}"#, 200, 200, ""),
        (r#"{"query":"{leak}"}"#, 200, 200, "INTERNAL"),
        (r#"{"query":"{"}"#, 200, 400, "GRAPHQL_PARSE_FAILED"),
        (
            r#"{"query":"{nope}"}"#,
            200,
            400,
            "GRAPHQL_VALIDATION_FAILED",
        ),
        (
            r#"{"query":"query($n:String!){greet(name:$n)}","variables":{"n":null}}"#,
            200,
            400,
            "BAD_USER_INPUT",
        ),
        (
            r#"{"query":"query A{hello}","operationName":"B"}"#,
            200,
            400,
            "OPERATION_RESOLUTION_FAILURE",
        ),
        (
            r#"{"query":"subscription{forever}"}"#,
            200,
            400,
            "OPERATION_NOT_SUPPORTED_HERE",
        ),
        (
            r#"{"extensions":{"persistedQuery":{"version":1,"sha256Hash":"00"}}}"#,
            200,
            400,
            "PERSISTED_QUERY_HASH_MISMATCH",
        ),
        (
            r#"{"query":"query Limited{hello}"}"#,
            429,
            429,
            "RATE_LIMITED",
        ),
        (r#"{"query":"{panic(really:true)}"}"#, 500, 500, "INTERNAL"),
        (r#"{"query":1}"#, 400, 400, "BAD_REQUEST"),
        ("{", 400, 400, "BAD_REQUEST"),
        ("", 400, 400, "BAD_REQUEST"),
        (
            r#"[{"query":"{hello}"}]"#,
            400,
            400,
            "BATCHING_NOT_SUPPORTED",
        ),
    ] {
        for (accept, status, content_type) in [
            (OLDER, older, "application/json; charset=utf-8"),
            (
                NEWER,
                newer,
                "application/graphql-response+json; charset=utf-8",
            ),
        ] {
            let reply = server.post(&[accept], body).await;
            assert_eq!(
                reply.status.as_u16(),
                status,
                "{body} {accept:?}: {}",
                reply.text
            );
            assert_eq!(reply.header("content-type"), content_type, "{body}");
            assert_eq!(reply.code(), code, "{body}");
            assert_eq!(
                reply.json().get("data").is_some(),
                matches!(code, "" | "INTERNAL") && status == 200,
                "{body}"
            );
        }
    }
}

#[tokio::test]
async fn requests_that_are_not_ours_are_told_why() {
    let server = TestServer::new();
    for (headers, status, code) in [
        (("content-type", "-"), 415, "UNSUPPORTED_MEDIA_TYPE"),
        (
            ("content-type", "text/plain"),
            415,
            "UNSUPPORTED_MEDIA_TYPE",
        ),
        (
            ("content-type", "application/x-www-form-urlencoded"),
            415,
            "UNSUPPORTED_MEDIA_TYPE",
        ),
        (("content-encoding", "gzip"), 415, "UNSUPPORTED_MEDIA_TYPE"),
        (("accept", "text/html"), 406, "NOT_ACCEPTABLE"),
        (("authorization", "Bearer forged"), 401, "UNAUTHENTICATED"),
        (("authorization", "Basic eDp5"), 401, "UNAUTHENTICATED"),
        (("authorization", ""), 401, "UNAUTHENTICATED"),
        (
            ("authorization", "Bearer down"),
            503,
            "AUTHENTICATION_UNAVAILABLE",
        ),
    ] {
        let reply = server.post(&[headers], r#"{"query":"{hello}"}"#).await;
        assert_eq!(
            (reply.status.as_u16(), reply.code().as_str()),
            (status, code),
            "{headers:?}"
        );
        assert_eq!(
            reply.header("www-authenticate"),
            if status == 401 {
                "Bearer error=\"invalid_token\""
            } else {
                ""
            }
        );
        assert_eq!(reply.header("cache-control"), "no-store");
    }
    for method in [
        Method::PUT,
        Method::DELETE,
        Method::PATCH,
        Method::HEAD,
        Method::TRACE,
    ] {
        for path in ["/graphql", "/graphql/stream"] {
            let reply = server
                .send(
                    Request::builder()
                        .method(&method)
                        .uri(path)
                        .body(Body::empty())
                        .expect("a request"),
                )
                .await;
            assert_eq!(
                (reply.status.as_u16(), reply.header("allow")),
                (405, "GET, POST, OPTIONS"),
                "{method} {path}"
            );
        }
    }
}

#[tokio::test]
async fn get_reads_and_never_writes() {
    let server = TestServer::new();
    let get = |uri: &'static str, header: Option<(&'static str, &'static str)>| {
        let request = header
            .into_iter()
            .fold(Request::get(uri), |request, (name, value)| {
                request.header(name, value)
            });
        server.send(request.body(Body::empty()).expect("a request"))
    };
    for header in [
        ("content-type", "application/json"),
        ("apollo-require-preflight", "1"),
        ("x-requested-with", "x"),
    ] {
        let reply = get(
            "/graphql?query=query(%24n:String!)%7Bgreet(name:%24n)%7D&variables=%7B%22n%22:%22you%22%7D",
            Some(header),
        )
        .await;
        assert_eq!(
            reply.json()["data"]["greet"],
            "Hi you",
            "{header:?} {}",
            reply.text
        );
    }
    for header in [
        None,
        Some(("content-type", "text/plain")),
        Some(("x-requested-with", " ")),
    ] {
        let reply = get("/graphql?query=%7Bhello%7D", header).await;
        assert_eq!(
            (reply.status.as_u16(), reply.code().as_str()),
            (400, "CSRF_PREVENTED"),
            "{header:?}"
        );
    }
    let reply = get(
        "/graphql?query=mutation%7Bbump%7D",
        Some(("x-requested-with", "x")),
    )
    .await;
    assert_eq!(
        (reply.status.as_u16(), reply.header("allow")),
        (405, "POST")
    );
    assert_eq!(server.controls.bumps.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn answers_carry_what_they_should() {
    let server = TestServer::new();
    let headers = [
        ("authorization", "Bearer good"),
        ("x-request-id", "trace-1"),
        ("origin", "https://app.example.com"),
    ];
    let reply = server
        .post(&headers, r#"{"query":"query Counted{who raw}"}"#)
        .await;
    assert_eq!(
        reply.text,
        "{\"data\":{\"who\":\"somebody trace-1\",\"raw\":{\"rendered\": [1,\n2]}},\
         \"extensions\":{\"cost\":{\"requested\":1,\"actual\":41,\"bucket\":\"toys\"}}}"
    );
    for (name, value) in [
        ("x-request-id", "trace-1"),
        ("x-content-type-options", "nosniff"),
        ("cache-control", "no-store"),
        ("vary", "Accept, Origin"),
        ("access-control-allow-origin", "https://app.example.com"),
        ("ratelimit-limit", "10"),
        ("ratelimit-remaining", "4"),
        ("ratelimit-reset", "2"),
    ] {
        assert_eq!(reply.header(name), value, "{name}");
    }
    let limited = server.query("query Limited{hello}").await;
    assert_eq!(
        (
            limited.header("retry-after"),
            limited.header("ratelimit-limit")
        ),
        ("7", "10")
    );
    let other = server
        .post(
            &[("x-request-id", "a b"), ("origin", "https://evil.test")],
            r#"{"query":"{hello}"}"#,
        )
        .await;
    assert_eq!(other.header("access-control-allow-origin"), "");
    assert_eq!(
        uuid::Uuid::parse_str(other.header("x-request-id"))
            .expect("our own id")
            .get_version_num(),
        7
    );
    assert_eq!(
        server.query("{cached}").await.header("cache-control"),
        "public, max-age=60"
    );
    assert_eq!(
        server.query("{cached hello}").await.header("cache-control"),
        "no-store"
    );
}

#[tokio::test]
async fn preflights_are_answered_for_listed_origins_only() {
    let server = TestServer::new();
    for (origin, allowed) in [
        ("https://app.example.com", "https://app.example.com"),
        ("https://evil.test", ""),
    ] {
        let request = Request::options("/graphql")
            .header("origin", origin)
            .header("access-control-request-method", "POST");
        let reply = server
            .send(request.body(Body::empty()).expect("a request"))
            .await;
        assert_eq!(
            (
                reply.status.as_u16(),
                reply.header("access-control-allow-origin")
            ),
            (204, allowed)
        );
        assert!(
            reply
                .header("access-control-allow-headers")
                .contains("authorization")
        );
    }
}

#[tokio::test]
async fn nothing_inside_is_shown() {
    let server = TestServer::with(
        TransportLimits::default(),
        EngineOptions {
            introspection: false,
            suggestions: false,
        },
    );
    let reply = server.query("{leak}").await;
    assert_eq!(reply.json()["data"], serde_json::json!({"leak": null}));
    assert_eq!(
        reply.json()["errors"][0]["message"],
        "Internal server error."
    );
    assert!(
        !server
            .query("{helo greeet}")
            .await
            .text
            .contains("Did you mean")
    );
    for query in [
        "{__schema{queryType{name}}}",
        "{__type(name:\"Query\"){name}}",
        "{...f} fragment f on Query{a:__schema{types{name}}}",
    ] {
        assert_eq!(
            server.query(query).await.code(),
            "INTROSPECTION_DISABLED",
            "{query}"
        );
    }
    assert_eq!(
        server.query("{__typename}").await.json()["data"]["__typename"],
        "Query"
    );
}

#[tokio::test]
async fn bodies_are_bounded_in_size_and_time() {
    let server = TestServer::with(
        TransportLimits {
            body_timeout: Duration::from_millis(1),
            ..TransportLimits::default()
        },
        EngineOptions {
            introspection: true,
            suggestions: true,
        },
    );
    let stuck = stream::iter([Ok::<_, std::io::Error>(Bytes::from_static(b"{\"query"))])
        .chain(stream::pending());
    let reply = server.post(&[], Body::from_stream(stuck)).await;
    assert_eq!(
        (
            reply.status.as_u16(),
            reply.code().as_str(),
            reply.header("connection")
        ),
        (408, "REQUEST_TIMEOUT", "close")
    );
    let patient = TestServer::new();
    let padded = |size: usize| format!("{}{}", r#"{"query":"{hello}"}"#, " ".repeat(size - 19));
    assert_eq!(patient.post(&[], padded(256 * 1024)).await.status, 200);
    let chunks = |size: usize| {
        Body::from_stream(stream::iter(
            padded(size)
                .into_bytes()
                .chunks(7_000)
                .map(|chunk| Ok::<_, std::io::Error>(chunk.to_vec()))
                .collect::<Vec<_>>(),
        ))
    };
    assert_eq!(patient.post(&[], chunks(256 * 1024)).await.status, 200);
    for reply in [
        patient.post(&[], padded(256 * 1024 + 1)).await,
        patient.post(&[], chunks(256 * 1024 + 1)).await,
        patient
            .post(&[("content-length", "99999999999")], Body::empty())
            .await,
    ] {
        assert_eq!(
            (reply.status.as_u16(), reply.code().as_str()),
            (413, "PAYLOAD_TOO_LARGE")
        );
    }
    let broken = stream::iter([Err::<Bytes, _>(std::io::Error::other("gone"))]);
    assert_eq!(
        patient.post(&[], Body::from_stream(broken)).await.code(),
        "BAD_REQUEST"
    );
}

#[tokio::test]
async fn queries_are_cut_and_mutations_are_not() {
    let server = TestServer::with(
        TransportLimits {
            execution_timeout: Duration::from_millis(1),
            ..TransportLimits::default()
        },
        EngineOptions {
            introspection: true,
            suggestions: true,
        },
    );
    let cut = server.query("{never}").await;
    assert_eq!(
        (cut.status.as_u16(), cut.code().as_str()),
        (200, "EXECUTION_TIMEOUT")
    );
    assert_eq!(cut.json()["data"], serde_json::Value::Null);
    // The client disconnects while the mutation waits.
    let mut request = server.request(post("/graphql", &[], r#"{"query":"mutation{bump}"}"#));
    while server.lifecycle.tracker.is_empty() {
        assert!(
            request.as_mut().now_or_never().is_none(),
            "the mutation waits to be let go"
        );
        tokio::task::yield_now().await;
    }
    drop(request);
    server.controls.finish.notify_one();
    server.settled().await;
    assert_eq!(server.controls.bumps.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn too_much_at_once_is_refused() {
    let server = TestServer::with(
        TransportLimits {
            concurrent_executions: 0,
            ..TransportLimits::default()
        },
        EngineOptions {
            introspection: true,
            suggestions: true,
        },
    );
    let reply = server.query("{hello}").await;
    assert_eq!(
        (
            reply.status.as_u16(),
            reply.code().as_str(),
            reply.header("retry-after")
        ),
        (503, "OVERLOADED", "1")
    );
}

#[tokio::test]
async fn persisted_queries_work_from_end_to_end() {
    let server = TestServer::new();
    let hash = hex::encode(<sha2::Sha256 as sha2::Digest>::digest(b"{hello}"));
    let by_hash =
        format!(r#"{{"extensions":{{"persistedQuery":{{"version":1,"sha256Hash":"{hash}"}}}}}}"#);
    assert_eq!(
        server.post(&[], by_hash.clone()).await.code(),
        "PERSISTED_QUERY_NOT_FOUND"
    );
    let with_text = by_hash.replacen('{', r#"{"query":"{hello}","#, 1);
    assert_eq!(
        server.post(&[], with_text).await.json()["data"]["hello"],
        "world"
    );
    assert_eq!(
        server.post(&[], by_hash).await.json()["data"]["hello"],
        "world"
    );
}
