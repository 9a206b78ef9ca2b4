//! `bench crash-calcom`: the server is killed while clients book a coach whose calendar is at a stand-in for Cal.com. After a restart both
//! sides must agree: nothing is open, nothing stands twice, and what was confirmed to a client stands.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use chrono::{DateTime, Datelike, DurationRound, TimeDelta, Utc};
use courtside::db::Db;
use entity::coach::{self, Scheduler};
use entity::user::Role;
use entity::{Uuid, booking, event_type, event_type_host, schedule, scheduler_request, user};
use sea_orm::{ColumnTrait, EntityTrait, PaginatorTrait, QueryFilter};
use serde_json::{Value, json};
use simulators::Point;
use simulators::cal_com::{self, StandIn};
use tokio::task::JoinSet;

use crate::Failure;
use crate::catalog::{self, Terms};
use crate::database::{self, Scratch};
use crate::http::{Connection, Target};
use crate::people::{self, Issuer};
use crate::queries::{self, BOOK};
use crate::report::{Report, complain};
use crate::seed::insert;
use crate::server::{Launch, Server};

#[derive(clap::Args)]
pub(crate) struct Options {
    /// The binary `courtside`.
    #[arg(long)]
    binary: PathBuf,
    /// Any database of a PostgreSQL cluster, in which another one is made for the time being; SQLite when left out.
    #[arg(long)]
    postgres: Option<String>,
    #[arg(long, default_value_t = 10)]
    rounds: u32,
    /// Bookings that are under way when the server is killed.
    #[arg(long, default_value_t = 20)]
    bookings: u32,
}

const SECRET: &str = "bench-webhook-secret";
const OFFER: Terms = Terms { slug: "crash-30", title: "Crash", minutes: 30, interval: None, price_minor: 0 };
/// A request that left no trace counts as never carried out after a minute.
const PATIENCE: Duration = Duration::from_secs(240);
const CONNECT: &str =
    "mutation($input: ConnectWithApiKeyInput!) { connectWithApiKey(input: $input) { userErrors { code } } }";

pub(crate) async fn run(options: Options) -> Result<(), Failure> {
    let scratch = match &options.postgres {
        Some(admin_url) => Scratch::postgres(admin_url).await?,
        None => Scratch::sqlite()?,
    };
    let db = database::open(&scratch.url).await?;
    let cal = cal_com::start(cal_com::Options::default()).await?;
    let launch = Launch::courtside(&options.binary, &scratch.url)
        .with("CALCOM_API_URL", &cal.url())
        .with("CALCOM_APP_URL", &cal.url())
        .with("CALCOM_WEBHOOK_SECRETS", SECRET);
    let done = Scene { options, db: db.clone(), cal, launch }.play().await;
    drop(db);
    if done.is_err() {
        complain(&format!("bench: the database is kept: {}\n", scratch.url));
        return done;
    }
    scratch.remove().await
}

struct Scene {
    options: Options,
    db: Db,
    cal: StandIn,
    launch: Launch,
}

impl Scene {
    async fn play(self) -> Result<(), Failure> {
        let issuer = Issuer::open(&self.db).await?;
        let mut server = self.launch.start().await?;
        let offer = self.set_up(&issuer, server.target).await?;
        let mut confirmed = Vec::new();
        for round in 0..self.options.rounds {
            let told = self.book_and_kill(&issuer, server, offer, round).await?;
            complain(&format!("round {}: killed after {} answers\n", round + 1, told.len()));
            confirmed.extend(told);
            server = self.launch.start().await?;
        }
        let began = Instant::now();
        while self.open().await? > 0 && began.elapsed() < PATIENCE {
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
        // What follows from the last answers is work of its own.
        tokio::time::sleep(Duration::from_secs(3)).await;
        let settled = began.elapsed();
        server.stop().await?;
        self.tell(&confirmed, settled).await
    }

    /// A coach with an account at the stand-in, and one offer there and here. Gives the offer's key.
    async fn set_up(&self, issuer: &Issuer, target: Target) -> Result<Uuid, Failure> {
        let now = people::now();
        let (_, key) = self.cal.add_account("Crash", "crash@bench.example", "Europe/London");
        let account = catalog::account(entity::new_id(), "crash-coach", Role::Coach, now);
        let mut profile = catalog::profile(entity::new_id(), &account, entity::new_id(), now);
        profile.scheduler = Scheduler::CalCom;
        let hours = catalog::always(profile.default_schedule_id.expect("it was just set"), profile.id, now);
        let made = self
            .there(
                &key,
                "/v2/event-types",
                "2024-06-14",
                json!({ "title": "Crash", "slug": "crash-30", "lengthInMinutes": 30 }),
            )
            .await?;
        let mut offer = catalog::offer(entity::new_id(), &profile, &OFFER, now);
        offer.provider = Some("calcom".to_owned());
        offer.provider_event_type_id = Some(made["data"]["id"].to_string());
        let id = offer.id;
        insert::<user::Entity>(self.db.write_one(), vec![account]).await?;
        insert::<coach::Entity>(self.db.write_one(), vec![profile]).await?;
        insert::<schedule::Entity>(self.db.write_one(), vec![hours]).await?;
        let host = catalog::host(&offer);
        insert::<event_type::Entity>(self.db.write_one(), vec![offer]).await?;
        insert::<event_type_host::Entity>(self.db.write_one(), vec![host]).await?;
        let token = issuer.token("crash-coach", Role::Coach)?;
        let connect = queries::request(target, Some(&token), CONNECT, &json!({ "input": { "apiKey": key } }));
        let mut connection = Connection::open(target).await?;
        let answer: Value = serde_json::from_slice(connection.send(&connect).await?.body)?;
        match answer["data"]["connectWithApiKey"]["userErrors"].as_array().map(Vec::as_slice) {
            Some([]) => Ok(id),
            _ => Err(format!("the coach could not be connected: {answer}").into()),
        }
    }

    async fn there(&self, key: &str, path: &str, version: &str, body: Value) -> Result<Value, Failure> {
        let target: Target = self.cal.url().parse()?;
        let bearer = format!("Bearer {key}");
        let headers = [("authorization", bearer.as_str()), ("cal-api-version", version)];
        let request = target.request("POST", path, &headers, body.to_string().as_bytes());
        let mut connection = Connection::open(target).await?;
        Ok(serde_json::from_slice(connection.send(&request).await?.body)?)
    }

    /// Many clients book at once, each a time of their own; the server is killed at some moment, in every third round while all their
    /// requests wait at the stand-in, before it has done anything or after. Gives the starts that were confirmed.
    async fn book_and_kill(
        &self,
        issuer: &Issuer,
        server: Server,
        offer: Uuid,
        round: u32,
    ) -> Result<Vec<DateTime<Utc>>, Failure> {
        let hold = match round % 3 {
            1 => Some(self.cal.hold(Point::BeforeCommit, "/v2/bookings")),
            2 => Some(self.cal.hold(Point::BeforeAnswer, "/v2/bookings")),
            _ => None,
        };
        let mut clients = JoinSet::new();
        for number in 0..self.options.bookings {
            let token = issuer.token(&format!("crash-{round}-{number}"), Role::Client)?;
            let start = start(round * self.options.bookings + number);
            let request = queries::request(server.target, Some(&token), BOOK, &queries::booking(offer, start));
            let target = server.target;
            clients.spawn(async move {
                let answer =
                    async { Connection::open(target).await?.send(&request).await.map(|answer| answer.body.to_vec()) };
                let answer: Option<Value> =
                    answer.await.ok().and_then(|body: Vec<u8>| serde_json::from_slice(&body).ok());
                let status = answer.map(|answer| answer["data"]["createBooking"]["booking"]["status"].clone());
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
            .count(self.db.read())
            .await?;
        let initiated = booking::Entity::find().filter(booking::Column::Status.eq(booking::Status::Initiated));
        Ok(open + initiated.count(self.db.read()).await?)
    }

    async fn tell(&self, confirmed: &[DateTime<Utc>], settled: Duration) -> Result<(), Failure> {
        let all = booking::Entity::find().all(self.db.read()).await?;
        let here: BTreeMap<DateTime<Utc>, usize> =
            tally(all.iter().filter(|row| row.status.is_active()).map(|row| row.starts_at));
        let there = self.cal.bookings();
        let there: BTreeMap<DateTime<Utc>, usize> = tally(
            there
                .iter()
                .filter(|found| ["accepted", "pending"].contains(&found.status.as_str()))
                .map(|found| found.start),
        );
        let only_here = here.iter().filter(|(start, _)| !there.contains_key(*start)).count();
        let only_there = there.iter().filter(|(start, _)| !here.contains_key(*start)).count();
        let twice = there.values().chain(here.values()).filter(|count| **count > 1).count();
        let lost = confirmed.iter().filter(|start| !here.contains_key(*start)).count();
        let open = self.open().await?;
        let mut report = Report::new("crash-calcom");
        report.add("database", if self.db.is_postgres() { "PostgreSQL" } else { "SQLite" });
        report.add("kills", self.options.rounds);
        report.add("bookings_asked_for", self.options.rounds * self.options.bookings);
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
        if is_right { Ok(()) } else { Err("the two sides do not agree".into()) }
    }
}

fn tally(starts: impl Iterator<Item = DateTime<Utc>>) -> BTreeMap<DateTime<Utc>, usize> {
    let mut tally = BTreeMap::new();
    for start in starts {
        *tally.entry(start).or_default() += 1;
    }
    tally
}

/// Half hours on weekdays between nine and five in London, in winter; from next week on.
fn start(number: u32) -> DateTime<Utc> {
    let today = people::now().duration_trunc(TimeDelta::days(1)).expect("a day divides the range of instants");
    let mut days = (1..).map(|day| today + TimeDelta::days(day)).filter(|day| day.weekday().number_from_monday() <= 5);
    let day = days.nth(number as usize / 16).expect("weekdays do not end");
    day + TimeDelta::hours(9) + TimeDelta::minutes(30 * i64::from(number % 16))
}
