//! The breaker around real exchanges.

use tokio::time::{Instant, advance};

use super::server::{Server, Then, say};
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
async fn open_it_asks_nobody_and_half_open_one() {
    let server = Server::doing(|number| {
        if number < 6 {
            say(503, "", "")
        } else {
            say(200, "", "{}")
        }
    })
    .await;
    let (client, heard) = client(single());
    let ask = || client.send(call(&server.url(), Safety::Once));
    for _ in 0..5 {
        assert_eq!(ask().await.expect("an answer").status, 503);
    }
    for _ in 0..100 {
        let error = ask().await.expect_err("it is open");
        assert_eq!(
            (error.kind, error.outcome_unknown()),
            (Kind::Unavailable, false),
            "{error}"
        );
    }
    assert_eq!(server.connections(), 5, "none of a hundred was sent");
    advance(Duration::from_secs(10)).await;
    let (first, second) = tokio::join!(ask(), ask());
    assert_eq!(first.expect("the probe is answered").status, 503);
    assert!(second.is_err(), "only one may try");
    assert_eq!(server.connections(), 6);
    assert!(ask().await.is_err(), "the probe failed");
    advance(Duration::from_secs(10)).await;
    for _ in 0..10 {
        assert_eq!(ask().await.expect("it is closed again").status, 200);
    }
    let changes: Vec<_> = heard
        .all()
        .into_iter()
        .filter(|told| !told.contains(' '))
        .collect();
    assert_eq!(
        changes,
        ["open", "half_open", "open", "half_open", "closed"]
    );
    assert_eq!(
        heard
            .all()
            .iter()
            .filter(|told| *told == "1 breaker_open -")
            .count(),
        102
    );
}

#[tokio::test]
async fn client_errors_leave_it_closed() {
    for status in [400, 401, 404, 409, 422] {
        let server = Server::saying([say(status, "", "")]).await;
        let (client, _) = client(single());
        for _ in 0..30 {
            let answer = client
                .send(call(&server.url(), Safety::Once))
                .await
                .expect("an answer");
            assert_eq!(answer.status.as_u16(), status);
        }
        assert_eq!(server.connections(), 30);
    }
}

#[tokio::test(start_paused = true)]
async fn a_429_is_no_illness() {
    let server = Server::saying([say(429, "retry-after: 0\r\n", "")]).await;
    let (client, heard) = client(single());
    for _ in 0..30 {
        let answer = client
            .send(call(&server.url(), Safety::Once))
            .await
            .expect("an answer");
        assert_eq!(answer.status, 429);
    }
    assert!(
        heard.all().iter().all(|told| told == "1 rate_limited 429"),
        "{:?}",
        heard.all()
    );
}

#[tokio::test]
async fn hangs_open_it_even_when_callers_leave_first() {
    let server = Server::saying([Then::Hang]).await;
    let breaker = Breaker {
        patience: Duration::from_millis(50),
        ..Breaker::default()
    };
    let (client, heard) = client(Policy {
        breaker,
        ..single()
    });
    for _ in 0..5 {
        let left = tokio::time::timeout(
            Duration::from_millis(80),
            client.send(call(&server.url(), Safety::Once)),
        )
        .await;
        assert!(left.is_err(), "nobody answers");
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
        "it does not wait"
    );
    assert_eq!(server.connections(), 5);
    assert_eq!(
        heard
            .all()
            .iter()
            .filter(|told| *told == "1 canceled -")
            .count(),
        5
    );
}
