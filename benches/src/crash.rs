//! `bench crash`: the server is killed while webhooks come in, again and again. What it had
//! answered must be there, and nothing twice.

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
use crate::report::{Report, complain};
use crate::server::{Launch, Server};
use crate::webhooks::{Answered, Sent, drain, send, statuses};

#[derive(clap::Args)]
pub(crate) struct Options {
    /// The binary `courtside`.
    #[arg(long)]
    binary: PathBuf,
    /// Any database of a PostgreSQL cluster, in which another one is made for the time being;
    /// SQLite when left out.
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
/// Work that a killed worker had taken is taken over when its lease ends, after a minute; several
/// kills may follow each other.
const PATIENCE: Duration = Duration::from_secs(900);

pub(crate) async fn run(options: Options) -> Result<(), Failure> {
    let scratch = match &options.postgres {
        Some(admin_url) => Scratch::postgres(admin_url).await?,
        None => Scratch::sqlite()?,
    };
    let db = database::open(&scratch.url).await?;
    let launch =
        Launch::courtside(&options.binary, &scratch.url).with("CALCOM_WEBHOOK_SECRETS", SECRET);
    let done = kill_again_and_again(&options, &launch, &db).await;
    if done.is_err() {
        complain(&format!("bench: the database is kept: {}\n", scratch.url));
        return done;
    }
    drop(db);
    scratch.remove().await
}

/// A series of webhooks, as it was sent.
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

async fn kill_again_and_again(options: &Options, launch: &Launch, db: &Db) -> Result<(), Failure> {
    let mut server = launch.start().await?;
    // Once without a kill: how much history a booking has.
    let control = Series::new(&server, options.webhooks)?;
    send(
        server.target,
        &control.deliveries,
        options.senders,
        &Answered::default(),
    )
    .await?;
    drain(db, &control.prefix, PATIENCE).await?;
    let expected = lines_of_each(&effects(db, &control.prefix).await?, &control)?;

    let (mut answered, mut lost, mut all) = (0, 0, vec![control]);
    for round in 1..=options.rounds {
        let series = Series::new(&server, options.webhooks)?;
        let sent = send_and_kill(options, server, &series).await?;
        server = launch.start().await?;
        let known = statuses(db, &series.prefix).await?;
        answered += sent.acknowledged.len();
        lost += sent
            .acknowledged
            .iter()
            .filter(|uid| !known.contains_key(*uid))
            .count();
        complain(&format!(
            "round {round}: killed after {} answers, {} stored\n",
            sent.acknowledged.len(),
            known.len()
        ));
        // All of it comes once more: what was never answered for the first time, the rest as a
        // copy.
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
    let mut found = Found::default();
    for series in &all {
        drain(db, &series.prefix, PATIENCE).await?;
        found.count(&effects(db, &series.prefix).await?, series, expected);
        found.second_bookings += second_bookings(db, series).await?;
    }
    server.stop().await?;
    tell(options, db, (answered, lost), &found)
}

/// Sends a series to a server that is killed after any number of answers, and up to five
/// milliseconds.
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
    // A server that refuses to answer would be waited for for ever.
    while answered.load(Ordering::Relaxed) < after && !sending.is_finished() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    tokio::time::sleep(Duration::from_micros(rand::random_range(0..5_000))).await;
    server.kill().await?;
    sending.await?
}

/// What the database has of one uid.
struct Effect {
    bookings: i64,
    lines: i64,
}

/// What each uid of a series led to.
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
                lines: row.try_get_by_index(2)?,
            };
            Ok((row.try_get_by_index(0)?, effect))
        })
        .collect()
}

/// Lines of history of each booking of a series: the same for all.
fn lines_of_each(effects: &HashMap<String, Effect>, series: &Series) -> Result<i64, Failure> {
    let expected = effects
        .values()
        .next()
        .map(|effect| effect.lines)
        .unwrap_or_default();
    let is_even = effects.len() == series.deliveries.len()
        && effects
            .values()
            .all(|effect| effect.bookings == 1 && effect.lines == expected);
    if is_even && expected > 0 {
        Ok(expected)
    } else {
        Err("webhooks have uneven effects even without a kill".into())
    }
}

/// Bookings beyond one for each attendee; each webhook has an attendee of its own.
async fn second_bookings(db: &Db, series: &Series) -> Result<i64, Failure> {
    let made = format!(
        "select count(*) from booking where client_email like '{}%' and merged_into is null",
        series.prefix
    );
    Ok(database::count(db, &made).await? - series.deliveries.len() as i64)
}

#[derive(Default)]
struct Found {
    missing: usize,
    doubled: usize,
    second_bookings: i64,
}

impl Found {
    fn count(&mut self, effects: &HashMap<String, Effect>, series: &Series, expected: i64) {
        for delivery in series.deliveries.iter() {
            match effects.get(&delivery.uid) {
                Some(effect) if effect.bookings > 1 || effect.lines > expected => self.doubled += 1,
                Some(effect) if effect.bookings == 1 && effect.lines == expected => {}
                _ => self.missing += 1,
            }
        }
    }
}

fn tell(
    options: &Options,
    db: &Db,
    (answered, lost): (usize, usize),
    found: &Found,
) -> Result<(), Failure> {
    let mut report = Report::new("crash");
    report.add(
        "database",
        if db.is_postgres() {
            "PostgreSQL"
        } else {
            "SQLite"
        },
    );
    report.add("kills", options.rounds);
    report.add("webhooks_each", options.webhooks);
    report.add("answered_before_the_kills", answered);
    report.add("answered_and_lost", lost);
    report.add("effects_missing", found.missing);
    report.add("effects_doubled", found.doubled);
    report.add("second_bookings", found.second_bookings);
    report.print();
    let is_right =
        lost == 0 && found.missing == 0 && found.doubled == 0 && found.second_bookings == 0;
    if is_right {
        Ok(())
    } else {
        Err("the kills left traces".into())
    }
}
