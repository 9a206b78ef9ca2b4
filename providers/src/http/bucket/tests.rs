//! Waiting for a quota, with a stopped clock.

use tokio::time::timeout;

use super::*;

fn bucket(per_minute: u32, queue: usize) -> Arc<Bucket> {
    Arc::new(Bucket::new(
        per_minute,
        &Pace {
            queue,
            ..Pace::default()
        },
    ))
}

fn within(seconds: u64) -> Instant {
    Instant::now() + Duration::from_secs(seconds)
}

/// Ten a minute: nine spread evenly, and one at once.
const GAP: f64 = 60.0 / 9.0;

#[tokio::test(start_paused = true)]
async fn first_come_first_served() {
    let bucket = bucket(10, 100);
    let start = Instant::now();
    let order = Arc::new(Mutex::new(Vec::new()));
    let mut tasks = tokio::task::JoinSet::new();
    for number in 0..20 {
        let (bucket, order) = (Arc::clone(&bucket), Arc::clone(&order));
        tasks.spawn(async move {
            let token = bucket.take(within(3600)).await.expect("there is time");
            order
                .lock()
                .expect("nobody panics with the lock")
                .push((number, start.elapsed().as_secs_f64()));
            drop(token);
        });
    }
    tasks.join_all().await;
    let order = order.lock().expect("nobody panics with the lock");
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
async fn a_full_queue_and_a_short_deadline_refuse_at_once() {
    let bucket = bucket(10, 2);
    let start = Instant::now();
    drop(
        Arc::clone(&bucket)
            .take(within(0))
            .await
            .expect("the first need not wait"),
    );
    let spent = Arc::clone(&bucket)
        .take(within(6))
        .await
        .expect_err("it would take 6.7 s");
    assert!(
        (spent.retry_after.as_secs_f64() - GAP).abs() < 0.1,
        "{spent:?}"
    );
    let waiting = [1, 2].map(|_| tokio::spawn(Arc::clone(&bucket).take(within(3600))));
    tokio::task::yield_now().await;
    let spent = Arc::clone(&bucket)
        .take(within(3600))
        .await
        .expect_err("two wait already");
    assert!(
        (spent.retry_after.as_secs_f64() - 3.0 * GAP).abs() < 0.1,
        "after those who wait: {spent:?}"
    );
    assert_eq!(
        start.elapsed(),
        Duration::ZERO,
        "nobody waited to be refused"
    );
    for task in waiting {
        assert!(task.await.expect("it does not panic").is_ok());
    }
}

#[tokio::test(start_paused = true)]
async fn who_gives_up_frees_the_place_and_uses_nothing() {
    let bucket = bucket(10, 1);
    let start = Instant::now();
    drop(
        Arc::clone(&bucket)
            .take(within(0))
            .await
            .expect("the first need not wait"),
    );
    for _ in 0..5 {
        let left = timeout(
            Duration::from_secs(1),
            Arc::clone(&bucket).take(within(3600)),
        )
        .await;
        assert!(
            left.is_err(),
            "it waits, and is not refused, since the one before it left"
        );
    }
    assert!(Arc::clone(&bucket).take(within(3600)).await.is_ok());
    assert!(
        (start.elapsed().as_secs_f64() - GAP).abs() < 0.1,
        "those who left used nothing: {:?}",
        start.elapsed()
    );
}

#[tokio::test(start_paused = true)]
async fn a_rest_that_begins_while_they_wait_holds_them() {
    let bucket = bucket(10, 10);
    let start = Instant::now();
    drop(
        Arc::clone(&bucket)
            .take(within(0))
            .await
            .expect("the first need not wait"),
    );
    let patient = tokio::spawn(Arc::clone(&bucket).take(within(3600)));
    let hurried = tokio::spawn(Arc::clone(&bucket).take(within(30)));
    tokio::task::yield_now().await;
    bucket.level().rest(start, start + Duration::from_secs(60));
    let spent = hurried
        .await
        .expect("it does not panic")
        .expect_err("its time is up at 30 s");
    assert_eq!(start.elapsed().as_secs(), 30);
    assert!(spent.retry_after > Duration::from_secs(30), "{spent:?}");
    assert!(patient.await.expect("it does not panic").is_ok());
    assert!(start.elapsed() >= Duration::from_secs(60));
}
