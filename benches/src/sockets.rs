//! `bench sockets`: memory of an open socket with a live subscription, and whether it is released
//! afterwards.

use std::time::{Duration, Instant};

use futures_util::{StreamExt, TryStreamExt, stream};
use serde_json::Value;

use crate::http::{Connection, Target};
use crate::queries::{self, Q2};
use crate::report::{Report, rounded};
use crate::socket::Socket;
use crate::{Failure, process};

#[derive(clap::Args)]
pub(crate) struct Options {
    /// The server, as http://127.0.0.1:8080.
    #[arg(long)]
    url: Target,
    /// Token of the subscriber.
    #[arg(long)]
    token: String,
    #[arg(long, default_value_t = 1000)]
    count: usize,
    /// The server's process.
    #[arg(long)]
    pid: u32,
}

const SUBSCRIPTION: &str =
    "subscription { bookingEvents(mine: true) { kind booking { id status startsAt } } }";
/// Sockets opened concurrently.
const AT_ONCE: usize = 50;
/// How long the gauges may take to follow.
const TIMEOUT: Duration = Duration::from_secs(20);

pub(crate) async fn run(options: Options) -> Result<(), Failure> {
    // The account, the analysed document and the database connections are created once and do not
    // belong to a socket.
    open(&options).await?.close().await?;
    warm_up(&options).await?;
    wait_for(options.url, 0).await?;
    let before = process::resident_kib(options.pid)?;

    let began = Instant::now();
    let opening = stream::iter(0..options.count)
        .map(|_| open(&options))
        .buffer_unordered(AT_ONCE);
    let sockets: Vec<Socket> = opening.try_collect().await?;
    let opened_in = began.elapsed();
    wait_for(options.url, options.count).await?;
    let with_all = process::resident_kib(options.pid)?;

    stream::iter(sockets)
        .map(|socket| Ok(socket.close()))
        .try_buffer_unordered(AT_ONCE)
        .try_collect::<Vec<()>>()
        .await?;
    wait_for(options.url, 0).await?;
    let after = process::resident_kib(options.pid)?;

    let mut report = Report::new("sockets");
    report.add("count", options.count);
    report.add("opened_in_seconds", rounded(opened_in.as_secs_f64()));
    report.add("resident_kib_before", before);
    report.add("resident_kib_with_all", with_all);
    report.add("resident_kib_after", after);
    report.add(
        "kib_per_socket",
        rounded(with_all.saturating_sub(before) as f64 / options.count.max(1) as f64),
    );
    report.add("gauges_after", 0);
    report.print();
    Ok(())
}

/// Opens and uses every database connection, with as many concurrent requests as sockets will be
/// opened.
async fn warm_up(options: &Options) -> Result<(), Failure> {
    let request = &queries::request(options.url, Some(&options.token), Q2, &Value::Null);
    let requests = stream::iter(0..AT_ONCE * 10).map(|_| async move {
        let mut connection = Connection::open(options.url).await?;
        match connection.send(request).await?.status {
            200 => Ok(()),
            status => Err(Failure::from(format!("a query was answered with {status}"))),
        }
    });
    requests.buffer_unordered(AT_ONCE).try_collect().await
}

async fn open(options: &Options) -> Result<Socket, Failure> {
    let mut socket = Socket::connect(options.url, &options.token).await?;
    socket.subscribe(SUBSCRIPTION).await?;
    Ok(socket)
}

/// Waits until the server's gauges show so many sockets and subscriptions.
async fn wait_for(target: Target, count: usize) -> Result<(), Failure> {
    let began = Instant::now();
    loop {
        let (_, body) = target.get("/metrics").await?;
        let text = String::from_utf8(body)?;
        let found = [
            gauge(&text, "courtside_sockets")?,
            gauge(&text, "courtside_subscriptions")?,
        ];
        if found == [count, count] {
            return Ok(());
        }
        if began.elapsed() > TIMEOUT {
            return Err(format!(
                "{count} sockets and subscriptions should be open, the gauges say {found:?}"
            )
            .into());
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

fn gauge(text: &str, name: &str) -> Result<usize, Failure> {
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    Ok(line
        .ok_or_else(|| format!("no gauge {name}"))?
        .trim()
        .parse()?)
}
