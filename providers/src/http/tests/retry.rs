//! Which calls are retried, and when.

use tokio::time::Instant;

use super::server::{Action, Server, respond};
use super::*;

const ALL: [Safety; 3] = [Safety::Read, Safety::Idempotent, Safety::Once];

/// The number of requests each of [`ALL`] sends when the first one gets `first` and the next a 200.
async fn attempts(client: &Client, first: &Action) -> [usize; 3] {
    let mut counts = [0; 3];
    for (count, safety) in counts.iter_mut().zip(ALL) {
        let server = Server::sequence([first.clone(), respond(200, "", "{}")]).await;
        let result = client.send(call(&server.url(), safety)).await;
        *count = server.connections();
        let good = result.is_ok_and(|response| response.status == 200);
        assert_eq!(good, *count == 2, "{first:?} {safety:?}");
    }
    counts
}

#[tokio::test]
async fn only_safe_calls_are_retried() {
    let limits = Limits {
        total: Duration::from_millis(150),
        ..Limits::default()
    };
    let retries = Retries {
        share: 1.0,
        ..policy().retries
    };
    let (client, _) = client(Policy {
        limits,
        retries,
        breaker: never_open(),
        ..policy()
    });
    for again in [
        Action::Hang,
        Action::ResetUnread,
        Action::ResetRead,
        respond(500, "", ""),
        respond(502, "", ""),
        respond(503, "", ""),
        respond(504, "", ""),
    ] {
        assert_eq!(attempts(&client, &again).await, [2, 2, 1], "{again:?}");
    }
    assert_eq!(
        attempts(&client, &respond(429, "retry-after: 0\r\n", "")).await,
        [2, 2, 2]
    );
    for never in [
        respond(302, "location: /\r\n", ""),
        respond(400, "", ""),
        respond(401, "", ""),
        respond(409, "", ""),
        respond(501, "", ""),
    ] {
        assert_eq!(attempts(&client, &never).await, [1, 1, 1], "{never:?}");
    }
}

#[tokio::test]
async fn a_500_is_retried_once_and_a_503_until_the_last_attempt() {
    for (status, attempts) in [(500, 2), (503, 3)] {
        let server = Server::sequence([respond(status, "", "")]).await;
        let (client, recorder) = client(policy());
        let response = client
            .send(call(&server.url(), Safety::Read))
            .await
            .expect("an response");
        assert_eq!(
            (response.status.as_u16(), server.connections()),
            (status, attempts)
        );
        let events: Vec<_> = (1..=attempts)
            .map(|attempt| format!("{attempt} server_error {status}"))
            .collect();
        assert_eq!(recorder.all(), events);
    }
}

#[tokio::test]
async fn a_refused_connection_is_retried_even_for_a_write() {
    let (client, recorder) = client(policy());
    let error = client
        .send(call(&Server::unreachable().await, Safety::Once))
        .await
        .expect_err("the port is closed");
    assert!(!error.outcome_unknown(), "{error}");
    assert_eq!(
        recorder.all(),
        ["1 unreachable -", "2 unreachable -", "3 unreachable -"]
    );
}

#[tokio::test(start_paused = true)]
async fn retry_after_is_obeyed() {
    for status in [429, 503] {
        let server = Server::sequence([
            respond(status, "retry-after: 7\r\n", ""),
            respond(200, "", "{}"),
        ])
        .await;
        let (client, _) = client(policy());
        let response = client
            .send(call(&server.url(), Safety::Read))
            .await
            .expect("an response");
        let requests = server.requests();
        let gap = requests[1].1 - requests[0].1;
        assert_eq!(response.status, 200);
        assert!((7.0..7.5).contains(&gap.as_secs_f64()), "{status}: {gap:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_retry_after_beyond_the_deadline_is_not_waited_for() {
    for (status, kind) in [
        (
            429,
            Kind::RateLimited {
                retry_after: Some(Duration::from_secs(7)),
            },
        ),
        (503, Kind::Unavailable),
    ] {
        let server = Server::sequence([respond(status, "retry-after: 7\r\n", "")]).await;
        let (client, _) = client(policy());
        let began = Instant::now();
        let short = Call {
            budget: Some(Duration::from_secs(6)),
            ..call(&server.url(), Safety::Read)
        };
        let response = client
            .send(short)
            .await
            .expect("the response of the provider, not an error of ours");
        assert_eq!(response.kind(), Some(kind));
        assert_eq!(server.connections(), 1);
        assert!(
            began.elapsed() < Duration::from_secs(1),
            "{:?}",
            began.elapsed()
        );
    }
}

#[tokio::test]
async fn the_budget_covers_all_attempts() {
    let server = Server::sequence([Action::Hang]).await;
    let (client, _) = client(policy());
    let began = Instant::now();
    let short = Call {
        budget: Some(Duration::from_millis(200)),
        ..call(&server.url(), Safety::Read)
    };
    let error = client.send(short).await.expect_err("there is no response");
    assert!(error.outcome_unknown() && server.connections() == 1);
    assert!(
        (200..2000).contains(&began.elapsed().as_millis()),
        "{:?}",
        began.elapsed()
    );
}

#[tokio::test]
async fn retries_do_not_multiply_the_load() {
    let server = Server::sequence([respond(503, "", "")]).await;
    let (client, _) = client(Policy {
        breaker: never_open(),
        ..policy()
    });
    for _ in 0..200 {
        let response = client
            .send(call(&server.url(), Safety::Read))
            .await
            .expect("an response");
        assert_eq!(response.status, 503);
    }
    let sent = server.connections();
    assert!(
        (240..=255).contains(&sent),
        "a fifth more plus the reserve, not three times as many: {sent}"
    );
}
