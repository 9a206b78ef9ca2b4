//! A provider that counts, and callers who ask ten times as much as it allows.

use tokio::time::Instant;

use super::server::{Server, Then, say};
use super::*;

const QUOTA: u32 = 60;

/// Counts as Cal.com does: a minute from the first request, and another of rest for who asks too
/// much.
struct Throttle {
    window: Option<(Instant, u32)>,
    rests_until: Option<Instant>,
    /// Requests of others in each window.
    others: u32,
}

impl Throttle {
    fn answer(&mut self) -> Then {
        let now = Instant::now();
        let minute = Duration::from_secs(60);
        self.rests_until = self.rests_until.filter(|until| now < *until);
        if self.rests_until.is_none() {
            let (ends, count) = self
                .window
                .filter(|(ends, _)| now < *ends)
                .unwrap_or((now + minute, self.others));
            self.window = Some((ends, count + 1));
            if count < QUOTA {
                return say(200, &lines(QUOTA - count - 1, ends - now), "{}");
            }
            self.rests_until = Some(now + minute);
            self.window = None;
        }
        let until = self.rests_until.expect("it was just set");
        say(429, &lines(0, until - now), "{}")
    }
}

fn lines(remaining: u32, reset: Duration) -> String {
    let reset = reset.as_secs_f64().ceil();
    format!(
        "x-ratelimit-limit-default: {QUOTA}\r\nx-ratelimit-remaining-default: {remaining}\r\n\
         x-ratelimit-reset-default: {reset}\r\n"
    )
}

/// `calls` at once, from a client that believes the quota to be `believed`. The statuses, in the
/// order of the answers.
async fn burst(calls: usize, believed: u32, others: u32) -> (Vec<u16>, Server) {
    let mut throttle = Throttle {
        window: None,
        rests_until: None,
        others,
    };
    let server = Server::doing(move |_| throttle.answer()).await;
    let pace = Pace {
        queue: 10_000,
        ..Pace::default()
    };
    let (client, heard) = client(Policy {
        pace,
        budget: Duration::from_secs(7200),
        ..policy()
    });
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..calls {
        let (client, url) = (client.clone(), server.url());
        tasks.spawn(async move {
            let bucket = Bucket {
                key: "one",
                per_minute: believed,
            };
            client
                .send(Call {
                    bucket,
                    ..call(&url, Safety::Once)
                })
                .await
                .map(|answer| answer.status.as_u16())
        });
    }
    for status in tasks.join_all().await {
        assert_eq!(status, Ok(200), "everybody is served in the end");
    }
    let statuses = heard
        .all()
        .iter()
        .map(|told| told[told.len() - 3..].parse().expect("a status"))
        .collect();
    (statuses, server)
}

#[tokio::test(start_paused = true)]
async fn ten_times_the_quota_is_never_turned_away() {
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
async fn after_the_first_429_there_is_no_other() {
    // It was all used up before we came, so that the first answers are refusals.
    let mut first = true;
    let mut throttle = Throttle {
        window: None,
        rests_until: None,
        others: 0,
    };
    let server = Server::doing(move |_| {
        if std::mem::take(&mut first) {
            throttle.rests_until = Some(Instant::now() + Duration::from_secs(45));
        }
        throttle.answer()
    })
    .await;
    let (client, heard) = client(Policy {
        budget: Duration::from_secs(3600),
        ..policy()
    });
    let bucket = Bucket {
        key: "one",
        per_minute: QUOTA,
    };
    for _ in 0..150 {
        let answer = client
            .send(Call {
                bucket,
                ..call(&server.url(), Safety::Once)
            })
            .await
            .expect("an answer");
        assert_eq!(answer.status, 200);
    }
    let told = heard.all();
    assert_eq!(told[0], "1 rate_limited 429");
    assert_eq!(
        told.iter().filter(|told| told.contains("429")).count(),
        1,
        "{told:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn what_others_use_of_the_quota_is_left_to_them() {
    let (statuses, _) = burst(150, QUOTA, 35).await;
    assert_eq!(
        statuses.iter().filter(|status| **status == 429).count(),
        0,
        "twenty-five a minute are left, and used"
    );
}

#[tokio::test(start_paused = true)]
async fn a_quota_lower_than_believed_is_learnt_from_the_answers() {
    let (statuses, _) = burst(150, 12 * QUOTA, 0).await;
    assert_eq!(statuses.iter().filter(|status| **status == 429).count(), 0);
}

#[tokio::test(start_paused = true)]
async fn who_cannot_wait_is_told_how_long_it_would_take() {
    let server = Server::saying([say(200, "", "{}")]).await;
    let (client, heard) = client(policy());
    let hurried = || Call {
        bucket: Bucket {
            key: "one",
            per_minute: 10,
        },
        budget: Some(Duration::from_secs(3)),
        ..call(&server.url(), Safety::Once)
    };
    assert!(client.send(hurried()).await.is_ok());
    let error = client
        .send(hurried())
        .await
        .expect_err("the next may go after 6.7 s");
    let Kind::RateLimited {
        retry_after: Some(wait),
    } = error.kind
    else {
        panic!("{error}")
    };
    assert!((6.0..6.7).contains(&wait.as_secs_f64()), "{wait:?}");
    assert!(!error.outcome_unknown(), "{error}");
    assert_eq!(heard.all(), ["1 ok 200", "1 quota -"]);
    let other = Call {
        bucket: Bucket {
            key: "another",
            per_minute: 10,
        },
        ..hurried()
    };
    assert!(
        client.send(other).await.is_ok(),
        "another credential has its own"
    );
}
