//! The bulkhead around real exchanges.

use super::server::{Server, Then, say};
use super::*;

#[tokio::test]
async fn no_more_at_once_than_agreed() {
    let server = Server::saying([say(200, "", "{}")]).await;
    let bulkhead = Bulkhead { in_flight: 3, queue: 100 };
    let (client, _) = client(Policy { bulkhead, ..policy() });
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..60 {
        let (client, url) = (client.clone(), server.url());
        tasks.spawn(async move { client.send(call(&url, Safety::Once)).await.map(|answer| answer.status.as_u16()) });
    }
    assert!(tasks.join_all().await.into_iter().all(|status| status == Ok(200)));
    let most = server.most_at_once();
    assert!((2..=3).contains(&most), "the places are used, and no more: {most}");
}

#[tokio::test]
async fn beyond_the_queue_calls_are_refused_at_once() {
    let server = Server::saying([Then::Hang]).await;
    let bulkhead = Bulkhead { in_flight: 2, queue: 3 };
    let limits = Limits { total: Duration::from_millis(500), ..Limits::default() };
    let retries = Retries { attempts: 1, ..Retries::default() };
    let (client, heard) = client(Policy { bulkhead, limits, retries, ..Policy::default() });
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..50 {
        let (client, url) = (client.clone(), server.url());
        tasks.spawn(async move { client.send(call(&url, Safety::Once)).await.expect_err("nobody answers") });
    }
    let errors = tasks.join_all().await;
    let unknown = errors.iter().filter(|error| error.outcome_unknown()).count();
    assert_eq!(unknown, 5, "two had a place and three waited for one");
    assert_eq!(server.connections(), 5);
    assert!(errors.iter().all(|error| error.kind == Kind::Unavailable));
    assert_eq!(heard.all()[..45].iter().filter(|told| *told == "1 busy -").count(), 45, "before anybody's time was up");
}
