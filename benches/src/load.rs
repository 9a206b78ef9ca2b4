//! `bench load`: closed-loop load; a connection sends its next request when it has the response to
//! the last one.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::task::JoinSet;

use crate::http::{Connection, Target};
use crate::queries::{GRAPHQL, Query, Requests};
use crate::report::{Report, rounded};
use crate::stats::{Sorted, Timings};
use crate::{Failure, process};

#[derive(clap::Args)]
pub(crate) struct Options {
    /// The server, as http://127.0.0.1:8080.
    #[arg(long)]
    url: Target,
    /// A bearer token; none for a visitor.
    #[arg(long)]
    token: Option<String>,
    #[arg(long, value_enum)]
    query: Query,
    #[arg(long, default_value_t = 32)]
    connections: usize,
    #[arg(long, default_value_t = 10.0)]
    seconds: f64,
    /// The server's process id, to measure its processor time.
    #[arg(long)]
    pid: Option<u32>,
}

/// Result of a measurement.
pub(crate) struct Outcome {
    pub(crate) per_second: f64,
    /// The server's processor time for each request, in microseconds.
    pub(crate) cpu_us: Option<f64>,
    /// The same of PostgreSQL's processes.
    pub(crate) database_cpu_us: Option<f64>,
    pub(crate) timings: Sorted,
    pub(crate) requests: usize,
    /// Accepted responses, those outside of the measured time included.
    pub(crate) accepted: usize,
    pub(crate) errors: usize,
    /// The first response that was not accepted.
    pub(crate) first_error: Option<String>,
}

pub(crate) async fn run(options: Options) -> Result<(), Failure> {
    let requests = Requests::new(options.url, GRAPHQL, options.token, options.query);
    let seconds = Duration::try_from_secs_f64(options.seconds)?;
    let processes = Processes {
        server: options.pid,
        database: None,
    };
    let outcome = measure(
        options.url,
        requests,
        options.connections,
        seconds,
        processes,
    )
    .await?;
    let mut report = Report::new("load");
    report.add("query", format!("{:?}", options.query).to_lowercase());
    report.add("connections", options.connections);
    outcome.add_to(&mut report);
    report.print();
    Ok(())
}

impl Outcome {
    fn add_to(&self, report: &mut Report) {
        report.add("requests", self.requests);
        report.add("requests_per_second", rounded(self.per_second));
        self.timings.add_to(report);
        report.add(
            "server_cpu_us_per_request",
            self.cpu_us.map_or(Value::Null, |us| rounded(us).into()),
        );
        report.add("errors", self.errors);
        if let Some(error) = &self.first_error {
            report.add("first_error", error.as_str());
        }
    }
}

/// Processes whose processor time is measured.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Processes {
    pub(crate) server: Option<u32>,
    /// The parent of PostgreSQL's processes.
    pub(crate) database: Option<u32>,
}

impl Processes {
    fn cpu_times(self) -> Result<[Option<Duration>; 2], Failure> {
        let database = self.database.map(process::cpu_time_of_children);
        Ok([
            self.server.map(process::cpu_time).transpose()?,
            database.transpose()?,
        ])
    }
}

/// Where the requests of a measurement come from. All connections share one source.
pub(crate) trait RequestSource: Send + Sync + 'static {
    /// The bytes of the next request; a source whose requests differ writes them into `buffer`.
    fn next<'r>(&'r self, buffer: &'r mut Vec<u8>) -> &'r [u8];

    /// Whether every response must be the same, byte for byte.
    fn is_constant(&self) -> bool;

    /// Whether a response is the expected one.
    fn accepts(&self, status: u16, body: &[u8]) -> bool;
}

/// Sends requests for `seconds`, after half a second that does not count.
///
/// # Errors
/// When the server cannot be reached or a connection breaks.
pub(crate) async fn measure<S: RequestSource>(
    target: Target,
    requests: S,
    connections: usize,
    seconds: Duration,
    processes: Processes,
) -> Result<Outcome, Failure> {
    let requests = Arc::new(requests);
    let from = Instant::now() + Duration::from_millis(500);
    let until = from + seconds;
    let mut senders = JoinSet::new();
    for _ in 0..connections {
        senders.spawn(send_requests(target, Arc::clone(&requests), from, until));
    }
    tokio::time::sleep_until(from.into()).await;
    let before = processes.cpu_times()?;
    tokio::time::sleep_until(until.into()).await;
    let after = processes.cpu_times()?;

    let mut all = Collected::default();
    while let Some(collected) = senders.join_next().await {
        let collected = collected??;
        all.timings.append(collected.timings);
        all.accepted += collected.accepted;
        all.errors += collected.errors;
        all.first_error = all.first_error.or(collected.first_error);
    }
    let requests = all.timings.len();
    let each = |place: usize| {
        let took = after[place]?.saturating_sub(before[place]?);
        Some(took.as_secs_f64() * 1e6 / requests.max(1) as f64)
    };
    Ok(Outcome {
        per_second: requests as f64 / seconds.as_secs_f64(),
        cpu_us: each(0),
        database_cpu_us: each(1),
        timings: all.timings.sorted(),
        requests,
        accepted: all.accepted,
        errors: all.errors,
        first_error: all.first_error,
    })
}

#[derive(Default)]
struct Collected {
    timings: Timings,
    accepted: usize,
    errors: usize,
    first_error: Option<String>,
}

async fn send_requests<S: RequestSource>(
    target: Target,
    requests: Arc<S>,
    from: Instant,
    until: Instant,
) -> std::io::Result<Collected> {
    let mut connection = Connection::open(target).await?;
    let (mut collected, mut expected, mut made) =
        (Collected::default(), None::<Vec<u8>>, Vec::new());
    loop {
        let request = requests.next(&mut made);
        let began = Instant::now();
        if began >= until {
            return Ok(collected);
        }
        let answer = connection.send(request).await?;
        let ended = Instant::now();
        // Comparing with an accepted response costs less than inspecting each one.
        let is_good = match &expected {
            Some(expected) => answer.body == expected,
            None => requests.accepts(answer.status, answer.body),
        };
        if is_good && expected.is_none() && requests.is_constant() {
            expected = Some(answer.body.to_vec());
        }
        if is_good {
            collected.accepted += 1;
        } else {
            collected.errors += 1;
            collected.first_error.get_or_insert_with(|| {
                String::from_utf8_lossy(&answer.body[..answer.body.len().min(300)]).into_owned()
            });
        }
        if began >= from && ended <= until {
            collected.timings.push(ended - began);
        }
    }
}
