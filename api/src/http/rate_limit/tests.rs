use std::net::{Ipv4Addr, Ipv6Addr};

use super::*;

fn limiter(limit: u32, keys: usize) -> RateLimiter {
    RateLimiter::new(
        NonZeroU32::new(limit).expect("tests limit to more than nothing"),
        Duration::from_secs(60),
        keys,
    )
}

fn user(number: u128) -> Key {
    Key::User(Uuid::from_u128(number))
}

fn at(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

#[test]
fn requests_beyond_the_limit_wait_for_a_refill() {
    let limiter = limiter(5, 1000);
    let remaining: Vec<_> = (0..5)
        .map(|_| limiter.check(user(1), at(0)))
        .map(|d| (d.allowed, d.remaining))
        .collect();
    assert_eq!(
        remaining,
        [(true, 4), (true, 3), (true, 2), (true, 1), (true, 0)]
    );
    let refused = limiter.check(user(1), at(500));
    assert!(!refused.allowed);
    assert_eq!(
        (refused.remaining, refused.retry_after, refused.reset),
        (0, at(11_500), at(59_500))
    );
    assert!(
        !limiter.check(user(1), at(11_999)).allowed,
        "refusals do not change the bucket"
    );
    assert!(limiter.check(user(1), at(12_000)).allowed);
    assert!(!limiter.check(user(1), at(12_000)).allowed);
    assert_eq!(
        limiter.check(user(1), at(72_000 + 1)).remaining,
        4,
        "the burst is one window"
    );
}

#[test]
fn keys_have_separate_buckets() {
    let limiter = limiter(1, 1000);
    assert!(limiter.check(user(1), at(0)).allowed);
    assert!(limiter.check(user(2), at(0)).allowed);
    assert!(!limiter.check(user(1), at(0)).allowed);
}

#[test]
fn an_ipv6_network_is_one_caller_and_a_mapped_address_is_ipv4() {
    let v6 = |text: &str| Key::address(IpAddr::V6(text.parse::<Ipv6Addr>().expect("an address")));
    assert_eq!(v6("2001:db8:1:2:3::4"), v6("2001:db8:1:2:ffff::1"));
    assert_ne!(v6("2001:db8:1:2::1"), v6("2001:db8:1:3::1"));
    assert_eq!(
        v6("::ffff:1.2.3.4"),
        Key::address(Ipv4Addr::new(1, 2, 3, 4).into())
    );
}

#[test]
fn headers_report_the_limit_and_when_to_retry() {
    let limiter = limiter(2, 1000);
    let mut headers = HeaderMap::new();
    limiter.check(user(1), at(0)).write(&mut headers);
    let of = |headers: &HeaderMap, name: &str| {
        headers
            .get(name)
            .map(|v| v.to_str().expect("ASCII").to_owned())
    };
    assert_eq!(of(&headers, "ratelimit-limit").as_deref(), Some("2"));
    assert_eq!(of(&headers, "ratelimit-remaining").as_deref(), Some("1"));
    assert_eq!(of(&headers, "ratelimit-reset").as_deref(), Some("30"));
    assert_eq!(of(&headers, "ratelimit-policy").as_deref(), Some("2;w=60"));
    assert_eq!(of(&headers, "retry-after"), None);
    limiter.check(user(1), at(0));
    let refused = limiter.check(user(1), at(100)).refusal();
    assert_eq!(refused.status(), StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(
        of(refused.headers(), "retry-after").as_deref(),
        Some("30"),
        "29.9 s, rounded up"
    );
}

#[test]
fn a_flood_of_addresses_stays_within_the_capacity() {
    let limiter = limiter(5, 6400);
    for _ in 0..6 {
        limiter.check(user(7), at(0));
    }
    for number in 0..1_000_000_u32 {
        limiter.check(Key::address(Ipv4Addr::from(number).into()), at(1));
    }
    assert!(limiter.keys() <= 6400, "{} keys", limiter.keys());
    assert!(
        !limiter.check(user(7), at(2)).allowed,
        "a flood does not evict a caller that is being refused"
    );
}

#[test]
fn full_buckets_are_evicted_as_others_come() {
    let limiter = limiter(60, 100_000);
    for number in 0..10_000 {
        limiter.check(user(number), at(0));
    }
    for number in 10_000..14_000 {
        limiter.check(user(number), at(3_600_000));
    }
    assert!(limiter.keys() < 5_000, "{} keys", limiter.keys());
}

#[test]
fn a_clock_set_back_refuses_for_at_most_one_window() {
    let limiter = limiter(5, 1000);
    for _ in 0..5 {
        limiter.check(user(1), at(3_600_000));
    }
    let refused = limiter.check(user(1), at(0));
    assert_eq!((refused.allowed, refused.retry_after), (false, at(12_000)));
}

#[test]
fn threads_share_one_bucket() {
    let limiter = limiter(100, 1000);
    let take = || {
        (0..1000)
            .filter(|_| limiter.check(user(1), at(0)).allowed)
            .count()
    };
    let passed: usize = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(take)).collect();
        threads
            .into_iter()
            .map(|thread| thread.join().expect("no thread panics"))
            .sum()
    });
    assert_eq!(passed, 100);
}
