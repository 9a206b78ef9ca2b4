//! The rules of repetition, one by one.

use ::http::{HeaderMap, HeaderValue, StatusCode, header};
use bytes::Bytes;
use tokio::time::advance;

use super::*;

const ALL: [Safety; 3] = [Safety::Read, Safety::Idempotent, Safety::Once];

fn answered(status: u16) -> Result<Reply, Failure> {
    let status = StatusCode::from_u16(status).expect("a status");
    Ok(Reply {
        status,
        headers: HeaderMap::new(),
        body: Bytes::new(),
    })
}

fn failed(how: How) -> Result<Reply, Failure> {
    Err(Failure {
        how,
        left: how != How::Unreachable,
        what: String::new(),
    })
}

fn kept(how: How) -> Result<Reply, Failure> {
    Err(Failure {
        how,
        left: false,
        what: String::new(),
    })
}

/// For each of [`ALL`]: `a` is repeated, `-` is not.
fn rule(tried: &Result<Reply, Failure>, attempt: u32) -> String {
    ALL.map(|safety| {
        if again(safety, tried, attempt).is_some() {
            'a'
        } else {
            '-'
        }
    })
    .iter()
    .collect()
}

#[test]
fn what_may_be_repeated_by_whom() {
    let cases = [
        (answered(429), "aaa", "aaa"),
        (answered(502), "aa-", "aa-"),
        (answered(503), "aa-", "aa-"),
        (answered(504), "aa-", "aa-"),
        (answered(408), "aa-", "aa-"),
        (answered(500), "aa-", "---"),
        (answered(501), "---", "---"),
        (answered(200), "---", "---"),
        (answered(302), "---", "---"),
        (answered(400), "---", "---"),
        (answered(401), "---", "---"),
        (answered(409), "---", "---"),
        (failed(How::Unreachable), "aaa", "aaa"),
        (kept(How::TimedOut), "aaa", "aaa"),
        (kept(How::Broken), "aaa", "aaa"),
        (failed(How::TimedOut), "aa-", "aa-"),
        (failed(How::Broken), "aa-", "aa-"),
        (failed(How::TooLong), "---", "---"),
    ];
    for (tried, first, second) in cases {
        assert_eq!(rule(&tried, 1), first, "{tried:?}");
        assert_eq!(rule(&tried, 2), second, "{tried:?}");
    }
}

#[test]
fn what_leaves_a_write_in_doubt() {
    let doubtful = [
        answered(500),
        answered(502),
        answered(503),
        answered(504),
        answered(408),
        failed(How::TimedOut),
        failed(How::Broken),
        failed(How::TooLong),
    ];
    for tried in doubtful {
        let verdict = ALL.map(|safety| in_doubt(safety, &tried));
        assert_eq!(verdict, [false, true, true], "{tried:?}");
    }
    for tried in [
        answered(200),
        answered(302),
        answered(400),
        answered(404),
        answered(429),
        failed(How::Unreachable),
        kept(How::TimedOut),
    ] {
        assert_eq!(
            ALL.map(|safety| in_doubt(safety, &tried)),
            [false; 3],
            "{tried:?}"
        );
    }
}

#[test]
fn what_they_asked_for_is_kept() {
    let mut tried = answered(503);
    let reply = tried.as_mut().expect("it is an answer");
    reply
        .headers
        .insert(header::RETRY_AFTER, HeaderValue::from_static("7"));
    assert_eq!(
        again(Safety::Read, &tried, 1),
        Some(Again::Later {
            told: Some(Duration::from_secs(7))
        })
    );
}

#[test]
fn pauses_are_drawn_below_a_ceiling_that_doubles() {
    let policy = Retries::default();
    let ceilings = [1, 2, 3, 4, 5, 6, 40].map(|attempt| pause(&policy, attempt, 1.0).as_millis());
    assert_eq!(ceilings, [200, 400, 800, 1600, 3200, 5000, 5000]);
    for attempt in 1..50 {
        assert_eq!(
            pause(&policy, attempt, 0.0),
            Duration::ZERO,
            "full jitter begins at zero"
        );
        for _ in 0..100 {
            let drawn = pause(&policy, attempt, rand::random());
            assert!(drawn <= pause(&policy, attempt, 1.0));
        }
    }
    let mean = (0..10_000)
        .map(|_| pause(&policy, 1, rand::random()).as_secs_f64())
        .sum::<f64>()
        / 10_000.0;
    assert!(
        (0.095..0.105).contains(&mean),
        "evenly, so about half the ceiling on average: {mean}"
    );
}

#[tokio::test(start_paused = true)]
async fn repetitions_are_a_share_of_the_calls() {
    let allowance = Allowance::new(&Retries::default());
    let mut repeated = 0;
    for _ in 0..1000 {
        allowance.earn();
        // Each call fails twice and would be repeated twice.
        repeated += u32::from(allowance.spend()) + u32::from(allowance.spend());
    }
    assert!(
        (200..=210).contains(&repeated),
        "a fifth and the reserve: {repeated}"
    );
}

#[tokio::test(start_paused = true)]
async fn the_reserve_comes_back_within_a_minute() {
    let allowance = Allowance::new(&Retries::default());
    let spend_all = || (0..100).filter(|_| allowance.spend()).count();
    assert_eq!(spend_all(), 10);
    advance(Duration::from_secs(30)).await;
    assert_eq!(spend_all(), 5);
    advance(Duration::from_secs(3600)).await;
    assert_eq!(spend_all(), 10);
}
