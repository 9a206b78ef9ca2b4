//! Queueing for tokens, with a paused clock.

use tokio::time::timeout;

use super::*;

fn limiter(per_minute: u32, queue: usize) -> Arc<Limiter> {
    Arc::new(Limiter::new(
        per_minute,
        &RateLimit {
            queue,
            ..RateLimit::default()
        },
    ))
}

fn within(seconds: u64) -> Instant {
    Instant::now() + Duration::from_secs(seconds)
}

/// The interval between tokens at ten per minute: nine refilled evenly, and one of burst.
const GAP: f64 = 60.0 / 9.0;

#[tokio::test(start_paused = true)]
async fn waiters_are_served_in_order() {
    let limiter = limiter(10, 100);
    let start = Instant::now();
    let order = Arc::new(Mutex::new(Vec::new()));
    let mut tasks = tokio::task::JoinSet::new();
    for number in 0..20 {
        let (limiter, order) = (Arc::clone(&limiter), Arc::clone(&order));
        tasks.spawn(async move {
            let token = limiter
                .acquire(within(3600))
                .await
                .expect("the deadline is far");
            order
                .lock()
                .expect("no holder panics")
                .push((number, start.elapsed().as_secs_f64()));
            drop(token);
        });
    }
    tasks.join_all().await;
    let order = order.lock().expect("no holder panics");
    for (place, (number, at)) in order.iter().enumerate() {
        assert_eq!(*number, place);
        let expected = place as f64 * GAP;
        assert!(
            (at - expected).abs() < 0.1,
            "{number} at {at} instead of {expected}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_full_queue_and_a_short_deadline_are_refused_at_once() {
    let limiter = limiter(10, 2);
    let start = Instant::now();
    drop(
        Arc::clone(&limiter)
            .acquire(within(0))
            .await
            .expect("the first does not wait"),
    );
    let exceeded = Arc::clone(&limiter)
        .acquire(within(6))
        .await
        .expect_err("it would take 6.7 s");
    assert!(
        (exceeded.retry_after.as_secs_f64() - GAP).abs() < 0.1,
        "{exceeded:?}"
    );
    let waiting = [1, 2].map(|_| tokio::spawn(Arc::clone(&limiter).acquire(within(3600))));
    tokio::task::yield_now().await;
    let exceeded = Arc::clone(&limiter)
        .acquire(within(3600))
        .await
        .expect_err("the queue is full");
    assert!(
        (exceeded.retry_after.as_secs_f64() - 3.0 * GAP).abs() < 0.1,
        "after the waiters: {exceeded:?}"
    );
    assert_eq!(
        start.elapsed(),
        Duration::ZERO,
        "the refusals are immediate"
    );
    for task in waiting {
        assert!(task.await.expect("it does not panic").is_ok());
    }
}

#[tokio::test(start_paused = true)]
async fn a_canceled_waiter_leaves_the_queue_and_takes_no_token() {
    let limiter = limiter(10, 1);
    let start = Instant::now();
    drop(
        Arc::clone(&limiter)
            .acquire(within(0))
            .await
            .expect("the first does not wait"),
    );
    for _ in 0..5 {
        let canceled = timeout(
            Duration::from_secs(1),
            Arc::clone(&limiter).acquire(within(3600)),
        )
        .await;
        assert!(
            canceled.is_err(),
            "it waits and is not refused: the one before it left the queue"
        );
    }
    assert!(Arc::clone(&limiter).acquire(within(3600)).await.is_ok());
    assert!(
        (start.elapsed().as_secs_f64() - GAP).abs() < 0.1,
        "canceled waiters took no token: {:?}",
        start.elapsed()
    );
}

#[tokio::test(start_paused = true)]
async fn a_pause_also_blocks_those_who_already_wait() {
    let limiter = limiter(10, 10);
    let start = Instant::now();
    drop(
        Arc::clone(&limiter)
            .acquire(within(0))
            .await
            .expect("the first does not wait"),
    );
    let long = tokio::spawn(Arc::clone(&limiter).acquire(within(3600)));
    let short = tokio::spawn(Arc::clone(&limiter).acquire(within(30)));
    tokio::task::yield_now().await;
    limiter
        .bucket()
        .pause(start, start + Duration::from_secs(60));
    let exceeded = short
        .await
        .expect("it does not panic")
        .expect_err("its deadline is at 30 s");
    assert_eq!(start.elapsed().as_secs(), 30);
    assert!(
        exceeded.retry_after > Duration::from_secs(30),
        "{exceeded:?}"
    );
    assert!(long.await.expect("it does not panic").is_ok());
    assert!(start.elapsed() >= Duration::from_secs(60));
}
