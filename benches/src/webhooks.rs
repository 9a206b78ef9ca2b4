//! `bench webhooks`: how fast deliveries are acknowledged and processed, and whether each
//! acknowledged one had its effect.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use courtside::db::Db;
use entity::webhook_delivery::{Column, Entity, Status};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QuerySelect};
use tokio::task::JoinSet;

use crate::calcom::{Deliveries, Delivery};
use crate::database::CommitDelay;
use crate::http::{Connection, Target};
use crate::report::{Report, rounded};
use crate::stats::Timings;
use crate::{Failure, database};

#[derive(clap::Args)]
pub(crate) struct Options {
    /// The server, as http://127.0.0.1:8080.
    #[arg(long)]
    url: Target,
    /// One of its CALCOM_WEBHOOK_SECRETS.
    #[arg(long)]
    secret: String,
    /// Its database, in which each delivery is checked.
    #[arg(long)]
    database_url: String,
    /// Connections, each of which sends its next delivery when the last one is answered.
    #[arg(long, default_value_t = 16)]
    senders: usize,
    #[arg(long, default_value_t = 20_000)]
    count: u32,
    /// How long to wait for the effects of the acknowledged deliveries.
    #[arg(long, default_value_t = 900)]
    drain_seconds: u64,
    /// Microseconds by which PostgreSQL delays each flush of commits.
    #[arg(long)]
    commit_delay: Option<u32>,
}

pub(crate) async fn run(options: Options) -> Result<(), Failure> {
    let db = database::open(&options.database_url).await?;
    let delay = CommitDelay::set(&db, options.commit_delay).await?;
    let measured = measure(&options, &db).await;
    delay.reset(&db).await?;
    measured
}

async fn measure(options: &Options, db: &Db) -> Result<(), Failure> {
    let series = Deliveries::new(&options.secret)?;
    // Prepared in advance, because signing takes processor time from the server.
    let deliveries: Arc<[Delivery]> = (0..options.count)
        .map(|number| series.get(options.url, number))
        .collect();
    let began = Instant::now();
    let sent = send(
        options.url,
        &deliveries,
        options.senders,
        &Answered::default(),
    )
    .await?;
    let took = began.elapsed();
    let timeout = Duration::from_secs(options.drain_seconds);
    let drained = drain(db, &series.prefix, timeout).await?;

    let known = statuses(db, &series.prefix).await?;
    let lost = sent
        .acknowledged
        .iter()
        .filter(|uid| !known.contains_key(*uid))
        .count();
    let unprocessed = sent.acknowledged.iter().filter(|uid| {
        known
            .get(*uid)
            .is_some_and(|status| *status != Status::Processed)
    });
    let unprocessed = unprocessed.count();
    let mut report = Report::new("webhooks");
    report.add("senders", options.senders);
    report.add("commit_delay_us", options.commit_delay.unwrap_or_default());
    report.add("acknowledged", sent.acknowledged.len());
    report.add(
        "acknowledged_per_second",
        rounded(sent.acknowledged.len() as f64 / took.as_secs_f64()),
    );
    sent.timings.sorted().add_to(&mut report);
    report.add("not_200", sent.refused);
    let processed_after = (took + drained).as_secs_f64();
    report.add("processed_after_seconds", rounded(processed_after));
    report.add(
        "effects_per_second",
        rounded((sent.acknowledged.len() - lost - unprocessed) as f64 / processed_after),
    );
    report.add("lost", lost);
    report.add("not_processed", unprocessed);
    report.print();
    if lost + unprocessed > 0 {
        Err("deliveries that were acknowledged had no effect".into())
    } else {
        Ok(())
    }
}

/// Counts the answers received so far.
pub(crate) type Answered = Arc<AtomicUsize>;

/// Result of sending.
pub(crate) struct Sent {
    /// Uids of the deliveries answered with 200.
    pub(crate) acknowledged: Vec<String>,
    /// Number of deliveries answered with another status.
    pub(crate) refused: usize,
    pub(crate) timings: Timings,
}

/// Sends each delivery once. A sender whose connection breaks stops; its unanswered delivery counts
/// as neither acknowledged nor refused.
///
/// # Errors
/// When no connection can be opened at all.
pub(crate) async fn send(
    target: Target,
    deliveries: &Arc<[Delivery]>,
    senders: usize,
    answered: &Answered,
) -> Result<Sent, Failure> {
    let next = Arc::new(AtomicUsize::new(0));
    let mut sending = JoinSet::new();
    for _ in 0..senders {
        let mut connection = Connection::open(target).await?;
        let (deliveries, next, answered) = (
            Arc::clone(deliveries),
            Arc::clone(&next),
            Arc::clone(answered),
        );
        sending.spawn(async move {
            let mut sent = Sent {
                acknowledged: Vec::new(),
                refused: 0,
                timings: Timings::default(),
            };
            while let Some(delivery) = deliveries.get(next.fetch_add(1, Ordering::Relaxed)) {
                let began = Instant::now();
                let Ok(answer) = connection.send(&delivery.request).await else {
                    break;
                };
                sent.timings.push(began.elapsed());
                answered.fetch_add(1, Ordering::Relaxed);
                match answer.status {
                    200 => sent.acknowledged.push(delivery.uid.clone()),
                    _ => sent.refused += 1,
                }
            }
            sent
        });
    }
    let mut all = Sent {
        acknowledged: Vec::new(),
        refused: 0,
        timings: Timings::default(),
    };
    while let Some(sent) = sending.join_next().await {
        let sent = sent?;
        all.acknowledged.extend(sent.acknowledged);
        all.refused += sent.refused;
        all.timings.append(sent.timings);
    }
    Ok(all)
}

/// Waits until all deliveries of the series are processed; returns how long that took.
///
/// # Errors
/// When it takes too long.
pub(crate) async fn drain(db: &Db, prefix: &str, timeout: Duration) -> Result<Duration, Failure> {
    let waiting = format!(
        "select count(*) from webhook_delivery where uid like '{prefix}%' and status = 'RECEIVED'"
    );
    let began = Instant::now();
    loop {
        match database::count(db, &waiting).await? {
            0 => return Ok(began.elapsed()),
            left if began.elapsed() > timeout => {
                return Err(format!("{left} deliveries are not processed").into());
            }
            _ => tokio::time::sleep(Duration::from_millis(250)).await,
        }
    }
}

/// Status of each delivery of the series, by uid.
pub(crate) async fn statuses(db: &Db, prefix: &str) -> Result<HashMap<String, Status>, Failure> {
    let rows: Vec<(String, Status)> = Entity::find()
        .select_only()
        .columns([Column::Uid, Column::Status])
        .filter(Column::Uid.starts_with(prefix))
        .into_tuple()
        .all(db.read())
        .await?;
    Ok(rows.into_iter().collect())
}
