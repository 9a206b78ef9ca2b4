//! `bench burst-calcom`: ten times as many questions as a key's quota allows, at a stand-in that
//! enforces it. It must not be refused twice, and whatever does not fit must be answered at once.

use std::sync::Arc;
use std::time::Duration;

use simulators::cal_com::{self, Limits};

use crate::Failure;
use crate::http::{Connection, Target};
use crate::report::Report;
use crate::slot_load::{How, Said, ask, question};
use crate::stage::{Coach, Place, Stage};
use crate::watched::{figures, sum};

#[derive(clap::Args)]
pub(crate) struct Options {
    #[command(flatten)]
    place: Place,
    /// Questions for each call that a minute allows; each of them needs two.
    #[arg(long, default_value_t = 10)]
    times: u32,
}

/// What a key may ask a minute.
const QUOTA: u32 = 120;
/// Offers of a coach: what can be asked of one is more than a century, and nobody looks that far
/// ahead.
const OFFERS: u32 = 20;
const HOW: How = How {
    connections: 32,
    every: Duration::ZERO,
    lasting: None,
};
/// What people wait for at most.
const GOAL_MS: f64 = 500.0;

pub(crate) async fn run(options: Options) -> Result<(), Failure> {
    let enforced = cal_com::Options {
        limits: Limits::real(),
        ..cal_com::Options::default()
    };
    let stage = Stage::open(&options.place, enforced).await?;
    let scene = Scene { options, stage };
    let done = scene.play().await;
    scene.stage.close(done).await
}

struct Scene {
    options: Options,
    stage: Stage,
}

impl Scene {
    async fn play(&self) -> Result<(), Failure> {
        let server = self.stage.launch.start().await?;
        let mut report = Report::new("burst-calcom");
        report.add("database", self.stage.database());
        report.add("quota_per_minute", QUOTA);
        let alone = self
            .stage
            .add_coach(server.target, "burst-alone", OFFERS)
            .await?;
        let shared = self
            .stage
            .add_coach(server.target, "burst-shared", OFFERS)
            .await?;
        // The accounts were made and filled with the same keys: that is forgotten a minute later.
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
        for (name, told) in [("alone", first), ("shared", second)] {
            if told.after_the_first > 0 {
                return Err(format!(
                    "{name}: asked again {} times after a 429",
                    told.after_the_first
                )
                .into());
            }
            if told.wrong > 0 || told.p99_ms >= GOAL_MS {
                return Err(format!(
                    "{name}: {} wrong answers, p99 {} ms",
                    told.wrong, told.p99_ms
                )
                .into());
            }
        }
        Ok(())
    }

    /// Ten times the quota, each question for a stretch that was not asked for before.
    async fn burst(
        &self,
        part: &str,
        server: Target,
        coach: &Coach,
        report: &mut Report,
    ) -> Result<Told, Failure> {
        let wanted = QUOTA * self.options.times;
        let each = wanted.div_ceil(OFFERS);
        let weeks = (0..each).flat_map(|week| {
            coach
                .offers
                .iter()
                .map(move |offer| question(server, *offer, 1 + week * 2))
        });
        let questions = Arc::new(weeks.collect::<Vec<_>>());
        let before = (self.calls(coach), figures(server).await?);
        let answers = ask(server, &questions, HOW).await?;
        // Those that wait for their turn do so for a quarter of a minute at most.
        tokio::time::sleep(Duration::from_secs(20)).await;
        let after = figures(server).await?;
        let calls = self.calls(coach);
        let refused: Vec<_> = calls.refused.clone();
        let first = refused.first().copied();
        // What was on its way when the first refusal came back cannot be called back: a second is
        // more than that takes.
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
            answers.timings.len() - answers.count(Said::Unavailable),
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
        let wrong = answers.count(Said::Wrong);
        report.add(format!("{part}_wrong"), wrong);
        if let Some(fault) = &answers.fault {
            report.add(format!("{part}_fault"), fault.as_str());
        }
        let sorted = answers.timings.sorted();
        for (name, share) in [("p50", 0.5), ("p99", 0.99), ("max", 1.0)] {
            report.add(format!("{part}_{name}_ms"), sorted.quantile_ms(share));
        }
        Ok(Told {
            after_the_first: late,
            wrong,
            p99_ms: sorted.quantile_ms(0.99),
        })
    }

    /// Somebody else asks with the coach's key until it is refused.
    async fn use_up(&self, coach: &Coach) -> Result<(), Failure> {
        let target: Target = self.stage.cal.url().parse()?;
        let bearer = format!("Bearer {}", coach.api_key);
        let request = target.request("GET", "/v2/me", &[("authorization", bearer.as_str())], &[]);
        let mut connection = Connection::open(target).await?;
        while connection.send(&request).await?.status != 429 {}
        self.stage.cal.reset_requests();
        Ok(())
    }

    fn calls(&self, coach: &Coach) -> Calls {
        let bearer = format!("Bearer {}", coach.api_key);
        let all = self.stage.cal.requests();
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

/// What the stand-in saw of one key.
struct Calls {
    all: usize,
    /// When each call above the quota came, in milliseconds since 1970.
    refused: Vec<i64>,
}

/// What the goals are about.
struct Told {
    after_the_first: usize,
    wrong: usize,
    p99_ms: f64,
}
