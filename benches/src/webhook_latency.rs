//! `bench webhook-latency`: time from the sending of a webhook to the first frame about its booking
//! at the coach's socket.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use entity::user::Role;
use tokio::sync::mpsc;

use crate::calcom::Deliveries;
use crate::http::{Connection, Target};
use crate::queries::instant;
use crate::report::Report;
use crate::socket::Socket;
use crate::stats::Timings;
use crate::tokens::{self, Issuer};
use crate::{Failure, database};

#[derive(clap::Args)]
pub(crate) struct Options {
    /// The server, as http://127.0.0.1:8080.
    #[arg(long)]
    url: Target,
    /// One of its CALCOM_WEBHOOK_SECRETS.
    #[arg(long)]
    secret: String,
    /// Its database, which has the key that signs the coach's token.
    #[arg(long)]
    database_url: String,
    /// Deliveries a second, evenly.
    #[arg(long, default_value_t = 20)]
    rate: u32,
    #[arg(long, default_value_t = 600)]
    count: u32,
}

/// A frame that has not arrived by then counts as missed.
const TIMEOUT: Duration = Duration::from_secs(30);

const SUBSCRIPTION: &str =
    "subscription { bookingEvents(mine: true) { kind booking { startsAt } } }";

pub(crate) async fn run(options: Options) -> Result<(), Failure> {
    let db = database::open(&options.database_url).await?;
    let series = Deliveries::new(&options.secret)?;
    let coach = format!("{}-coach", series.prefix);
    let token = Issuer::open(&db).await?.token(&coach, Role::Coach)?;
    let series = series.for_coach(tokens::email(&coach));
    let mut socket = Socket::connect(options.url, &token).await?;
    socket.subscribe(SUBSCRIPTION).await?;

    // The first delivery creates the coach's link and event type; it does not count.
    let (sent, mut sendings) = mpsc::unbounded_channel();
    let sending = tokio::spawn(send(options.url, series, options.rate, options.count, sent));
    let (mut began, mut timings, mut first) = (HashMap::new(), Timings::default(), true);
    let mut open = true;
    while open || !began.is_empty() {
        tokio::select! {
            // The time of sending is recorded before the frame is read.
            biased;
            sending = sendings.recv(), if open => match sending {
                Some((starts_at, at)) => { began.insert(starts_at, at); }
                None => open = false,
            },
            frame = tokio::time::timeout(TIMEOUT, socket.next()) => {
                let Ok(frame) = frame else { break };
                let arrived = Instant::now();
                let frame = frame?;
                let starts_at = frame["data"]["bookingEvents"]["booking"]["startsAt"].as_str().unwrap_or_default();
                // A booking has several events; the first one counts.
                if let Some(at) = began.remove(starts_at) && !std::mem::take(&mut first) {
                    timings.push(arrived - at);
                }
            }
        }
    }
    let refused = sending.await??;
    let mut report = Report::new("webhook-latency");
    report.add("rate_per_second", options.rate);
    report.add("frames", timings.len());
    timings.sorted().add_to(&mut report);
    report.add("missed", began.len());
    report.add("not_200", refused);
    report.print();
    socket.close().await?;
    if began.is_empty() && refused == 0 {
        Ok(())
    } else {
        Err("some webhooks did not reach the subscriber".into())
    }
}

/// Sends at an even pace; reports the start of each booking to `sent` before sending it. Returns
/// how many were refused.
async fn send(
    target: Target,
    series: Deliveries,
    rate: u32,
    count: u32,
    sent: mpsc::UnboundedSender<(String, Instant)>,
) -> Result<usize, Failure> {
    let mut pace = tokio::time::interval(Duration::from_secs(1) / rate.max(1));
    let mut connection = Connection::open(target).await?;
    let mut refused = 0;
    for number in 0..=count {
        pace.tick().await;
        let delivery = series.get(target, number);
        sent.send((instant(delivery.starts_at), Instant::now()))?;
        if connection.send(&delivery.request).await?.status != 200 {
            refused += 1;
        }
        if number == 0 {
            tokio::time::sleep(Duration::from_secs(1)).await;
            // Without it the pause would be followed by a burst.
            pace.reset();
        }
    }
    Ok(refused)
}
