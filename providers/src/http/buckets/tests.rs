//! Whose answers hold up whom.

use ::http::{HeaderName, HeaderValue};

use super::*;

const GUESTS: &str = "POST /v2/bookings/{uid}/guests";
const BOOK: &str = "POST /v2/bookings";

fn whose(key: &str) -> call::Bucket<'_> {
    call::Bucket {
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

impl Buckets {
    /// How long it takes until `key` may ask `route`, in whole seconds.
    async fn wait(&self, key: &str, route: &'static str) -> u64 {
        let now = Instant::now();
        match self.take(whose(key), route, now).await {
            Ok(_) => 0,
            Err(spent) => spent.retry_after.as_secs(),
        }
    }

    fn len(&self) -> usize {
        self.lock().len()
    }
}

#[tokio::test(start_paused = true)]
async fn a_429_rests_the_credential_and_no_other() {
    let buckets = Buckets::new(Pace::default());
    let cases: [(&str, &[(&'static str, u32)], u64); 4] = [
        ("told nothing", &[], 60),
        ("told", &[("retry-after", 17)], 17),
        (
            "reset",
            &[
                ("x-ratelimit-remaining-default", 0),
                ("x-ratelimit-reset-default", 40),
            ],
            41,
        ),
        (
            "a mistake of theirs",
            &[("retry-after", u32::MAX)],
            24 * 60 * 60,
        ),
    ];
    for (key, lines, rest) in cases {
        buckets.heard(
            whose(key),
            BOOK,
            StatusCode::TOO_MANY_REQUESTS,
            &headers(lines),
        );
        assert_eq!(buckets.wait(key, BOOK).await, rest, "{key}");
        assert_eq!(buckets.wait(key, GUESTS).await, rest, "{key}: any route");
    }
    assert_eq!(buckets.wait("another", BOOK).await, 0);
}

#[tokio::test(start_paused = true)]
async fn any_answer_can_say_that_nothing_is_left() {
    let buckets = Buckets::new(Pace::default());
    let lines = headers(&[("x-ratelimit-remaining", 0), ("x-ratelimit-reset", 9)]);
    buckets.heard(whose("a"), BOOK, StatusCode::CREATED, &lines);
    assert_eq!(buckets.wait("a", BOOK).await, 10);
}

#[tokio::test(start_paused = true)]
async fn a_routes_own_limit_holds_up_that_route_only() {
    let buckets = Buckets::new(Pace::default());
    let used_up = headers(&[
        ("x-ratelimit-limit-guests", 5),
        ("x-ratelimit-remaining-guests", 0),
        ("x-ratelimit-reset-guests", 30),
        ("x-ratelimit-limit-default", 120),
        ("x-ratelimit-remaining-default", 100),
        ("x-ratelimit-reset-default", 30),
    ]);
    for status in [StatusCode::OK, StatusCode::TOO_MANY_REQUESTS] {
        buckets.heard(whose("a"), GUESTS, status, &used_up);
        assert!(buckets.wait("a", GUESTS).await >= 30);
        assert_eq!(buckets.wait("a", BOOK).await, 0);
        assert_eq!(buckets.wait("b", GUESTS).await, 0);
    }
}

#[tokio::test(start_paused = true)]
async fn credentials_beyond_the_bound_push_out_the_idle_then_the_oldest() {
    let buckets = Buckets::new(Pace {
        credentials: 3,
        ..Pace::default()
    });
    for key in ["a", "b", "c"] {
        buckets.heard(
            whose(key),
            BOOK,
            StatusCode::TOO_MANY_REQUESTS,
            &HeaderMap::new(),
        );
        tokio::time::advance(Duration::from_secs(1)).await;
    }
    assert_eq!(buckets.wait("d", BOOK).await, 0);
    assert_eq!(buckets.len(), 3, "the one used longest ago is forgotten");
    assert_eq!(
        (buckets.wait("c", BOOK).await, buckets.wait("b", BOOK).await),
        (59, 58)
    );
    tokio::time::advance(Duration::from_secs(120)).await;
    assert_eq!(buckets.wait("e", BOOK).await, 0);
    assert_eq!(
        buckets.len(),
        1,
        "all that had nothing left to remember made room"
    );
}
