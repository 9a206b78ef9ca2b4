//! The bulkhead around real exchanges.

use super::server::{Action, Server, respond};
use super::*;

#[tokio::test]
async fn concurrency_is_limited() {
    let server = Server::sequence([respond(200, "", "{}")]).await;
    let bulkhead = Bulkhead {
        in_flight: 3,
        queue: 100,
    };
    let (client, _) = client(Policy {
        bulkhead,
        ..policy()
    });
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..60 {
        let (client, url) = (client.clone(), server.url());
        tasks.spawn(async move {
            client
                .send(call(&url, Safety::Once))
                .await
                .map(|response| response.status.as_u16())
        });
    }
    assert!(
        tasks
            .join_all()
            .await
            .into_iter()
            .all(|status| status == Ok(200))
    );
    let most = server.most_at_once();
    assert!(
        (2..=3).contains(&most),
        "all permits are used, and no more: {most}"
    );
}

#[tokio::test]
async fn calls_beyond_the_queue_are_refused_at_once() {
    let server = Server::sequence([Action::Hang]).await;
    let bulkhead = Bulkhead {
        in_flight: 2,
        queue: 3,
    };
    let limits = Limits {
        total: Duration::from_millis(500),
        ..Limits::default()
    };
    let retries = Retries {
        attempts: 1,
        ..Retries::default()
    };
    let (client, recorder) = client(Policy {
        bulkhead,
        limits,
        retries,
        ..Policy::default()
    });
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..50 {
        let (client, url) = (client.clone(), server.url());
        tasks.spawn(async move {
            client
                .send(call(&url, Safety::Once))
                .await
                .expect_err("there is no response")
        });
    }
    let errors = tasks.join_all().await;
    let unknown = errors
        .iter()
        .filter(|error| error.outcome_unknown())
        .count();
    assert_eq!(unknown, 5, "two had a permit and three waited for one");
    assert_eq!(server.connections(), 5);
    assert!(errors.iter().all(|error| error.kind == Kind::Unavailable));
    assert_eq!(
        recorder.all()[..45]
            .iter()
            .filter(|events| *events == "1 busy -")
            .count(),
        45,
        "before any deadline passed"
    );
}

#[tokio::test]
async fn a_canceled_call_releases_its_permit() {
    let server = Server::scripted(|number| {
        if number < 4 {
            Action::Hang
        } else {
            respond(200, "", "{}")
        }
    })
    .await;
    let bulkhead = Bulkhead {
        in_flight: 1,
        queue: 0,
    };
    let (client, recorder) = client(Policy {
        bulkhead,
        ..policy()
    });
    for _ in 0..4 {
        let call = client.send(call(&server.url(), Safety::Once));
        assert!(
            tokio::time::timeout(Duration::from_millis(50), call)
                .await
                .is_err(),
            "there is no response"
        );
    }
    let response = client
        .send(call(&server.url(), Safety::Once))
        .await
        .expect("a permit is free again");
    assert_eq!(response.status, 200);
    let events = recorder.all();
    assert_eq!(events[..4], ["1 canceled -"; 4]);
    assert_eq!(events[4..], ["1 ok 200"]);
}
