//! `bench writes`: bookings a second through `createBooking`, by many clients of many coaches. On
//! PostgreSQL the hand-written limit takes turns with Courtside, and so does any other server that
//! is given.

mod requests;
mod rows;
mod statements;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicU32;
use std::time::Duration;

use courtside::db::Db;

use self::requests::{BookingRequests, Client};
use crate::Failure;
use crate::database::{self, CommitDelay};
use crate::limit;
use crate::load::{Outcome, Processes, measure};
use crate::queries::GRAPHQL;
use crate::report::{Report, log, rounded};
use crate::seed::{COACHES, ids};
use crate::server::{Launch, Server};
use crate::stats::median;
use crate::tokens::Issuer;

#[derive(clap::Args)]
pub(crate) struct Options {
    /// The binary `courtside`.
    #[arg(long)]
    binary: PathBuf,
    /// A database that `seed-load` has filled.
    #[arg(long)]
    database_url: String,
    /// A program that serves the same mutation at /graphql, to compare with; may be repeated. It is
    /// started with LISTEN, DATABASE_URL and DATABASE_POOL, answers at /healthz, and believes the
    /// header `x-client`.
    #[arg(long)]
    peer: Vec<PathBuf>,
    /// Coaches who are booked.
    #[arg(long, default_value_t = COACHES, value_parser = clap::value_parser!(u32).range(1..=i64::from(COACHES)))]
    coaches: u32,
    /// Connections, each of which sends the next request when the last one is answered.
    #[arg(long, default_value_t = 16)]
    clients: usize,
    /// Length of a turn.
    #[arg(long, default_value_t = 10.0)]
    seconds: f64,
    /// Turns of each server.
    #[arg(long, default_value_t = 3)]
    rounds: u32,
    /// Connections of each server to the database.
    #[arg(long, default_value_t = 8)]
    pool: u32,
    /// Microseconds by which PostgreSQL delays each flush of commits.
    #[arg(long)]
    commit_delay: Option<u32>,
}

/// Length of a first turn that is not reported: it fills caches and counts statements.
const WARM_UP: Duration = Duration::from_secs(2);

/// One of the servers that take turns.
struct Competitor {
    name: String,
    path: &'static str,
    server: Server,
    statements: Option<f64>,
    outcomes: Vec<Outcome>,
}

/// Inputs of all turns.
struct Setup {
    db: Db,
    clients: Arc<[Client]>,
    coaches: u32,
    connections: usize,
    /// The parent of PostgreSQL's processes.
    database: Option<u32>,
}

pub(crate) async fn run(options: Options) -> Result<(), Failure> {
    let db = database::open(&options.database_url).await?;
    let setup = Setup {
        clients: requests::clients(&Issuer::open(&db).await?)?.into(),
        coaches: options.coaches,
        connections: options.clients,
        database: database::postmaster(&db).await?,
        db,
    };
    let delay = CommitDelay::set(&setup.db, options.commit_delay).await?;
    let measured = measure_all(&options, &setup).await;
    delay.reset(&setup.db).await?;
    report(&options, &setup, &measured?);
    Ok(())
}

async fn measure_all(options: &Options, setup: &Setup) -> Result<Vec<Competitor>, Failure> {
    let mut competitors = start(options, setup).await?;
    let counts_statements = statements::available(&setup.db).await?;
    for competitor in &mut competitors {
        if counts_statements {
            statements::start(&setup.db).await?;
        }
        let outcome = turn(setup, competitor, WARM_UP).await?;
        if counts_statements {
            let counted = statements::stop(&setup.db, &competitor.name, outcome.accepted).await?;
            competitor.statements = Some(counted);
        }
    }
    let seconds = Duration::try_from_secs_f64(options.seconds)?;
    for round in 1..=options.rounds {
        log(&format!("writes: turn {round} of {}\n", options.rounds));
        for competitor in &mut competitors {
            let outcome = turn(setup, competitor, seconds).await?;
            competitor.outcomes.push(outcome);
        }
    }
    Ok(competitors)
}

/// Starts all servers; the limit speaks to PostgreSQL only.
async fn start(options: &Options, setup: &Setup) -> Result<Vec<Competitor>, Failure> {
    let pool = options.pool.to_string();
    let courtside =
        Launch::courtside(&options.binary, &options.database_url).with("DATABASE_POOL", &pool);
    let mut launches = vec![("courtside".to_owned(), GRAPHQL, courtside)];
    if setup.db.is_postgres() {
        let arguments = [
            ("--database-url", options.database_url.clone()),
            ("--connections", pool.clone()),
            ("--token", String::new()),
            ("--user", ids::client(0).to_string()),
        ];
        let limit = Launch::limit(arguments)?;
        launches.push(("limit".to_owned(), limit::CREATE_BOOKING, limit));
    }
    for peer in &options.peer {
        let name = peer.file_stem().unwrap_or(peer.as_os_str());
        let name = name.to_string_lossy().into_owned();
        let peer = Launch::courtside(peer, &options.database_url).with("DATABASE_POOL", &pool);
        launches.push((name, GRAPHQL, peer));
    }
    let mut competitors = Vec::new();
    for (name, path, launch) in launches {
        competitors.push(Competitor {
            name,
            path,
            server: launch.start().await?,
            statements: None,
            outcomes: Vec::new(),
        });
    }
    Ok(competitors)
}

/// One turn of a server on slots that nobody has used, and a check of what it has stored.
async fn turn(
    setup: &Setup,
    competitor: &Competitor,
    seconds: Duration,
) -> Result<Outcome, Failure> {
    let first_start = rows::first_free_day(&setup.db).await?;
    let target = competitor.server.target;
    let requests = BookingRequests {
        target,
        path: competitor.path,
        clients: Arc::clone(&setup.clients),
        first_start,
        taken: (0..setup.coaches).map(|_| AtomicU32::new(0)).collect(),
    };
    let processes = Processes {
        server: Some(competitor.server.pid()),
        database: setup.database,
    };
    let outcome = measure(target, requests, setup.connections, seconds, processes).await?;
    if let Some(error) = &outcome.first_error {
        let (name, errors) = (&competitor.name, outcome.errors);
        return Err(format!("{name}: {errors} bookings failed, first: {error}").into());
    }
    rows::check(&setup.db, first_start, outcome.accepted)
        .await
        .map_err(|error| format!("{}: {error}", competitor.name))?;
    Ok(outcome)
}

/// Prints medians of the turns.
fn report(options: &Options, setup: &Setup, competitors: &[Competitor]) {
    let mut report = Report::new("writes");
    report.add("database", database::name(&setup.db));
    report.add("coaches", options.coaches);
    report.add("clients", options.clients);
    report.add("pool", options.pool);
    report.add("commit_delay_us", options.commit_delay.unwrap_or_default());
    let middle = |competitor: &Competitor, figure: fn(&Outcome) -> f64| {
        median(&competitor.outcomes.iter().map(figure).collect::<Vec<_>>())
    };
    for competitor in competitors {
        let figures: [(&str, fn(&Outcome) -> f64); 5] = [
            ("bookings_per_second", |outcome| outcome.per_second),
            ("cpu_us", |outcome| outcome.cpu_us.unwrap_or_default()),
            ("database_cpu_us", |outcome| {
                outcome.database_cpu_us.unwrap_or_default()
            }),
            ("p50_ms", |outcome| outcome.timings.quantile_ms(0.5)),
            ("p99_ms", |outcome| outcome.timings.quantile_ms(0.99)),
        ];
        let name = &competitor.name;
        for (figure, of) in figures {
            report.add(format!("{name}_{figure}"), rounded(middle(competitor, of)));
        }
        if let Some(statements) = competitor.statements {
            report.add(format!("{name}_statements"), rounded(statements));
        }
    }
    let per_second: fn(&Outcome) -> f64 = |outcome| outcome.per_second;
    if let [courtside, others @ ..] = competitors {
        for other in others {
            let ratio = middle(courtside, per_second) / middle(other, per_second);
            report.add(format!("ratio_to_{}", other.name), rounded(ratio));
        }
    }
    report.print();
}
