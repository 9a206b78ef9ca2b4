//! After a write that failed: may it have happened?

use super::server::{Server, Then, say};
use super::*;

/// One attempt, so that what is known of it is not mixed with another.
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
        .expect_err("there is no whole answer");
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
async fn without_a_connection_nothing_happened() {
    let error = failure(&Server::nowhere().await, &client(single()).0).await;
    assert_eq!(
        (error.kind, error.outcome_unknown()),
        (Kind::Unavailable, false),
        "{error}"
    );
}

#[tokio::test]
async fn without_tls_nothing_happened() {
    // Their greeting is never answered, and the time is up before the connection's own.
    let server = Server::saying([Then::Hang]).await;
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
    // Without a body we cannot tell, so we do not say.
    let empty = Call {
        body: Body::Empty,
        ..call(&url, Safety::Once)
    };
    let error = client.send(empty).await.expect_err("nobody answers");
    assert!(error.outcome_unknown(), "{error}");
}

#[tokio::test]
async fn after_a_connection_anything_may_have_happened() {
    let cut = "HTTP/1.1 200 OK\r\ncontent-length: 50\r\n\r\n{\"a\":".to_owned();
    let cases = [
        ("reset before anything was read", Then::ResetUnread),
        ("reset after the request was read", Then::ResetRead),
        ("hang", Then::Hang),
        ("closed without an answer", Then::Say(String::new())),
        ("cut short", Then::Say(cut)),
        ("not HTTP", Then::Say("hush hush hush\r\n\r\n".to_owned())),
    ];
    let (client, _) = client(single());
    for (name, then) in cases {
        let server = Server::saying([then]).await;
        let error = failure(&server.url(), &client).await;
        assert_eq!(
            (error.kind, error.outcome_unknown()),
            (Kind::Unavailable, true),
            "{name}: {error}"
        );
        assert_eq!(server.connections(), 1, "{name}: a write is not repeated");
    }
}

#[tokio::test]
async fn a_connection_that_breaks_first_took_nothing_along() {
    let server = Server::saying([Then::ResetAtOnce]).await;
    let (client, _) = client(single());
    for _ in 0..20 {
        let error = failure(&server.url(), &client).await;
        // Which of the two comes first is the kernel's choice; what we say of it has to fit.
        let before_writing = error.detail.contains("operation was canceled");
        assert_eq!(
            (error.kind, error.outcome_unknown()),
            (Kind::Unavailable, !before_writing),
            "{error}"
        );
    }
}

#[tokio::test]
async fn a_hang_in_the_middle_of_the_answer_ends_too() {
    let server = Server::doing(|_| Then::Hang).await;
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
async fn an_answer_too_long_may_have_happened() {
    let limits = Limits {
        body_bytes: 16,
        ..Limits::default()
    };
    let chunked = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\na\r\n[111111111\r\na\r\n1111111111\r\n0\r\n\r\n";
    let (client, _) = client(Policy { limits, ..single() });
    for then in [
        say(200, "", "[1111111111111111]"),
        Then::Say(chunked.to_owned()),
    ] {
        let server = Server::saying([then]).await;
        let error = failure(&server.url(), &client).await;
        assert_eq!(
            (error.kind, error.outcome_unknown()),
            (Kind::Malformed, true),
            "{error}"
        );
    }
}

#[tokio::test]
async fn answers_are_answers_whatever_their_status() {
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
        let server = Server::saying([say(status, "location: /elsewhere\r\n", "hush")]).await;
        // The 429 rests its credential, so each has its own.
        let bucket = Bucket {
            key: &status.to_string(),
            per_minute: 60_000,
        };
        let answer = client
            .send(Call {
                bucket,
                ..call(&server.url(), Safety::Once)
            })
            .await
            .expect("an answer");
        assert_eq!(
            (answer.status.as_u16(), answer.kind(), &answer.body[..]),
            (status, kind, &b"hush"[..])
        );
        assert!(
            !answer.doubtful && !format!("{answer:?}").contains("hush"),
            "{answer:?}"
        );
        assert_eq!(
            server.connections(),
            1,
            "{status}: neither repeated nor redirected"
        );
        // What the provider's module makes of it, which is all that callers see.
        let unknown =
            kind.is_some_and(|kind| Error::new(Provider::CalCom, kind, "").outcome_unknown());
        assert_eq!(unknown, matches!(status, 302 | 500 | 502), "{status}");
    }
}

#[tokio::test]
async fn a_repetition_that_never_left_does_not_undo_the_doubt() {
    // The first attempt was read; the second finds the breaker open, and the third nobody at all.
    let server = Server::saying([Then::ResetRead]).await;
    let breaker = Breaker {
        consecutive: 1,
        ..Breaker::default()
    };
    let (client, heard) = client(Policy {
        breaker,
        ..policy()
    });
    let error = client
        .send(call(&server.url(), Safety::Idempotent))
        .await
        .expect_err("it was reset");
    assert!(error.outcome_unknown(), "{error}");
    assert_eq!(heard.all(), ["open", "1 reset -", "2 breaker_open -"]);
}

#[tokio::test]
async fn an_answer_to_a_repetition_says_that_it_is_one() {
    for (first, doubtful) in [
        (Then::ResetRead, true),
        (say(503, "", ""), true),
        (say(429, "retry-after: 0\r\n", ""), false),
    ] {
        let server = Server::saying([first, say(404, "", "")]).await;
        let (client, _) = client(policy());
        let answer = client
            .send(call(&server.url(), Safety::Idempotent))
            .await
            .expect("an answer");
        assert_eq!((answer.status.as_u16(), answer.doubtful), (404, doubtful));
        let answer = client
            .send(call(&server.url(), Safety::Read))
            .await
            .expect("an answer");
        assert!(!answer.doubtful, "there is no doubt about a read");
    }
}
