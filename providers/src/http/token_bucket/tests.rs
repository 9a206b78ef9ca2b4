//! The token bucket over simulated time.

use super::*;

fn bucket(per_minute: u32) -> (TokenBucket, Instant) {
    let now = Instant::now();
    (
        TokenBucket::new(per_minute, &RateLimit::default(), now),
        now,
    )
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn reported(limit: u32, remaining: u32, reset: u64) -> ReportedQuota {
    ReportedQuota::unnamed(limit, remaining, seconds(reset))
}

/// Takes every available token for `span`, polling every 10 ms; each request completes at once.
fn taken(bucket: &mut TokenBucket, from: Instant, span: Duration) -> Vec<Duration> {
    let ticks = (0..)
        .map(|tick| Duration::from_millis(tick * 10))
        .take_while(|tick| *tick < span);
    ticks
        .filter(|tick| {
            bucket
                .take(from + *tick)
                .then(|| bucket.complete())
                .is_some()
        })
        .collect()
}

#[tokio::test(start_paused = true)]
async fn no_minute_exceeds_the_quota() {
    for per_minute in [1, 2, 3, 5, 10, 11, 60, 120, 500] {
        let (mut bucket, start) = bucket(per_minute);
        let taken = taken(&mut bucket, start, seconds(300));
        for from in &taken {
            let within = taken
                .iter()
                .filter(|at| *at >= from && **at < *from + seconds(60))
                .count();
            assert!(
                within <= per_minute as usize,
                "{within} of {per_minute} in the minute from {from:?}"
            );
        }
        let used = taken.len() as f64 / 5.0 / f64::from(per_minute);
        assert!(used > 0.85, "the quota of {per_minute} is used: {used}");
    }
}

#[tokio::test(start_paused = true)]
async fn next_at_accounts_for_the_callers_ahead() {
    let (mut bucket, now) = bucket(120);
    assert_eq!(bucket.next_at(now, 5), now, "six at once");
    for ahead in 6_u32..50 {
        let expected = (f64::from(ahead) - 5.0) / 1.8;
        let wait = (bucket.next_at(now, ahead as usize) - now).as_secs_f64();
        assert!(
            (wait - expected).abs() < 1e-3,
            "{ahead}: {wait} instead of {expected}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn an_exhausted_quota_blocks_until_the_next_window() {
    let (mut bucket, now) = bucket(120);
    assert!(bucket.take(now));
    bucket.observe(now, &reported(120, 0, 20));
    bucket.complete();
    assert_eq!(
        bucket.next_at(now, 0),
        now + seconds(21),
        "one second more, since the provider may round down"
    );
    assert!(!bucket.take(now + seconds(20)));
    assert!(bucket.take(now + seconds(21)));
}

#[tokio::test(start_paused = true)]
async fn the_reported_count_includes_requests_of_other_processes() {
    let (mut bucket, now) = bucket(120);
    assert!(bucket.take(now));
    bucket.observe(now, &reported(120, 2, 30));
    bucket.complete();
    // Out of order: sent before the response above.
    bucket.observe(now, &reported(120, 90, 30));
    let taken = taken(&mut bucket, now, seconds(30));
    assert_eq!(taken.len(), 2, "other processes used the rest");
    assert!(bucket.take(now + seconds(31)));
}

#[tokio::test(start_paused = true)]
async fn requests_in_flight_are_assumed_not_yet_counted() {
    let (mut bucket, now) = bucket(500);
    for _ in 0..4 {
        assert!(bucket.take(now));
    }
    bucket.observe(now, &reported(500, 5, 30));
    assert_eq!(
        taken(&mut bucket, now, seconds(30)).len(),
        2,
        "five, minus the three still in flight"
    );
}

#[tokio::test(start_paused = true)]
async fn a_new_window_replaces_the_old_count() {
    let (mut bucket, now) = bucket(120);
    bucket.observe(now, &reported(120, 1, 30));
    let later = now + seconds(10);
    bucket.observe(later, &reported(120, 119, 60));
    assert!(taken(&mut bucket, later, seconds(10)).len() > 10);
}

#[tokio::test(start_paused = true)]
async fn after_a_pause_it_refills_from_zero() {
    let (mut bucket, now) = bucket(120);
    bucket.pause(now, now + seconds(60));
    let taken = taken(&mut bucket, now, seconds(62));
    assert!(taken.iter().all(|at| *at >= seconds(60)), "{taken:?}");
    assert_eq!(taken.len(), 3, "1.8 a second, and no burst: {taken:?}");
    // A shorter pause does not end a longer one.
    let later = now + seconds(100);
    bucket.pause(later, later + seconds(60));
    bucket.pause(later, later + seconds(1));
    assert!(!bucket.take(later + seconds(59)));
}

#[tokio::test(start_paused = true)]
async fn a_reported_limit_replaces_the_configured_one() {
    let (mut bucket, now) = bucket(120);
    bucket.observe(now, &reported(1200, 1199, 60));
    let fast = taken(&mut bucket, now, seconds(10)).len();
    assert!((180..=246).contains(&fast), "18 a second: {fast}");
    bucket.observe(now + seconds(10), &reported(12, 11, 60));
    let slow = taken(&mut bucket, now + seconds(10), seconds(50)).len();
    assert!((8..=10).contains(&slow), "10.8 a minute: {slow}");
    // A quota per day is not a quota per minute.
    bucket.observe(now + seconds(60), &reported(100_000, 99_999, 86_400));
    assert_eq!(bucket.per_minute, 12);
}

#[tokio::test(start_paused = true)]
async fn idle_means_equal_to_a_new_bucket() {
    let (mut bucket, now) = bucket(120);
    assert!(bucket.is_idle(now));
    assert!(bucket.take(now));
    assert!(!bucket.is_idle(now + seconds(60)), "one is in flight");
    bucket.complete();
    assert!(!bucket.is_idle(now) && bucket.is_idle(now + seconds(60)));
    bucket.pause(now, now + seconds(60));
    assert!(!bucket.is_idle(now + seconds(59)) && bucket.is_idle(now + seconds(120)));
}
