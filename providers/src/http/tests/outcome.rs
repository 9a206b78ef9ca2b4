//! Whether a failed write may have been applied.

use super::server::{Action, Server, respond};
use super::*;

/// A single attempt, so that its outcome is not mixed with that of a retry.
fn single() -> Policy {
    let limits = Limits {
        total: Duration::from_millis(200),
        ..Limits::default()
    };
    Policy {
        limits,
        breaker: never_open(),
        retries: Retries {
            attempts: 1,
            ..Retries::default()
        },
        ..Policy::default()
    }
}

async fn failure(url: &Url, client: &Client) -> Error {
    let error = client
        .send(call(url, Safety::Once))
        .await
        .expect_err("there is no whole response");
    let shown = format!("{error} {error:?}");
    assert!(
        !shown.contains("s3cret") && !shown.contains("hush"),
        "{shown}"
    );
    assert!(
        shown.contains("POST /v2/things/{uid} at 127.0.0.1: "),
        "{shown}"
    );
    error
}

#[tokio::test]
async fn without_a_connection_nothing_was_applied() {
    let error = failure(&Server::unreachable().await, &client(single()).0).await;
    assert_eq!(
        (error.kind, error.outcome_unknown()),
        (Kind::Unavailable, false),
        "{error}"
    );
}

#[tokio::test]
async fn without_tls_nothing_was_applied() {
    // The TLS handshake never completes, and the total timeout ends first.
    let server = Server::sequence([Action::Hang]).await;
    let mut url = server.url();
    url.set_scheme("https")
        .expect("http and https can be swapped");
    let (client, _) = client(single());
    let error = failure(&url, &client).await;
    assert_eq!(
        (error.kind, error.outcome_unknown()),
        (Kind::Unavailable, false),
        "{error}"
    );
    // Without a body it is unknown whether the request was sent.
    let empty = Call {
        body: Body::Empty,
        ..call(&url, Safety::Once)
    };
    let error = client.send(empty).await.expect_err("there is no response");
    assert!(error.outcome_unknown(), "{error}");
}

#[tokio::test]
async fn after_a_connection_the_outcome_is_unknown() {
    let cut = "HTTP/1.1 200 OK\r\ncontent-length: 50\r\n\r\n{\"a\":".to_owned();
    let cases = [
        ("reset before anything was read", Action::ResetUnread),
        ("reset after the request was read", Action::ResetRead),
        ("hang", Action::Hang),
        ("closed without an response", Action::Send(String::new())),
        ("cut short", Action::Send(cut)),
        (
            "not HTTP",
            Action::Send("hush hush hush\r\n\r\n".to_owned()),
        ),
    ];
    let (client, _) = client(single());
    for (name, then) in cases {
        let server = Server::sequence([then]).await;
        let error = failure(&server.url(), &client).await;
        assert_eq!(
            (error.kind, error.outcome_unknown()),
            (Kind::Unavailable, true),
            "{name}: {error}"
        );
        assert_eq!(server.connections(), 1, "{name}: a write is not retried");
    }
}

#[tokio::test]
async fn a_reset_before_the_request_is_written_is_not_unknown() {
    let server = Server::sequence([Action::ResetAtOnce]).await;
    let (client, _) = client(single());
    for _ in 0..20 {
        let error = failure(&server.url(), &client).await;
        // The kernel decides whether the write or the reset comes first; the outcome must match.
        let before_writing = error.detail.contains("operation was canceled");
        assert_eq!(
            (error.kind, error.outcome_unknown()),
            (Kind::Unavailable, !before_writing),
            "{error}"
        );
    }
}

#[tokio::test]
async fn a_hang_within_the_response_times_out() {
    let server = Server::scripted(|_| Action::Hang).await;
    let limits = Limits {
        read: Duration::from_millis(50),
        ..Limits::default()
    };
    let error = failure(&server.url(), &client(Policy { limits, ..single() }).0).await;
    assert!(
        error.detail.ends_with("timed out") && error.outcome_unknown(),
        "{error}"
    );
}

#[tokio::test]
async fn after_a_response_too_long_the_outcome_is_unknown() {
    let limits = Limits {
        body_bytes: 16,
        ..Limits::default()
    };
    let chunked = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\na\r\n[111111111\r\na\r\n1111111111\r\n0\r\n\r\n";
    let (client, _) = client(Policy { limits, ..single() });
    for then in [
        respond(200, "", "[1111111111111111]"),
        Action::Send(chunked.to_owned()),
    ] {
        let server = Server::sequence([then]).await;
        let error = failure(&server.url(), &client).await;
        assert_eq!(
            (error.kind, error.outcome_unknown()),
            (Kind::Malformed, true),
            "{error}"
        );
    }
}

#[tokio::test]
async fn every_status_is_a_response() {
    let kinds = [
        (200, None),
        (302, Some(Kind::Malformed)),
        (400, Some(Kind::Rejected)),
        (404, Some(Kind::NotFound)),
        (429, Some(Kind::RateLimited { retry_after: None })),
        (500, Some(Kind::Unavailable)),
        (502, Some(Kind::Unavailable)),
    ];
    let (client, _) = client(single());
    for (status, kind) in kinds {
        let server = Server::sequence([respond(status, "location: /elsewhere\r\n", "hush")]).await;
        // The 429 pauses its credential, so each status has its own.
        let quota = Quota {
            key: &status.to_string(),
            per_minute: 60_000,
        };
        let response = client
            .send(Call {
                quota,
                ..call(&server.url(), Safety::Once)
            })
            .await
            .expect("an response");
        assert_eq!(
            (
                response.status.as_u16(),
                response.kind(),
                &response.body[..]
            ),
            (status, kind, &b"hush"[..])
        );
        assert!(
            !response.earlier_attempt_unknown && !format!("{response:?}").contains("hush"),
            "{response:?}"
        );
        assert_eq!(
            server.connections(),
            1,
            "{status}: neither retried nor redirected"
        );
        // The provider's module turns it into an error of this kind.
        let unknown =
            kind.is_some_and(|kind| Error::<()>::new(Provider::CalCom, kind, "").outcome_unknown());
        assert_eq!(unknown, matches!(status, 302 | 500 | 502), "{status}");
    }
}

#[tokio::test]
async fn an_unsent_retry_keeps_the_outcome_unknown() {
    // The first attempt was read; the second finds the breaker open.
    let server = Server::sequence([Action::ResetRead]).await;
    let breaker = Breaker {
        consecutive: 1,
        ..Breaker::default()
    };
    let (client, recorder) = client(Policy {
        breaker,
        ..policy()
    });
    let error = client
        .send(call(&server.url(), Safety::Idempotent))
        .await
        .expect_err("it was reset");
    assert!(error.outcome_unknown(), "{error}");
    assert_eq!(recorder.all(), ["open", "1 reset -", "2 breaker_open -"]);
}

#[tokio::test]
async fn the_response_to_a_retry_reports_an_unknown_earlier_attempt() {
    for (first, unknown) in [
        (Action::ResetRead, true),
        (respond(503, "", ""), true),
        (respond(429, "retry-after: 0\r\n", ""), false),
    ] {
        let server = Server::sequence([first, respond(404, "", "")]).await;
        let (client, _) = client(policy());
        let response = client
            .send(call(&server.url(), Safety::Idempotent))
            .await
            .expect("an response");
        assert_eq!(
            (response.status.as_u16(), response.earlier_attempt_unknown),
            (404, unknown)
        );
        let response = client
            .send(call(&server.url(), Safety::Read))
            .await
            .expect("an response");
        assert!(!response.earlier_attempt_unknown, "a read changes nothing");
    }
}
