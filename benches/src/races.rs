//! `bench races`: in each round many clients book overlapping times of one coach. Exactly one of
//! them succeeds.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, DurationRound, TimeDelta, Utc};
use courtside::db::Db;
use entity::user::Role;
use entity::{Uuid, coach, event_type, event_type_host, schedule, user};
use serde_json::{Value, json};
use tokio::sync::Barrier;
use tokio::task::JoinSet;

use crate::catalog::{self, Terms};
use crate::http::{Connection, Target};
use crate::queries::{self, BOOK};
use crate::report::Report;
use crate::seed::insert;
use crate::tokens::{self, Issuer};
use crate::{Failure, database};

#[derive(clap::Args)]
pub(crate) struct Options {
    /// The server, started with RATE_LIMIT_BOOKINGS_PER_MINUTE=0.
    #[arg(long)]
    url: Target,
    /// Its database, in which the coach is stored and the result is checked.
    #[arg(long)]
    database_url: String,
    #[arg(long, default_value_t = 100)]
    rounds: u32,
    #[arg(long, default_value_t = 200)]
    callers: u32,
}

/// Starts every five minutes: twelve of them lie within the hour that each booking takes.
const OFFER: Terms = Terms {
    slug: "race-60",
    title: "Race",
    minutes: 60,
    interval: Some(5),
    price_minor: 0,
};
const STARTS: u32 = 12;

/// The answer to a caller.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Answer {
    Booked,
    SlotTaken,
    Other(String),
}

pub(crate) async fn run(options: Options) -> Result<(), Failure> {
    let db = database::open(&options.database_url).await?;
    let run = Uuid::new_v4().simple().to_string();
    let (coach_id, offer) = add_coach(&db, &run).await?;
    let race = Arc::new(Race {
        target: options.url,
        offer,
        first_start: tokens::now().duration_trunc(TimeDelta::days(1))? + TimeDelta::days(2),
        rounds: options.rounds,
        line: Barrier::new(options.callers as usize),
    });
    let issuer = Issuer::open(&db).await?;
    let mut callers = JoinSet::new();
    for number in 0..options.callers {
        let token = issuer.token(&format!("race-{run}-{number}"), Role::Client)?;
        callers.spawn(Arc::clone(&race).call(number, token));
    }
    let mut rounds: BTreeMap<u32, BTreeMap<Answer, u32>> = BTreeMap::new();
    while let Some(answers) = callers.join_next().await {
        for (round, answers) in answers??.into_iter().enumerate() {
            *rounds
                .entry(round as u32)
                .or_default()
                .entry(answers)
                .or_default() += 1;
        }
    }
    report(&options, &db, coach_id, rounds).await
}

async fn report(
    options: &Options,
    db: &Db,
    coach_id: Uuid,
    rounds: BTreeMap<u32, BTreeMap<Answer, u32>>,
) -> Result<(), Failure> {
    let one_winner = rounds
        .values()
        .filter(|answers| answers.get(&Answer::Booked) == Some(&1))
        .count();
    let mut all: BTreeMap<Answer, u32> = BTreeMap::new();
    for (answers, count) in rounds.into_values().flatten() {
        *all.entry(answers).or_default() += count;
    }
    let others: u32 = all
        .iter()
        .filter(|(answers, _)| matches!(answers, Answer::Other(_)))
        .map(|(_, count)| count)
        .sum();
    let key = if db.is_postgres() {
        format!("'{coach_id}'")
    } else {
        sqlite_key(coach_id)
    };
    let stored = database::count(
        db,
        &format!("select count(*) from booking where coach_id = {key}"),
    )
    .await?;
    let overlaps = database::overlaps(db, &format!("a.coach_id = {key}")).await?;

    let mut report = Report::new("races");
    report.add("database", database::name(db));
    report.add("rounds", options.rounds);
    report.add("callers", options.callers);
    report.add("rounds_with_one_winner", one_winner);
    report.add(
        "slot_taken",
        all.get(&Answer::SlotTaken).copied().unwrap_or_default(),
    );
    report.add("anything_else", others);
    for (answers, count) in &all {
        if let Answer::Other(what) = answers {
            report.add(what.chars().take(200).collect::<String>(), *count);
        }
    }
    report.add("bookings_stored", stored);
    report.add("overlaps", overlaps);
    report.print();
    let is_right = one_winner == options.rounds as usize
        && others == 0
        && overlaps == 0
        && stored == i64::from(options.rounds);
    if is_right {
        Ok(())
    } else {
        Err("a race did not have exactly one winner".into())
    }
}

/// A key as SQLite stores it: as bytes.
fn sqlite_key(id: Uuid) -> String {
    format!("x'{}'", id.simple())
}

/// Returns the keys of the coach and of the offer.
async fn add_coach(db: &Db, run: &str) -> Result<(Uuid, Uuid), Failure> {
    let now = tokens::now();
    let account = catalog::account(
        entity::new_id(),
        &format!("race-{run}-coach"),
        Role::Coach,
        now,
    );
    let profile = catalog::profile(entity::new_id(), &account, entity::new_id(), now);
    let hours = catalog::always(
        profile.default_schedule_id.expect("it was just set"),
        profile.id,
        now,
    );
    let offer = catalog::offer(entity::new_id(), &profile, &OFFER, now);
    let keys = (profile.id, offer.id);
    insert::<user::Entity>(db.write_one(), vec![account]).await?;
    insert::<coach::Entity>(db.write_one(), vec![profile]).await?;
    insert::<schedule::Entity>(db.write_one(), vec![hours]).await?;
    let host = catalog::host(&offer);
    insert::<event_type::Entity>(db.write_one(), vec![offer]).await?;
    insert::<event_type_host::Entity>(db.write_one(), vec![host]).await?;
    Ok(keys)
}

struct Race {
    target: Target,
    offer: Uuid,
    first_start: DateTime<Utc>,
    rounds: u32,
    /// All callers wait here before each round.
    line: Barrier,
}

impl Race {
    /// Runs one client through all rounds.
    async fn call(self: Arc<Self>, number: u32, token: String) -> Result<Vec<Answer>, Failure> {
        let mut connection = Connection::open(self.target).await?;
        // Creates the account.
        let hello = queries::request(self.target, Some(&token), "{ viewer { id } }", &json!({}));
        connection.send(&hello).await?;
        let mut answers = Vec::new();
        for round in 0..self.rounds {
            let minutes = i64::from(round) * 180 + i64::from(number % STARTS) * 5;
            let variables =
                queries::booking(self.offer, self.first_start + TimeDelta::minutes(minutes));
            let request = queries::request(self.target, Some(&token), BOOK, &variables);
            self.line.wait().await;
            let answer = connection.send(&request).await?;
            answers.push(read(answer.body));
        }
        Ok(answers)
    }
}

fn read(body: &[u8]) -> Answer {
    let other = || Answer::Other(String::from_utf8_lossy(body).into_owned());
    let Ok(answer) = serde_json::from_slice::<Value>(body) else {
        return other();
    };
    let payload = &answer["data"]["createBooking"];
    match (
        payload["booking"].is_object(),
        payload["userErrors"].as_array().map(Vec::as_slice),
    ) {
        (true, Some([])) => Answer::Booked,
        (false, Some([error])) if error["code"] == "SLOT_TAKEN" => Answer::SlotTaken,
        (false, Some([error])) => Answer::Other(error["code"].to_string()),
        _ => other(),
    }
}
