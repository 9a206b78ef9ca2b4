//! The bulkhead around real exchanges.

use super::server::{Server, Then, say};
use super::*;

#[tokio::test]
async fn no_more_at_once_than_agreed() {
    let server = Server::saying([say(200, "", "{}")]).await;
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
                .map(|answer| answer.status.as_u16())
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
        "the places are used, and no more: {most}"
    );
}

#[tokio::test]
async fn beyond_the_queue_calls_are_refused_at_once() {
    let server = Server::saying([Then::Hang]).await;
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
    let (client, heard) = client(Policy {
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
                .expect_err("nobody answers")
        });
    }
    let errors = tasks.join_all().await;
    let unknown = errors
        .iter()
        .filter(|error| error.outcome_unknown())
        .count();
    assert_eq!(unknown, 5, "two had a place and three waited for one");
    assert_eq!(server.connections(), 5);
    assert!(errors.iter().all(|error| error.kind == Kind::Unavailable));
    assert_eq!(
        heard.all()[..45]
            .iter()
            .filter(|told| *told == "1 busy -")
            .count(),
        45,
        "before anybody's time was up"
    );
}

#[tokio::test]
async fn who_hangs_up_gives_the_place_back() {
    let server = Server::doing(|number| {
        if number < 4 {
            Then::Hang
        } else {
            say(200, "", "{}")
        }
    })
    .await;
    let bulkhead = Bulkhead {
        in_flight: 1,
        queue: 0,
    };
    let (client, heard) = client(Policy {
        bulkhead,
        ..policy()
    });
    for _ in 0..4 {
        let call = client.send(call(&server.url(), Safety::Once));
        assert!(
            tokio::time::timeout(Duration::from_millis(50), call)
                .await
                .is_err(),
            "nobody answers"
        );
    }
    let answer = client
        .send(call(&server.url(), Safety::Once))
        .await
        .expect("there is room again");
    assert_eq!(answer.status, 200);
    let told = heard.all();
    assert_eq!(told[..4], ["1 canceled -"; 4]);
    assert_eq!(told[4..], ["1 ok 200"]);
}
