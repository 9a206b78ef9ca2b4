//! `bench burst-calcom`: ten times as many requests as a key's quota allows, at a stand-in that
//! enforces it. Courtside must stop after the first 429 and answer the excess at once.

use std::sync::Arc;
use std::time::Duration;

use simulators::cal_com::{self, Limits};

use crate::Failure;
use crate::environment::{Coach, Environment, EnvironmentOptions};
use crate::http::{Connection, Target};
use crate::metrics::{figures, sum};
use crate::report::Report;
use crate::slot_requests::{AnswerKind, Pace, send_all, slots_request};

#[derive(clap::Args)]
pub(crate) struct Options {
    #[command(flatten)]
    environment: EnvironmentOptions,
    /// Requests for each call that the quota allows; each of them needs two calls.
    #[arg(long, default_value_t = 10)]
    times: u32,
}

/// Requests per minute that a key may send.
const QUOTA: u32 = 120;
/// Event types of a coach, so that the requests need not reach a century ahead.
const OFFERS: u32 = 20;
const PACE: Pace = Pace {
    connections: 32,
    every: Duration::ZERO,
    duration: None,
};
/// Highest p99 that is accepted.
const GOAL_MS: f64 = 500.0;

pub(crate) async fn run(options: Options) -> Result<(), Failure> {
    let enforced = cal_com::Options {
        limits: Limits::real(),
        ..cal_com::Options::default()
    };
    let environment = Environment::open(&options.environment, enforced).await?;
    let run = Run {
        options,
        environment,
    };
    let done = run.execute().await;
    run.environment.close(done).await
}

struct Run {
    options: Options,
    environment: Environment,
}

impl Run {
    async fn execute(&self) -> Result<(), Failure> {
        let server = self.environment.launch.start().await?;
        let mut report = Report::new("burst-calcom");
        report.add("database", self.environment.database());
        report.add("quota_per_minute", QUOTA);
        let alone = self
            .environment
            .add_coach(server.target, "burst-alone", OFFERS)
            .await?;
        let shared = self
            .environment
            .add_coach(server.target, "burst-shared", OFFERS)
            .await?;
        // The setup has used the same keys; their quotas are full again a minute later.
        tokio::time::sleep(Duration::from_secs(62)).await;
        let first = self
            .burst("alone", server.target, &alone, &mut report)
            .await?;
        self.use_up(&shared).await?;
        let second = self
            .burst("shared", server.target, &shared, &mut report)
            .await?;
        server.stop().await?;
        report.add("goal_p99_ms", GOAL_MS);
        report.print();
        for (name, measured) in [("alone", first), ("shared", second)] {
            if measured.after_the_first > 0 {
                return Err(format!(
                    "{name}: sent {} calls after a 429",
                    measured.after_the_first
                )
                .into());
            }
            if measured.wrong > 0 || measured.p99_ms >= GOAL_MS {
                return Err(format!(
                    "{name}: {} wrong answers, p99 {} ms",
                    measured.wrong, measured.p99_ms
                )
                .into());
            }
        }
        Ok(())
    }

    /// Sends a multiple of the quota, each request for a range that was not requested before.
    async fn burst(
        &self,
        part: &str,
        server: Target,
        coach: &Coach,
        report: &mut Report,
    ) -> Result<BurstFigures, Failure> {
        let wanted = QUOTA * self.options.times;
        let each = wanted.div_ceil(OFFERS);
        let weeks = (0..each).flat_map(|week| {
            coach
                .offers
                .iter()
                .map(move |offer| slots_request(server, *offer, 1 + week * 2))
        });
        let requests = Arc::new(weeks.collect::<Vec<_>>());
        let before = (self.calls(coach), figures(server).await?);
        let answers = send_all(server, &requests, PACE).await?;
        // Queued calls wait for a quarter of a minute at most.
        tokio::time::sleep(Duration::from_secs(20)).await;
        let after = figures(server).await?;
        let calls = self.calls(coach);
        let refused: Vec<_> = calls.refused.clone();
        let first = refused.first().copied();
        // Calls in flight at the first refusal do not count: they end within a second.
        let late = first.map_or(0, |first| {
            refused.iter().filter(|at| **at - first > 1_000).count()
        });
        let outcome = |name: &str| {
            let count = |figures| {
                sum(
                    figures,
                    "courtside_provider_call_duration_seconds_count{",
                    name,
                )
            };
            count(&after) - count(&before.1)
        };
        report.add(format!("{part}_asked"), answers.timings.len());
        report.add(
            format!("{part}_answered"),
            answers.timings.len() - answers.count(AnswerKind::Unavailable),
        );
        report.add(format!("{part}_calls"), calls.all - before.0.all);
        report.add(
            format!("{part}_429"),
            refused.len() - before.0.refused.len(),
        );
        report.add(format!("{part}_429_sent_after_the_first"), late);
        report.add(
            format!("{part}_kept_back_by_quota"),
            outcome("outcome=\"quota\""),
        );
        let wrong = answers.count(AnswerKind::Wrong);
        report.add(format!("{part}_wrong"), wrong);
        if let Some(fault) = &answers.fault {
            report.add(format!("{part}_fault"), fault.as_str());
        }
        let sorted = answers.timings.sorted();
        for (name, share) in [("p50", 0.5), ("p99", 0.99), ("max", 1.0)] {
            report.add(format!("{part}_{name}_ms"), sorted.quantile_ms(share));
        }
        Ok(BurstFigures {
            after_the_first: late,
            wrong,
            p99_ms: sorted.quantile_ms(0.99),
        })
    }

    /// Another program uses the coach's key until it is refused.
    async fn use_up(&self, coach: &Coach) -> Result<(), Failure> {
        let target: Target = self.environment.cal.url().parse()?;
        let bearer = format!("Bearer {}", coach.api_key);
        let request = target.request("GET", "/v2/me", &[("authorization", bearer.as_str())], &[]);
        let mut connection = Connection::open(target).await?;
        while connection.send(&request).await?.status != 429 {}
        self.environment.cal.reset_requests();
        Ok(())
    }

    fn calls(&self, coach: &Coach) -> Calls {
        let bearer = format!("Bearer {}", coach.api_key);
        let all = self.environment.cal.requests();
        let mine: Vec<_> = all
            .iter()
            .filter(|call| {
                call.headers
                    .get("authorization")
                    .is_some_and(|value| value.as_bytes() == bearer.as_bytes())
            })
            .collect();
        let refused = mine
            .iter()
            .filter(|call| call.refused)
            .map(|call| call.at.timestamp_millis())
            .collect();
        Calls {
            all: mine.len(),
            refused,
        }
    }
}

/// Calls that the stand-in received with one key.
struct Calls {
    all: usize,
    /// Times of the calls above the quota, in milliseconds since 1970.
    refused: Vec<i64>,
}

/// The figures that have goals.
struct BurstFigures {
    after_the_first: usize,
    wrong: usize,
    p99_ms: f64,
}
