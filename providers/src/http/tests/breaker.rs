//! The breaker around real exchanges.

use tokio::time::{Instant, advance};

use super::server::{Action, Server, respond};
use super::*;

fn single() -> Policy {
    Policy {
        retries: Retries {
            attempts: 1,
            ..Retries::default()
        },
        ..Policy::default()
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_is_sent_while_open_and_one_probe_while_half_open() {
    let server = Server::scripted(|number| {
        if number < 6 {
            respond(503, "", "")
        } else {
            respond(200, "", "{}")
        }
    })
    .await;
    let (client, recorder) = client(single());
    let send = || client.send(call(&server.url(), Safety::Once));
    for _ in 0..5 {
        assert_eq!(send().await.expect("an response").status, 503);
    }
    for _ in 0..100 {
        let error = send().await.expect_err("the breaker is open");
        assert_eq!(
            (error.kind, error.outcome_unknown()),
            (Kind::Unavailable, false),
            "{error}"
        );
    }
    assert_eq!(server.connections(), 5, "none of a hundred was sent");
    advance(Duration::from_secs(10)).await;
    let (first, second) = tokio::join!(send(), send());
    assert_eq!(first.expect("the probe has a response").status, 503);
    assert!(second.is_err(), "there is only one probe");
    assert_eq!(server.connections(), 6);
    assert!(send().await.is_err(), "the probe failed");
    advance(Duration::from_secs(10)).await;
    for _ in 0..10 {
        assert_eq!(
            send().await.expect("the breaker is closed again").status,
            200
        );
    }
    let changes: Vec<_> = recorder
        .all()
        .into_iter()
        .filter(|events| !events.contains(' '))
        .collect();
    assert_eq!(
        changes,
        ["open", "half_open", "open", "half_open", "closed"]
    );
    assert_eq!(
        recorder
            .all()
            .iter()
            .filter(|events| *events == "1 breaker_open -")
            .count(),
        102
    );
}

#[tokio::test]
async fn client_errors_leave_it_closed() {
    for status in [400, 401, 404, 409, 422] {
        let server = Server::sequence([respond(status, "", "")]).await;
        let (client, _) = client(single());
        for _ in 0..30 {
            let response = client
                .send(call(&server.url(), Safety::Once))
                .await
                .expect("an response");
            assert_eq!(response.status.as_u16(), status);
        }
        assert_eq!(server.connections(), 30);
    }
}

#[tokio::test(start_paused = true)]
async fn a_429_is_not_a_failure() {
    let server = Server::sequence([respond(429, "retry-after: 0\r\n", "")]).await;
    let (client, recorder) = client(single());
    for _ in 0..30 {
        let response = client
            .send(call(&server.url(), Safety::Once))
            .await
            .expect("an response");
        assert_eq!(response.status, 429);
    }
    assert!(
        recorder
            .all()
            .iter()
            .all(|events| events == "1 rate_limited 429"),
        "{:?}",
        recorder.all()
    );
}

#[tokio::test]
async fn hanging_calls_open_it_even_when_they_are_canceled() {
    let server = Server::sequence([Action::Hang]).await;
    let breaker = Breaker {
        min_wait: Duration::from_millis(50),
        ..Breaker::default()
    };
    let (client, recorder) = client(Policy {
        breaker,
        ..single()
    });
    for _ in 0..5 {
        let canceled = tokio::time::timeout(
            Duration::from_millis(80),
            client.send(call(&server.url(), Safety::Once)),
        )
        .await;
        assert!(canceled.is_err(), "there is no response");
    }
    let began = Instant::now();
    assert!(
        client
            .send(call(&server.url(), Safety::Once))
            .await
            .is_err()
    );
    assert!(
        began.elapsed() < Duration::from_millis(50),
        "it is refused at once"
    );
    assert_eq!(server.connections(), 5);
    assert_eq!(
        recorder
            .all()
            .iter()
            .filter(|events| *events == "1 canceled -")
            .count(),
        5
    );
}
