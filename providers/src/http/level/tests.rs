//! The arithmetic of a quota, second by second.

use super::*;

fn level(per_minute: u32) -> (Level, Instant) {
    let now = Instant::now();
    (Level::new(per_minute, &Pace::default(), now), now)
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn said(limit: u32, remaining: u32, reset: u64) -> Quota {
    Quota::credentials(limit, remaining, seconds(reset))
}

/// Takes whatever it gets for `span`, looking every 10 ms; each is answered at once.
fn taken(level: &mut Level, from: Instant, span: Duration) -> Vec<Duration> {
    let ticks = (0..)
        .map(|tick| Duration::from_millis(tick * 10))
        .take_while(|tick| *tick < span);
    ticks
        .filter(|tick| level.take(from + *tick).then(|| level.done()).is_some())
        .collect()
}

#[tokio::test(start_paused = true)]
async fn no_minute_sees_more_than_the_quota() {
    for per_minute in [1, 2, 3, 5, 10, 11, 60, 120, 500] {
        let (mut level, start) = level(per_minute);
        let taken = taken(&mut level, start, seconds(300));
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
async fn it_says_when_each_of_a_queue_may_go() {
    let (mut level, now) = level(120);
    assert_eq!(level.ready(now, 5), now, "six at once");
    for ahead in 6_u32..50 {
        let expected = (f64::from(ahead) - 5.0) / 1.8;
        let wait = (level.ready(now, ahead as usize) - now).as_secs_f64();
        assert!(
            (wait - expected).abs() < 1e-3,
            "{ahead}: {wait} instead of {expected}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_left_means_waiting_for_their_next_window() {
    let (mut level, now) = level(120);
    assert!(level.take(now));
    level.heard(now, &said(120, 0, 20));
    level.done();
    assert_eq!(
        level.ready(now, 0),
        now + seconds(21),
        "a second more, since they may round down"
    );
    assert!(!level.take(now + seconds(20)));
    assert!(level.take(now + seconds(21)));
}

#[tokio::test(start_paused = true)]
async fn what_they_say_is_left_is_shared_with_other_processes() {
    let (mut level, now) = level(120);
    assert!(level.take(now));
    level.heard(now, &said(120, 2, 30));
    level.done();
    // Overtaken by the answer above.
    level.heard(now, &said(120, 90, 30));
    let taken = taken(&mut level, now, seconds(30));
    assert_eq!(taken.len(), 2, "others used up the rest");
    assert!(level.take(now + seconds(31)));
}

#[tokio::test(start_paused = true)]
async fn those_under_way_are_taken_as_not_yet_counted() {
    let (mut level, now) = level(500);
    for _ in 0..4 {
        assert!(level.take(now));
    }
    level.heard(now, &said(500, 5, 30));
    assert_eq!(
        taken(&mut level, now, seconds(30)).len(),
        2,
        "five less the three that are still under way"
    );
}

#[tokio::test(start_paused = true)]
async fn a_new_window_of_theirs_counts_anew() {
    let (mut level, now) = level(120);
    level.heard(now, &said(120, 1, 30));
    let later = now + seconds(10);
    level.heard(later, &said(120, 119, 60));
    assert!(taken(&mut level, later, seconds(10)).len() > 10);
}

#[tokio::test(start_paused = true)]
async fn after_a_rest_it_fills_from_nothing() {
    let (mut level, now) = level(120);
    level.rest(now, now + seconds(60));
    let taken = taken(&mut level, now, seconds(62));
    assert!(taken.iter().all(|at| *at >= seconds(60)), "{taken:?}");
    assert_eq!(taken.len(), 3, "1.8 a second, and no burst: {taken:?}");
    // A shorter one does not cut a longer one short.
    let later = now + seconds(100);
    level.rest(later, later + seconds(60));
    level.rest(later, later + seconds(1));
    assert!(!level.take(later + seconds(59)));
}

#[tokio::test(start_paused = true)]
async fn their_limit_wins_over_what_we_thought() {
    let (mut level, now) = level(120);
    level.heard(now, &said(1200, 1199, 60));
    let fast = taken(&mut level, now, seconds(10)).len();
    assert!((180..=246).contains(&fast), "18 a second: {fast}");
    level.heard(now + seconds(10), &said(12, 11, 60));
    let slow = taken(&mut level, now + seconds(10), seconds(50)).len();
    assert!((8..=10).contains(&slow), "10.8 a minute: {slow}");
    // A quota per day is not one per minute.
    level.heard(now + seconds(60), &said(100_000, 99_999, 86_400));
    assert_eq!(level.per_minute, 12);
}

#[tokio::test(start_paused = true)]
async fn idle_means_as_good_as_new() {
    let (mut level, now) = level(120);
    assert!(level.is_idle(now));
    assert!(level.take(now));
    assert!(!level.is_idle(now + seconds(60)), "one is under way");
    level.done();
    assert!(!level.is_idle(now) && level.is_idle(now + seconds(60)));
    level.rest(now, now + seconds(60));
    assert!(!level.is_idle(now + seconds(59)) && level.is_idle(now + seconds(120)));
}
