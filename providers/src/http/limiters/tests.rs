//! Which responses affect which credentials and routes.

use ::http::{HeaderName, HeaderValue};

use super::*;

const GUESTS: &str = "POST /v2/bookings/{uid}/guests";
const BOOK: &str = "POST /v2/bookings";

fn policy() -> RateLimit {
    RateLimit {
        credential_quota: "default",
        ..RateLimit::default()
    }
}

fn quota(key: &str) -> Quota<'_> {
    Quota {
        key,
        per_minute: 120,
    }
}

fn headers(lines: &[(&'static str, u32)]) -> HeaderMap {
    lines
        .iter()
        .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from(*value)))
        .collect()
}

impl Limiters {
    /// How long `key` must wait before it may call `route`, in whole seconds.
    async fn wait(&self, key: &str, route: &'static str) -> u64 {
        let now = Instant::now();
        match self.acquire(quota(key), route, now).await {
            Ok(_) => 0,
            Err(exceeded) => exceeded.retry_after.as_secs(),
        }
    }

    fn len(&self) -> usize {
        self.lock().len()
    }
}

#[tokio::test(start_paused = true)]
async fn a_429_pauses_its_credential_only() {
    let limiters = Limiters::new(policy());
    let cases: [(&str, &[(&'static str, u32)], u64); 4] = [
        ("no header", &[], 60),
        ("retry-after", &[("retry-after", 17)], 17),
        (
            "reset",
            &[
                ("x-ratelimit-remaining-default", 0),
                ("x-ratelimit-reset-default", 40),
            ],
            41,
        ),
        ("absurdly long", &[("retry-after", u32::MAX)], 24 * 60 * 60),
    ];
    for (key, lines, rest) in cases {
        limiters.observe(
            quota(key),
            BOOK,
            StatusCode::TOO_MANY_REQUESTS,
            &headers(lines),
        );
        assert_eq!(limiters.wait(key, BOOK).await, rest, "{key}");
        assert_eq!(limiters.wait(key, GUESTS).await, rest, "{key}: any route");
    }
    assert_eq!(limiters.wait("another", BOOK).await, 0);
}

#[tokio::test(start_paused = true)]
async fn any_response_can_report_an_exhausted_quota() {
    let limiters = Limiters::new(policy());
    let lines = headers(&[("x-ratelimit-remaining", 0), ("x-ratelimit-reset", 9)]);
    limiters.observe(quota("a"), BOOK, StatusCode::CREATED, &lines);
    assert_eq!(limiters.wait("a", BOOK).await, 10);
}

#[tokio::test(start_paused = true)]
async fn a_quota_of_a_route_limits_that_route_only() {
    let limiters = Limiters::new(policy());
    let used_up = headers(&[
        ("x-ratelimit-limit-guests", 5),
        ("x-ratelimit-remaining-guests", 0),
        ("x-ratelimit-reset-guests", 30),
        ("x-ratelimit-limit-default", 120),
        ("x-ratelimit-remaining-default", 100),
        ("x-ratelimit-reset-default", 30),
    ]);
    for status in [StatusCode::OK, StatusCode::TOO_MANY_REQUESTS] {
        limiters.observe(quota("a"), GUESTS, status, &used_up);
        assert!(limiters.wait("a", GUESTS).await >= 30);
        assert_eq!(limiters.wait("a", BOOK).await, 0);
        assert_eq!(limiters.wait("b", GUESTS).await, 0);
    }
}

#[tokio::test(start_paused = true)]
async fn at_capacity_idle_limiters_are_evicted_and_then_the_oldest() {
    let limiters = Limiters::new(RateLimit {
        credentials: 3,
        ..policy()
    });
    for key in ["a", "b", "c"] {
        limiters.observe(
            quota(key),
            BOOK,
            StatusCode::TOO_MANY_REQUESTS,
            &HeaderMap::new(),
        );
        tokio::time::advance(Duration::from_secs(1)).await;
    }
    assert_eq!(limiters.wait("d", BOOK).await, 0);
    assert_eq!(limiters.len(), 3, "the least recently used one is evicted");
    assert_eq!(
        (
            limiters.wait("c", BOOK).await,
            limiters.wait("b", BOOK).await
        ),
        (59, 58)
    );
    tokio::time::advance(Duration::from_secs(120)).await;
    assert_eq!(limiters.wait("e", BOOK).await, 0);
    assert_eq!(limiters.len(), 1, "all idle ones are evicted");
}
