//! The rate limiter against a server that enforces a quota, under ten times the allowed load.

use tokio::time::Instant;

use super::server::{Action, Server, respond};
use super::*;

const QUOTA: u32 = 60;

/// Enforces a quota as Cal.com does: a window of a minute from the first request, and a block of
/// another minute for a client that exceeds it.
struct Throttle {
    window: Option<(Instant, u32)>,
    blocked_until: Option<Instant>,
    /// Requests of other processes in each window.
    others: u32,
}

impl Throttle {
    fn response(&mut self) -> Action {
        let now = Instant::now();
        let minute = Duration::from_secs(60);
        self.blocked_until = self.blocked_until.filter(|until| now < *until);
        if self.blocked_until.is_none() {
            let (ends, count) = self
                .window
                .filter(|(ends, _)| now < *ends)
                .unwrap_or((now + minute, self.others));
            self.window = Some((ends, count + 1));
            if count < QUOTA {
                return respond(200, &lines(QUOTA - count - 1, ends - now), "{}");
            }
            self.blocked_until = Some(now + minute);
            self.window = None;
        }
        let until = self.blocked_until.expect("it was just set");
        respond(429, &lines(0, until - now), "{}")
    }
}

fn lines(remaining: u32, reset: Duration) -> String {
    let reset = reset.as_secs_f64().ceil();
    format!(
        "x-ratelimit-limit-default: {QUOTA}\r\nx-ratelimit-remaining-default: {remaining}\r\n\
         x-ratelimit-reset-default: {reset}\r\n"
    )
}

/// Sends `calls` at once, from a client configured with the quota `configured`. Returns the
/// statuses in the order of the responses.
async fn burst(calls: usize, configured: u32, others: u32) -> (Vec<u16>, Server) {
    let mut throttle = Throttle {
        window: None,
        blocked_until: None,
        others,
    };
    let server = Server::scripted(move |_| throttle.response()).await;
    let rate_limit = RateLimit {
        queue: 10_000,
        ..policy().rate_limit
    };
    let (client, recorder) = client(Policy {
        rate_limit,
        budget: Duration::from_secs(7200),
        ..policy()
    });
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..calls {
        let (client, url) = (client.clone(), server.url());
        tasks.spawn(async move {
            let quota = Quota {
                key: "one",
                per_minute: configured,
            };
            client
                .send(Call {
                    quota,
                    ..call(&url, Safety::Once)
                })
                .await
                .map(|response| response.status.as_u16())
        });
    }
    for status in tasks.join_all().await {
        assert_eq!(status, Ok(200), "every call succeeds in the end");
    }
    let statuses = recorder
        .all()
        .iter()
        .map(|events| events[events.len() - 3..].parse().expect("a status"))
        .collect();
    (statuses, server)
}

#[tokio::test(start_paused = true)]
async fn ten_times_the_quota_is_never_rejected() {
    let began = Instant::now();
    let (statuses, server) = burst(600, QUOTA, 0).await;
    assert_eq!(statuses, vec![200; 600]);
    let times: Vec<_> = server.requests().into_iter().map(|(_, at)| at).collect();
    for from in &times {
        let within = times
            .iter()
            .filter(|at| *at >= from && **at - *from < Duration::from_secs(60))
            .count();
        assert!(within <= QUOTA as usize, "{within} in a minute");
    }
    let minutes = began.elapsed().as_secs_f64() / 60.0;
    assert!(
        (10.5..12.0).contains(&minutes),
        "nine tenths of the quota are used: {minutes} minutes"
    );
}

#[tokio::test(start_paused = true)]
async fn after_a_429_there_is_no_second_one() {
    // The quota is already exhausted, so the first response is a 429.
    let mut first = true;
    let mut throttle = Throttle {
        window: None,
        blocked_until: None,
        others: 0,
    };
    let server = Server::scripted(move |_| {
        if std::mem::take(&mut first) {
            throttle.blocked_until = Some(Instant::now() + Duration::from_secs(45));
        }
        throttle.response()
    })
    .await;
    let (client, recorder) = client(Policy {
        budget: Duration::from_secs(3600),
        ..policy()
    });
    let quota = Quota {
        key: "one",
        per_minute: QUOTA,
    };
    for _ in 0..150 {
        let response = client
            .send(Call {
                quota,
                ..call(&server.url(), Safety::Once)
            })
            .await
            .expect("an response");
        assert_eq!(response.status, 200);
    }
    let events = recorder.all();
    assert_eq!(events[0], "1 rate_limited 429");
    assert_eq!(
        events
            .iter()
            .filter(|events| events.contains("429"))
            .count(),
        1,
        "{events:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn usage_by_other_processes_is_respected() {
    let (statuses, _) = burst(150, QUOTA, 35).await;
    assert_eq!(
        statuses.iter().filter(|status| **status == 429).count(),
        0,
        "the remaining twenty-five per minute are used"
    );
}

#[tokio::test(start_paused = true)]
async fn a_lower_quota_is_learned_from_the_responses() {
    let (statuses, _) = burst(150, 12 * QUOTA, 0).await;
    assert_eq!(statuses.iter().filter(|status| **status == 429).count(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_short_deadline_is_refused_with_the_time_to_wait() {
    let server = Server::sequence([respond(200, "", "{}")]).await;
    let (client, recorder) = client(policy());
    let short = || Call {
        quota: Quota {
            key: "one",
            per_minute: 10,
        },
        budget: Some(Duration::from_secs(3)),
        ..call(&server.url(), Safety::Once)
    };
    assert!(client.send(short()).await.is_ok());
    let error = client
        .send(short())
        .await
        .expect_err("the next token comes after 6.7 s");
    let Kind::RateLimited {
        retry_after: Some(wait),
    } = error.kind
    else {
        panic!("{error}")
    };
    assert!((6.0..6.7).contains(&wait.as_secs_f64()), "{wait:?}");
    assert!(!error.outcome_unknown(), "{error}");
    assert_eq!(recorder.all(), ["1 ok 200", "1 quota -"]);
    let other = Call {
        quota: Quota {
            key: "another",
            per_minute: 10,
        },
        ..short()
    };
    assert!(
        client.send(other).await.is_ok(),
        "another credential has its own quota"
    );
}
