//! The retry rules, case by case.

use ::http::{HeaderMap, HeaderValue, StatusCode, header};
use bytes::Bytes;
use tokio::time::advance;

use super::*;

const ALL: [Safety; 3] = [Safety::Read, Safety::Idempotent, Safety::Once];

fn replied(status: u16) -> Result<Reply, Failure> {
    let status = StatusCode::from_u16(status).expect("a status");
    Ok(Reply {
        status,
        headers: HeaderMap::new(),
        body: Bytes::new(),
    })
}

fn failed(kind: FailureKind) -> Result<Reply, Failure> {
    Err(Failure {
        kind,
        sent: kind != FailureKind::Unreachable,
        detail: String::new(),
    })
}

fn unsent(kind: FailureKind) -> Result<Reply, Failure> {
    Err(Failure {
        kind,
        sent: false,
        detail: String::new(),
    })
}

/// For each of [`ALL`]: `r` is retried, `-` is not.
fn rule(result: &Result<Reply, Failure>, attempt: u32) -> String {
    ALL.map(|safety| {
        if retry(safety, result, attempt).is_some() {
            'r'
        } else {
            '-'
        }
    })
    .iter()
    .collect()
}

#[test]
fn retries_by_result_and_safety() {
    let cases = [
        (replied(429), "rrr", "rrr"),
        (replied(502), "rr-", "rr-"),
        (replied(503), "rr-", "rr-"),
        (replied(504), "rr-", "rr-"),
        (replied(408), "rr-", "rr-"),
        (replied(500), "rr-", "---"),
        (replied(501), "---", "---"),
        (replied(200), "---", "---"),
        (replied(302), "---", "---"),
        (replied(400), "---", "---"),
        (replied(401), "---", "---"),
        (replied(409), "---", "---"),
        (failed(FailureKind::Unreachable), "rrr", "rrr"),
        (unsent(FailureKind::TimedOut), "rrr", "rrr"),
        (unsent(FailureKind::Broken), "rrr", "rrr"),
        (failed(FailureKind::TimedOut), "rr-", "rr-"),
        (failed(FailureKind::Broken), "rr-", "rr-"),
        (failed(FailureKind::TooLong), "---", "---"),
    ];
    for (result, first, second) in cases {
        assert_eq!(rule(&result, 1), first, "{result:?}");
        assert_eq!(rule(&result, 2), second, "{result:?}");
    }
}

#[test]
fn the_outcome_of_a_write_is_unknown_unless_rejected_or_unsent() {
    let unknown = [
        replied(500),
        replied(502),
        replied(503),
        replied(504),
        replied(408),
        failed(FailureKind::TimedOut),
        failed(FailureKind::Broken),
        failed(FailureKind::TooLong),
    ];
    for result in unknown {
        let outcome = ALL.map(|safety| outcome_unknown(safety, &result));
        assert_eq!(outcome, [false, true, true], "{result:?}");
    }
    for result in [
        replied(200),
        replied(302),
        replied(400),
        replied(404),
        replied(429),
        failed(FailureKind::Unreachable),
        unsent(FailureKind::TimedOut),
    ] {
        assert_eq!(
            ALL.map(|safety| outcome_unknown(safety, &result)),
            [false; 3],
            "{result:?}"
        );
    }
}

#[test]
fn retry_after_of_a_503_is_read() {
    let mut result = replied(503);
    let reply = result.as_mut().expect("it is a reply");
    reply
        .headers
        .insert(header::RETRY_AFTER, HeaderValue::from_static("7"));
    assert_eq!(
        retry(Safety::Read, &result, 1),
        Some(Retry::AfterBackoff {
            retry_after: Some(Duration::from_secs(7))
        })
    );
}

#[test]
fn backoff_is_uniform_below_a_doubling_ceiling() {
    let policy = Retries::default();
    let ceilings = [1, 2, 3, 4, 5, 6, 40].map(|attempt| backoff(&policy, attempt, 1.0).as_millis());
    assert_eq!(ceilings, [200, 400, 800, 1600, 3200, 5000, 5000]);
    for attempt in 1..50 {
        assert_eq!(
            backoff(&policy, attempt, 0.0),
            Duration::ZERO,
            "full jitter starts at zero"
        );
        for _ in 0..100 {
            let drawn = backoff(&policy, attempt, rand::random());
            assert!(drawn <= backoff(&policy, attempt, 1.0));
        }
    }
    let mean = (0..10_000)
        .map(|_| backoff(&policy, 1, rand::random()).as_secs_f64())
        .sum::<f64>()
        / 10_000.0;
    assert!(
        (0.095..0.105).contains(&mean),
        "uniform, so half the ceiling on average: {mean}"
    );
}

#[tokio::test(start_paused = true)]
async fn retries_are_limited_to_a_share_of_the_calls() {
    let budget = RetryBudget::new(&Retries::default());
    let mut retried = 0;
    for _ in 0..1000 {
        budget.deposit();
        // Each call fails twice and would be retried twice.
        retried += u32::from(budget.withdraw()) + u32::from(budget.withdraw());
    }
    assert!(
        (200..=210).contains(&retried),
        "a fifth and the reserve: {retried}"
    );
}

#[tokio::test(start_paused = true)]
async fn the_reserve_refills_within_a_minute() {
    let budget = RetryBudget::new(&Retries::default());
    let withdraw_all = || (0..100).filter(|_| budget.withdraw()).count();
    assert_eq!(withdraw_all(), 10);
    advance(Duration::from_secs(30)).await;
    assert_eq!(withdraw_all(), 5);
    advance(Duration::from_secs(3600)).await;
    assert_eq!(withdraw_all(), 10);
}
