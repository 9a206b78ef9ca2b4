//! `bench crash-calcom`: kills the server while clients book a coach whose calendar is at a stand-in
//! for Cal.com. After a restart both sides must agree: no request is open, no booking exists twice,
//! and every booking confirmed to a client is active.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use entity::user::Role;
use entity::{Uuid, booking, scheduler_request};
use sea_orm::{ColumnTrait, EntityTrait, PaginatorTrait, QueryFilter};
use serde_json::{Value, json};
use simulators::Point;
use simulators::cal_com;
use tokio::task::JoinSet;

use crate::Failure;
use crate::environment::{self, Environment, EnvironmentOptions};
use crate::http::Connection;
use crate::queries::{self, BOOK};
use crate::report::{Report, log};
use crate::server::Server;

#[derive(clap::Args)]
pub(crate) struct Options {
    #[command(flatten)]
    environment: EnvironmentOptions,
    #[arg(long, default_value_t = 10)]
    rounds: u32,
    /// Bookings in progress when the server is killed.
    #[arg(long, default_value_t = 20)]
    bookings: u32,
}

/// A request without a trace at Cal.com counts as not executed after a minute.
const TIMEOUT: Duration = Duration::from_secs(240);

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
        let mut server = self.environment.launch.start().await?;
        let offer = self
            .environment
            .add_coach(server.target, "crash-coach", 1)
            .await?
            .offers[0];
        let mut confirmed = Vec::new();
        for round in 0..self.options.rounds {
            let answers = self.book_and_kill(server, offer, round).await?;
            log(&format!(
                "round {}: killed after {} answers\n",
                round + 1,
                answers.len()
            ));
            confirmed.extend(answers);
            server = self.environment.launch.start().await?;
        }
        let began = Instant::now();
        while self.open().await? > 0 && began.elapsed() < TIMEOUT {
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
        // Lets the jobs that follow from the last answers finish.
        tokio::time::sleep(Duration::from_secs(3)).await;
        let settled = began.elapsed();
        server.stop().await?;
        self.report(&confirmed, settled).await
    }

    /// Many clients book at once, each a different time. The server is killed after a random time, or
    /// while the stand-in delays all requests: in every third round before it has executed them, in
    /// another third after. Returns the starts that were confirmed.
    async fn book_and_kill(
        &self,
        server: Server,
        offer: Uuid,
        round: u32,
    ) -> Result<Vec<DateTime<Utc>>, Failure> {
        let hold = match round % 3 {
            1 => Some(
                self.environment
                    .cal
                    .hold(Point::BeforeCommit, "/v2/bookings"),
            ),
            2 => Some(
                self.environment
                    .cal
                    .hold(Point::BeforeAnswer, "/v2/bookings"),
            ),
            _ => None,
        };
        let mut clients = JoinSet::new();
        for number in 0..self.options.bookings {
            let token = self
                .environment
                .issuer
                .token(&format!("crash-{round}-{number}"), Role::Client)?;
            let start = environment::half_hour(round * self.options.bookings + number);
            let request = queries::request(
                server.target,
                Some(&token),
                BOOK,
                &queries::booking(offer, start),
            );
            let target = server.target;
            clients.spawn(async move {
                let answer = async {
                    Connection::open(target)
                        .await?
                        .send(&request)
                        .await
                        .map(|answer| answer.body.to_vec())
                };
                let answer: Option<Value> = answer
                    .await
                    .ok()
                    .and_then(|body: Vec<u8>| serde_json::from_slice(&body).ok());
                let status = answer
                    .map(|answer| answer["data"]["createBooking"]["booking"]["status"].clone());
                (status == Some(json!("CONFIRMED"))).then_some(start)
            });
        }
        if let Some(hold) = &hold {
            let reached = hold.reached(self.options.bookings.min(6) as usize);
            let _ = tokio::time::timeout(Duration::from_secs(5), reached).await;
        } else {
            tokio::time::sleep(Duration::from_millis(rand::random_range(20..1_500))).await;
        }
        server.kill().await?;
        if let Some(hold) = hold {
            hold.release();
        }
        Ok(clients.join_all().await.into_iter().flatten().collect())
    }

    async fn open(&self) -> Result<u64, Failure> {
        let open = scheduler_request::Entity::find()
            .filter(scheduler_request::Column::Status.eq(scheduler_request::Status::Open))
            .count(self.environment.db.read())
            .await?;
        let initiated =
            booking::Entity::find().filter(booking::Column::Status.eq(booking::Status::Initiated));
        Ok(open + initiated.count(self.environment.db.read()).await?)
    }

    async fn report(&self, confirmed: &[DateTime<Utc>], settled: Duration) -> Result<(), Failure> {
        let all = booking::Entity::find()
            .all(self.environment.db.read())
            .await?;
        let here: BTreeMap<DateTime<Utc>, usize> = tally(
            all.iter()
                .filter(|row| row.status.is_active())
                .map(|row| row.starts_at),
        );
        let there = self.environment.cal.bookings();
        let there: BTreeMap<DateTime<Utc>, usize> = tally(
            there
                .iter()
                .filter(|found| ["accepted", "pending"].contains(&found.status.as_str()))
                .map(|found| found.start),
        );
        let only_here = here
            .iter()
            .filter(|(start, _)| !there.contains_key(*start))
            .count();
        let only_there = there
            .iter()
            .filter(|(start, _)| !here.contains_key(*start))
            .count();
        let twice = there
            .values()
            .chain(here.values())
            .filter(|count| **count > 1)
            .count();
        let lost = confirmed
            .iter()
            .filter(|start| !here.contains_key(*start))
            .count();
        let open = self.open().await?;
        let mut report = Report::new("crash-calcom");
        report.add("database", self.environment.database());
        report.add("kills", self.options.rounds);
        report.add(
            "bookings_asked_for",
            self.options.rounds * self.options.bookings,
        );
        report.add("bookings_stored", all.len());
        report.add("standing_on_both_sides", here.len() - only_here);
        report.add("confirmed_to_a_client", confirmed.len());
        report.add("confirmed_and_lost", lost);
        report.add("only_here", only_here);
        report.add("only_there", only_there);
        report.add("twice", twice);
        report.add("still_open", open);
        report.add("settled_after_seconds", settled.as_secs());
        report.print();
        let is_right = lost == 0 && only_here == 0 && only_there == 0 && twice == 0 && open == 0;
        if is_right {
            Ok(())
        } else {
            Err("the two sides do not agree".into())
        }
    }
}

fn tally(starts: impl Iterator<Item = DateTime<Utc>>) -> BTreeMap<DateTime<Utc>, usize> {
    let mut tally = BTreeMap::new();
    for start in starts {
        *tally.entry(start).or_default() += 1;
    }
    tally
}
