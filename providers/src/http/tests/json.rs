//! Fetching one document, from a server that sends arbitrary bytes.

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use std::sync::Arc;
use std::time::Duration;

use reqwest::Url;

use crate::error::{Error, Kind};
use crate::http::{Client, Limits, NoopObserver, Policy};
use crate::provider::Provider;

/// Sends `response` on every connection and closes it, or never responds if it is empty.
async fn server(response: &'static [u8]) -> Url {
    let listener = TcpListener::bind("127.0.0.1:0")
        .await
        .expect("a free loopback port");
    let address = listener
        .local_addr()
        .expect("a bound socket has an address");
    tokio::spawn(async move {
        let mut silent = Vec::new();
        while let Ok((mut socket, _)) = listener.accept().await {
            if response.is_empty() {
                silent.push(socket);
                continue;
            }
            tokio::spawn(async move {
                let mut request = vec![0; 4096];
                let read = socket.read(&mut request).await;
                if read.is_ok() && socket.write_all(response).await.is_ok() {
                    drop(socket.shutdown().await);
                }
            });
        }
    });
    format!("http://user:pa55word@{address}/things?token=s3cret")
        .parse()
        .expect("a well-formed URL")
}

fn client(limits: Limits) -> Client {
    Client::new(
        Provider::Clerk,
        Policy {
            limits,
            ..Policy::default()
        },
        Arc::new(NoopObserver),
    )
    .expect("the machine has root certificates")
}

async fn refused(response: &'static [u8], limits: Limits) -> Error {
    let error = client(limits)
        .get_json::<Value>(&server(response).await)
        .await
        .expect_err("the response is unusable");
    let shown = format!("{error} {error:?}");
    assert!(
        !shown.contains("s3cret") && !shown.contains("pa55word") && !shown.contains("hush"),
        "{shown}"
    );
    assert!(shown.contains("GET 127.0.0.1/things: "), "{shown}");
    error
}

#[tokio::test]
async fn reads_json_over_plain_http() {
    let url = server(b"HTTP/1.1 200 OK\r\ncontent-length: 7\r\n\r\n{\"a\":1}").await;
    let value: Value = client(Limits::default())
        .get_json(&url)
        .await
        .expect("a good response");
    assert_eq!(value, serde_json::json!({ "a": 1 }));
}

#[tokio::test]
async fn a_status_becomes_a_kind_and_the_body_is_not_quoted() {
    let cases: [(&'static [u8], Kind); 10] = [
        (b"HTTP/1.1 401 x\r\ncontent-length: 4\r\n\r\nhush", Kind::Unauthorized),
        (b"HTTP/1.1 403 x\r\ncontent-length: 0\r\n\r\n", Kind::Unauthorized),
        (b"HTTP/1.1 404 x\r\ncontent-length: 0\r\n\r\n", Kind::NotFound),
        (b"HTTP/1.1 409 x\r\ncontent-length: 0\r\n\r\n", Kind::Conflict),
        (b"HTTP/1.1 422 x\r\ncontent-length: 4\r\n\r\nhush", Kind::Rejected),
        (
            b"HTTP/1.1 429 x\r\nretry-after: 17\r\ncontent-length: 0\r\n\r\n",
            Kind::RateLimited { retry_after: Some(Duration::from_secs(17)) },
        ),
        (
            b"HTTP/1.1 429 x\r\nretry-after: Fri, 08 Jan 2027 00:00:00 GMT\r\ncontent-length: 0\r\n\r\n",
            Kind::RateLimited { retry_after: None },
        ),
        (b"HTTP/1.1 500 x\r\ncontent-length: 4\r\n\r\nhush", Kind::Unavailable),
        (b"HTTP/1.1 302 x\r\nlocation: http://127.0.0.1:1/hush\r\ncontent-length: 0\r\n\r\n", Kind::Malformed),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 8\r\n\r\n{\"hush\":", Kind::Malformed),
    ];
    for (response, kind) in cases {
        assert_eq!(refused(response, Limits::default()).await.kind, kind);
    }
}

#[tokio::test]
async fn a_body_over_the_cap_is_not_read_announced_or_not() {
    let limits = Limits {
        body_bytes: 16,
        ..Limits::default()
    };
    let announced = refused(
        b"HTTP/1.1 200 OK\r\ncontent-length: 99999999\r\n\r\n{",
        limits,
    )
    .await;
    let chunked = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n\
        a\r\n[111111111\r\na\r\n1111111111\r\n0\r\n\r\n";
    for error in [announced, refused(chunked, limits).await] {
        assert_eq!(error.kind, Kind::Malformed);
        assert!(error.detail.ends_with("too long"), "{error}");
    }
}

#[tokio::test]
async fn silence_ends() {
    let hour = Duration::from_secs(3600);
    let short = Duration::from_millis(20);
    for limits in [
        Limits {
            total: short,
            read: hour,
            ..Limits::default()
        },
        Limits {
            read: short,
            total: hour,
            ..Limits::default()
        },
    ] {
        let error = refused(b"", limits).await;
        assert_eq!(error.kind, Kind::Unavailable);
        assert!(error.detail.ends_with("timed out"), "{error}");
    }
}

#[tokio::test]
async fn a_truncated_response_is_unavailable() {
    let error = refused(
        b"HTTP/1.1 200 OK\r\ncontent-length: 50\r\n\r\n{\"a\":",
        Limits::default(),
    )
    .await;
    assert_eq!(error.kind, Kind::Unavailable);
    assert!(error.outcome_unknown());
}

#[tokio::test]
async fn https_is_spoken() {
    // The server talks plain text, so a client that can do TLS gets as far as refusing it.
    let mut url = server(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}").await;
    url.set_scheme("https")
        .expect("http and https can be swapped");
    let error = client(Limits::default())
        .get_json::<Value>(&url)
        .await
        .expect_err("not a TLS server");
    assert_eq!(error.kind, Kind::Unavailable);
    assert!(
        error.detail.contains("InvalidContentType") || error.detail.contains("corrupt message"),
        "{error}"
    );
}

#[test]
fn the_environments_proxy_is_not_used() {
    // The environment belongs to the process, so this takes another one.
    let this = std::env::current_exe().expect("tests are a program");
    let output = std::process::Command::new(this)
        .args(["--exact", "http::tests::json::reads_json_over_plain_http"])
        .envs(
            ["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"]
                .map(|name| (name, "http://127.0.0.1:1")),
        )
        .env_remove("no_proxy")
        .env_remove("NO_PROXY")
        .output()
        .expect("a program can be run twice");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && text.contains("1 passed"),
        "{text}"
    );
}
