//! `bench crash`: repeatedly kills the server while it receives webhooks. Every acknowledged
//! delivery must have its effect, exactly once.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use courtside::db::Db;
use sea_orm::{ConnectionTrait, Statement};

use crate::Failure;
use crate::calcom::{Deliveries, Delivery};
use crate::database::{self, Scratch};
use crate::report::{Report, log};
use crate::server::{Launch, Server};
use crate::webhooks::{Answered, Sent, drain, send, statuses};

#[derive(clap::Args)]
pub(crate) struct Options {
    /// The binary `courtside`.
    #[arg(long)]
    binary: PathBuf,
    /// Any database of a PostgreSQL cluster, in which a temporary database is created; SQLite when
    /// left out.
    #[arg(long)]
    postgres: Option<String>,
    #[arg(long, default_value_t = 20)]
    rounds: u32,
    #[arg(long, default_value_t = 500)]
    webhooks: u32,
    #[arg(long, default_value_t = 8)]
    senders: usize,
}

const SECRET: &str = "bench-webhook-secret";
/// Jobs of a killed worker are taken over when their lease ends, and several kills may follow each
/// other.
const TIMEOUT: Duration = Duration::from_secs(900);

pub(crate) async fn run(options: Options) -> Result<(), Failure> {
    let scratch = match &options.postgres {
        Some(admin_url) => Scratch::postgres(admin_url).await?,
        None => Scratch::sqlite()?,
    };
    let db = database::open(&scratch.url).await?;
    let launch =
        Launch::courtside(&options.binary, &scratch.url).with("CALCOM_WEBHOOK_SECRETS", SECRET);
    let done = run_rounds(&options, &launch, &db).await;
    if done.is_err() {
        log(&format!("bench: the database is kept: {}\n", scratch.url));
        return done;
    }
    drop(db);
    scratch.remove().await
}

/// A series of webhooks that was sent.
struct Series {
    prefix: String,
    deliveries: Arc<[Delivery]>,
}

impl Series {
    fn new(server: &Server, count: u32) -> Result<Self, Failure> {
        let series = Deliveries::new(SECRET)?;
        let deliveries = (0..count)
            .map(|number| series.get(server.target, number))
            .collect();
        Ok(Self {
            prefix: series.prefix,
            deliveries,
        })
    }
}

async fn run_rounds(options: &Options, launch: &Launch, db: &Db) -> Result<(), Failure> {
    let mut server = launch.start().await?;
    // Once without a kill, to learn how many events a booking has.
    let control = Series::new(&server, options.webhooks)?;
    send(
        server.target,
        &control.deliveries,
        options.senders,
        &Answered::default(),
    )
    .await?;
    drain(db, &control.prefix, TIMEOUT).await?;
    let expected = events_per_booking(&effects(db, &control.prefix).await?, &control)?;

    let (mut totals, mut all) = (Totals::default(), vec![control]);
    for round in 1..=options.rounds {
        let series = Series::new(&server, options.webhooks)?;
        let sent = send_and_kill(options, server, &series).await?;
        server = launch.start().await?;
        let known = statuses(db, &series.prefix).await?;
        totals.answered += sent.acknowledged.len();
        totals.lost += sent
            .acknowledged
            .iter()
            .filter(|uid| !known.contains_key(*uid))
            .count();
        log(&format!(
            "round {round}: killed after {} answers, {} stored\n",
            sent.acknowledged.len(),
            known.len()
        ));
        // The whole series is sent again: new to the server where it was never stored, a repeat
        // otherwise.
        let again = send(
            server.target,
            &series.deliveries,
            options.senders,
            &Answered::default(),
        )
        .await?;
        if again.acknowledged.len() != series.deliveries.len() {
            return Err(format!("{} were refused after the restart", again.refused).into());
        }
        all.push(series);
    }
    for series in &all {
        drain(db, &series.prefix, TIMEOUT).await?;
        totals.count(&effects(db, &series.prefix).await?, series, expected);
        totals.second_bookings += second_bookings(db, series).await?;
    }
    server.stop().await?;
    report(options, db, &totals)
}

/// Sends a series to a server that is killed after a random number of answers and up to five
/// milliseconds more.
async fn send_and_kill(
    options: &Options,
    server: Server,
    series: &Series,
) -> Result<Sent, Failure> {
    let (answered, after) = (
        Answered::default(),
        rand::random_range(0..options.webhooks as usize),
    );
    let sending = tokio::spawn({
        let (target, deliveries, senders) = (
            server.target,
            Arc::clone(&series.deliveries),
            options.senders,
        );
        let answered = Arc::clone(&answered);
        async move { send(target, &deliveries, senders, &answered).await }
    });
    // The sending also ends when a server stops answering.
    while answered.load(Ordering::Relaxed) < after && !sending.is_finished() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    tokio::time::sleep(Duration::from_micros(rand::random_range(0..5_000))).await;
    server.kill().await?;
    sending.await?
}

/// Rows that belong to one uid.
struct Effect {
    bookings: i64,
    events: i64,
}

/// The rows of each uid of a series.
async fn effects(db: &Db, prefix: &str) -> Result<HashMap<String, Effect>, Failure> {
    courtside::outbox::sequence::place_all(db).await?;
    let sql = format!(
        "select p.uid, count(distinct p.booking_id), count(e.seq) from provider_booking p \
         left join booking_event e on e.booking_id = p.booking_id where p.uid like '{prefix}%' group by p.uid"
    );
    let connection = db.read();
    let rows = connection
        .query_all_raw(Statement::from_string(
            connection.get_database_backend(),
            sql,
        ))
        .await?;
    rows.iter()
        .map(|row| {
            let effect = Effect {
                bookings: row.try_get_by_index(1)?,
                events: row.try_get_by_index(2)?,
            };
            Ok((row.try_get_by_index(0)?, effect))
        })
        .collect()
}

/// Number of events of each booking of a series, which must be the same for all.
fn events_per_booking(effects: &HashMap<String, Effect>, series: &Series) -> Result<i64, Failure> {
    let expected = effects
        .values()
        .next()
        .map(|effect| effect.events)
        .unwrap_or_default();
    let is_even = effects.len() == series.deliveries.len()
        && effects
            .values()
            .all(|effect| effect.bookings == 1 && effect.events == expected);
    if is_even && expected > 0 {
        Ok(expected)
    } else {
        Err("webhooks differ in their effects even without a kill".into())
    }
}

/// Counts bookings beyond one for each attendee; each webhook has a different attendee.
async fn second_bookings(db: &Db, series: &Series) -> Result<i64, Failure> {
    let made = format!(
        "select count(*) from booking where client_email like '{}%' and merged_into is null",
        series.prefix
    );
    Ok(database::count(db, &made).await? - series.deliveries.len() as i64)
}

#[derive(Default)]
struct Totals {
    answered: usize,
    lost: usize,
    missing: usize,
    doubled: usize,
    second_bookings: i64,
}

impl Totals {
    fn count(&mut self, effects: &HashMap<String, Effect>, series: &Series, expected: i64) {
        for delivery in series.deliveries.iter() {
            match effects.get(&delivery.uid) {
                Some(effect) if effect.bookings > 1 || effect.events > expected => {
                    self.doubled += 1
                }
                Some(effect) if effect.bookings == 1 && effect.events == expected => {}
                _ => self.missing += 1,
            }
        }
    }
}

fn report(options: &Options, db: &Db, totals: &Totals) -> Result<(), Failure> {
    let mut report = Report::new("crash");
    report.add("database", database::name(db));
    report.add("kills", options.rounds);
    report.add("webhooks_each", options.webhooks);
    report.add("answered_before_the_kills", totals.answered);
    report.add("answered_and_lost", totals.lost);
    report.add("effects_missing", totals.missing);
    report.add("effects_doubled", totals.doubled);
    report.add("second_bookings", totals.second_bookings);
    report.print();
    let is_right = totals.lost == 0
        && totals.missing == 0
        && totals.doubled == 0
        && totals.second_bookings == 0;
    if is_right {
        Ok(())
    } else {
        Err("deliveries were lost or processed twice".into())
    }
}
