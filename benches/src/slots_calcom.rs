//! `bench slots-calcom`: latency of slots of Cal.com coaches: cold, warm, and with Cal.com slow or
//! hanging.

use std::sync::Arc;
use std::time::Duration;

use simulators::cal_com;
use simulators::{Fault, Kind};

use crate::Failure;
use crate::environment::{Coach, Environment, EnvironmentOptions};
use crate::http::Target;
use crate::report::Report;
use crate::slot_requests::{AnswerKind, Answers, Pace, send_all, slots_request};

#[derive(clap::Args)]
pub(crate) struct Options {
    #[command(flatten)]
    environment: EnvironmentOptions,
    #[arg(long, default_value_t = 40)]
    coaches: u32,
    /// Seconds of each phase that requests cached slots.
    #[arg(long, default_value_t = 10)]
    seconds: u64,
}

/// Ranges requested of each coach in a cold phase: together with the refreshes they stay within a
/// key's quota.
const RANGES: u32 = 8;
/// Cached slots are fresh for half a minute.
const UNTIL_STALE: Duration = Duration::from_secs(31);
/// Highest p99 that is accepted.
const GOAL_MS: f64 = 500.0;
const COLD: Pace = Pace {
    connections: 8,
    every: Duration::from_millis(20),
    duration: None,
};

pub(crate) async fn run(options: Options) -> Result<(), Failure> {
    let environment = Environment::open(&options.environment, cal_com::Options::default()).await?;
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
        let target = server.target;
        let mut coaches = Vec::new();
        for number in 0..self.options.coaches {
            coaches.push(
                self.environment
                    .add_coach(target, &format!("slots-coach-{number}"), 1)
                    .await?,
            );
        }
        // Lets the first synchronisation finish.
        tokio::time::sleep(Duration::from_secs(3)).await;
        let known = requests(target, &coaches, 1);
        let warm = Pace {
            duration: Some(Duration::from_secs(self.options.seconds)),
            ..COLD
        };
        let slow = Fault::new("/v2/slots", Kind::Slow(Duration::from_secs(10)));
        let hang = Fault::new("*", Kind::Hang);

        let mut results = Results {
            report: Report::new("slots-calcom"),
            worst: 0.0,
            wrong: None,
        };
        results.report.add("database", self.environment.database());
        results.report.add("coaches", self.options.coaches);
        self.phase("cold", target, &known, COLD, &mut results)
            .await?;
        self.phase("warm", target, &known, warm, &mut results)
            .await?;
        for (name, fault, first_week) in [("slow", slow, 30), ("hanging", hang, 60)] {
            tokio::time::sleep(UNTIL_STALE).await;
            self.environment.cal.faults().set(fault);
            self.phase(&format!("{name}_known"), target, &known, warm, &mut results)
                .await?;
            let unknown = requests(target, &coaches, first_week);
            self.phase(
                &format!("{name}_cold"),
                target,
                &unknown,
                COLD,
                &mut results,
            )
            .await?;
            self.environment.cal.faults().clear();
            self.recover(target, &known).await?;
        }
        server.stop().await?;
        let Results {
            mut report,
            worst,
            wrong,
        } = results;
        report.add("worst_p99_ms", worst);
        report.add("goal_p99_ms", GOAL_MS);
        report.print();
        match wrong {
            Some(wrong) => {
                Err(format!("an answer with neither slots nor the expected error: {wrong}").into())
            }
            None if worst >= GOAL_MS => Err(format!("a p99 of {worst} ms").into()),
            None => Ok(()),
        }
    }

    async fn phase(
        &self,
        name: &str,
        server: Target,
        requests: &Arc<Vec<Vec<u8>>>,
        pace: Pace,
        results: &mut Results,
    ) -> Result<(), Failure> {
        let calls = self.environment.slot_calls();
        let answers = send_all(server, requests, pace).await?;
        let calls = self.environment.slot_calls() - calls;
        results.add(name, answers, calls);
        Ok(())
    }

    /// Waits until all slots are fresh again.
    async fn recover(&self, server: Target, known: &Arc<Vec<Vec<u8>>>) -> Result<(), Failure> {
        for _ in 0..60 {
            let answers = send_all(server, known, COLD).await?;
            if answers.count(AnswerKind::Fresh) == answers.timings.len() {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        Err("slots are not fresh a minute after Cal.com has recovered".into())
    }
}

/// Results so far.
struct Results {
    report: Report,
    /// The highest p99 in milliseconds.
    worst: f64,
    wrong: Option<String>,
}

impl Results {
    fn add(&mut self, phase: &str, mut answers: Answers, calls: usize) {
        self.wrong = self.wrong.take().or(answers.fault.take());
        self.worst = self
            .worst
            .max(answers.add_to(phase, calls, &mut self.report));
    }
}

/// Requests for ranges that have no week in common, so that none fills the cache for another; the
/// coaches take turns.
fn requests(server: Target, coaches: &[Coach], first_week: u32) -> Arc<Vec<Vec<u8>>> {
    let ranges = (0..RANGES).map(|number| first_week + number * 2);
    let each = ranges.flat_map(|week| {
        coaches
            .iter()
            .map(move |coach| slots_request(server, coach.offers[0], week))
    });
    Arc::new(each.collect())
}
