//! What is sent again, and when.

use tokio::time::Instant;

use super::server::{Server, Then, say};
use super::*;

const ALL: [Safety; 3] = [Safety::Read, Safety::Idempotent, Safety::Once];

/// How many connections `first` costs each of [`ALL`], where everything after it is good.
async fn attempts(client: &Client, first: &Then) -> [usize; 3] {
    let mut counts = [0; 3];
    for (count, safety) in counts.iter_mut().zip(ALL) {
        let server = Server::saying([first.clone(), say(200, "", "{}")]).await;
        let result = client.send(call(&server.url(), safety)).await;
        *count = server.connections();
        let good = result.is_ok_and(|answer| answer.status == 200);
        assert_eq!(good, *count == 2, "{first:?} {safety:?}");
    }
    counts
}

#[tokio::test]
async fn only_what_does_no_harm_is_sent_again() {
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
        Then::Hang,
        Then::ResetUnread,
        Then::ResetRead,
        say(500, "", ""),
        say(502, "", ""),
        say(503, "", ""),
        say(504, "", ""),
    ] {
        assert_eq!(attempts(&client, &again).await, [2, 2, 1], "{again:?}");
    }
    assert_eq!(
        attempts(&client, &say(429, "retry-after: 0\r\n", "")).await,
        [2, 2, 2]
    );
    for never in [
        say(302, "location: /\r\n", ""),
        say(400, "", ""),
        say(401, "", ""),
        say(409, "", ""),
        say(501, "", ""),
    ] {
        assert_eq!(attempts(&client, &never).await, [1, 1, 1], "{never:?}");
    }
}

#[tokio::test]
async fn a_500_is_tried_once_more_and_a_503_until_the_attempts_are_used_up() {
    for (status, attempts) in [(500, 2), (503, 3)] {
        let server = Server::saying([say(status, "", "")]).await;
        let (client, heard) = client(policy());
        let answer = client
            .send(call(&server.url(), Safety::Read))
            .await
            .expect("an answer");
        assert_eq!(
            (answer.status.as_u16(), server.connections()),
            (status, attempts)
        );
        let told: Vec<_> = (1..=attempts)
            .map(|attempt| format!("{attempt} server_error {status}"))
            .collect();
        assert_eq!(heard.all(), told);
    }
}

#[tokio::test]
async fn a_refused_connection_is_tried_again_even_for_a_write() {
    let (client, heard) = client(policy());
    let error = client
        .send(call(&Server::nowhere().await, Safety::Once))
        .await
        .expect_err("nobody listens");
    assert!(!error.outcome_unknown(), "{error}");
    assert_eq!(
        heard.all(),
        ["1 unreachable -", "2 unreachable -", "3 unreachable -"]
    );
}

#[tokio::test(start_paused = true)]
async fn retry_after_is_obeyed() {
    for status in [429, 503] {
        let server =
            Server::saying([say(status, "retry-after: 7\r\n", ""), say(200, "", "{}")]).await;
        let (client, _) = client(policy());
        let answer = client
            .send(call(&server.url(), Safety::Read))
            .await
            .expect("an answer");
        let requests = server.requests();
        let gap = requests[1].1 - requests[0].1;
        assert_eq!(answer.status, 200);
        assert!((7.0..7.5).contains(&gap.as_secs_f64()), "{status}: {gap:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn longer_than_the_caller_has_is_not_waited() {
    for (status, kind) in [
        (
            429,
            Kind::RateLimited {
                retry_after: Some(Duration::from_secs(7)),
            },
        ),
        (503, Kind::Unavailable),
    ] {
        let server = Server::saying([say(status, "retry-after: 7\r\n", "")]).await;
        let (client, _) = client(policy());
        let began = Instant::now();
        let hurried = Call {
            budget: Some(Duration::from_secs(6)),
            ..call(&server.url(), Safety::Read)
        };
        let answer = client
            .send(hurried)
            .await
            .expect("their answer, and not one of ours");
        assert_eq!(answer.kind(), Some(kind));
        assert_eq!(server.connections(), 1);
        assert!(
            began.elapsed() < Duration::from_secs(1),
            "{:?}",
            began.elapsed()
        );
    }
}

#[tokio::test]
async fn the_callers_time_is_for_everything() {
    let server = Server::saying([Then::Hang]).await;
    let (client, _) = client(policy());
    let began = Instant::now();
    let hurried = Call {
        budget: Some(Duration::from_millis(200)),
        ..call(&server.url(), Safety::Read)
    };
    let error = client.send(hurried).await.expect_err("nobody answers");
    assert!(error.outcome_unknown() && server.connections() == 1);
    assert!(
        (200..2000).contains(&began.elapsed().as_millis()),
        "{:?}",
        began.elapsed()
    );
}

#[tokio::test]
async fn repetitions_do_not_multiply_the_load() {
    let server = Server::saying([say(503, "", "")]).await;
    let (client, _) = client(Policy {
        breaker: never_open(),
        ..policy()
    });
    for _ in 0..200 {
        let answer = client
            .send(call(&server.url(), Safety::Read))
            .await
            .expect("an answer");
        assert_eq!(answer.status, 503);
    }
    let sent = server.connections();
    assert!(
        (240..=255).contains(&sent),
        "a fifth more and the reserve, not three times as many: {sent}"
    );
}
