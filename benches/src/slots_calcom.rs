//! `bench slots-calcom`: how long the free time of coaches at Cal.com takes: cold, warm, and with
//! Cal.com slow or hanging.

use std::sync::Arc;
use std::time::Duration;

use simulators::cal_com;
use simulators::{Fault, Kind};

use crate::Failure;
use crate::http::Target;
use crate::report::Report;
use crate::slot_load::{Answers, How, Said, ask, question};
use crate::stage::{Coach, Place, Stage};

#[derive(clap::Args)]
pub(crate) struct Options {
    #[command(flatten)]
    place: Place,
    #[arg(long, default_value_t = 40)]
    coaches: u32,
    /// How long what is known is asked for, in each of its parts.
    #[arg(long, default_value_t = 10)]
    seconds: u64,
}

/// Stretches of each coach that are asked for in a cold part: together with what is read again they
/// stay within a key's quota.
const STRETCHES: u32 = 8;
/// An answer is new enough for half a minute.
const UNTIL_STALE: Duration = Duration::from_secs(31);
/// What people wait for at most.
const GOAL_MS: f64 = 500.0;
const COLD: How = How {
    connections: 8,
    every: Duration::from_millis(20),
    lasting: None,
};

pub(crate) async fn run(options: Options) -> Result<(), Failure> {
    let stage = Stage::open(&options.place, cal_com::Options::default()).await?;
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
        let target = server.target;
        let mut coaches = Vec::new();
        for number in 0..self.options.coaches {
            coaches.push(
                self.stage
                    .add_coach(target, &format!("slots-coach-{number}"), 1)
                    .await?,
            );
        }
        // The first look at what they have there is not part of this.
        tokio::time::sleep(Duration::from_secs(3)).await;
        let known = questions(target, &coaches, 1);
        let warm = How {
            lasting: Some(Duration::from_secs(self.options.seconds)),
            ..COLD
        };
        let slow = Fault::new("/v2/slots", Kind::Slow(Duration::from_secs(10)));
        let hang = Fault::new("*", Kind::Hang);

        let mut told = Told {
            report: Report::new("slots-calcom"),
            worst: 0.0,
            wrong: None,
        };
        told.report.add("database", self.stage.database());
        told.report.add("coaches", self.options.coaches);
        self.part("cold", target, &known, COLD, &mut told).await?;
        self.part("warm", target, &known, warm, &mut told).await?;
        for (name, fault, first_week) in [("slow", slow, 30), ("hanging", hang, 60)] {
            tokio::time::sleep(UNTIL_STALE).await;
            self.stage.cal.faults().set(fault);
            self.part(&format!("{name}_known"), target, &known, warm, &mut told)
                .await?;
            let unknown = questions(target, &coaches, first_week);
            self.part(&format!("{name}_cold"), target, &unknown, COLD, &mut told)
                .await?;
            self.stage.cal.faults().clear();
            self.recover(target, &known).await?;
        }
        server.stop().await?;
        let Told {
            mut report,
            worst,
            wrong,
        } = told;
        report.add("worst_p99_ms", worst);
        report.add("goal_p99_ms", GOAL_MS);
        report.print();
        match wrong {
            Some(wrong) => Err(format!(
                "an answer that is neither free time nor an honest error: {wrong}"
            )
            .into()),
            None if worst >= GOAL_MS => Err(format!("a p99 of {worst} ms").into()),
            None => Ok(()),
        }
    }

    async fn part(
        &self,
        name: &str,
        server: Target,
        questions: &Arc<Vec<Vec<u8>>>,
        how: How,
        told: &mut Told,
    ) -> Result<(), Failure> {
        let calls = self.stage.slot_calls();
        let answers = ask(server, questions, how).await?;
        let calls = self.stage.slot_calls() - calls;
        told.add(name, answers, calls);
        Ok(())
    }

    /// Everything is well again, and read anew.
    async fn recover(&self, server: Target, known: &Arc<Vec<Vec<u8>>>) -> Result<(), Failure> {
        for _ in 0..60 {
            let answers = ask(server, known, COLD).await?;
            if answers.count(Said::Fresh) == answers.timings.len() {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        Err("a minute after Cal.com is well again free time is not fresh".into())
    }
}

/// The report so far.
struct Told {
    report: Report,
    /// The highest p99 in milliseconds.
    worst: f64,
    wrong: Option<String>,
}

impl Told {
    fn add(&mut self, part: &str, mut answers: Answers, calls: usize) {
        self.wrong = self.wrong.take().or(answers.fault.take());
        self.worst = self.worst.max(answers.tell(part, calls, &mut self.report));
    }
}

/// Stretches that have no week in common, so that none of them helps with another; coach by coach
/// in turns.
fn questions(server: Target, coaches: &[Coach], first_week: u32) -> Arc<Vec<Vec<u8>>> {
    let stretches = (0..STRETCHES).map(|number| first_week + number * 2);
    let each = stretches.flat_map(|week| {
        coaches
            .iter()
            .map(move |coach| question(server, coach.offers[0], week))
    });
    Arc::new(each.collect())
}
