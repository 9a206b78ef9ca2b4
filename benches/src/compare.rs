//! `bench compare`: reads of Courtside and of the hand-written limit on PostgreSQL. They take turns,
//! so that other load on the machine affects both.

use std::path::PathBuf;
use std::time::Duration;

use entity::user::Role;
use serde_json::json;

use crate::http::{Connection, Target};
use crate::load::{Outcome, Processes, measure};
use crate::queries::{GRAPHQL, Q1, Q2, Query, Requests, request};
use crate::report::{Report, log, rounded};
use crate::seed::{client_subject, ids};
use crate::server::{Launch, Server};
use crate::stats::median;
use crate::tokens::Issuer;
use crate::{Failure, database};

#[derive(clap::Args)]
pub(crate) struct Options {
    /// The binary `courtside`.
    #[arg(long)]
    binary: PathBuf,
    /// A PostgreSQL database that `seed-load` has filled.
    #[arg(long)]
    database_url: String,
    #[arg(long, default_value_t = 32)]
    connections: usize,
    /// Length of a turn.
    #[arg(long, default_value_t = 10.0)]
    seconds: f64,
    /// Turns of each server for each query.
    #[arg(long, default_value_t = 3)]
    rounds: u32,
}

/// The client whose bookings are read.
const CLIENT: u32 = 707;

/// Name, query, path at the limit, and whether the caller has signed in.
const COMPARISONS: [(&str, Query, &str, bool); 3] = [
    ("q1_visitor", Query::Q1, "/q1", false),
    ("q1_client", Query::Q1, "/q1", true),
    ("q2_client", Query::Q2, "/q2", true),
];

pub(crate) async fn run(options: Options) -> Result<(), Failure> {
    if !options.database_url.starts_with("postgres") {
        return Err(
            "the limit is written for PostgreSQL: give the address of such a database".into(),
        );
    }
    let db = database::open(&options.database_url).await?;
    let token = Issuer::open(&db)
        .await?
        .token(&client_subject(CLIENT), Role::Client)?;
    let courtside = Launch::courtside(&options.binary, &options.database_url)
        .start()
        .await?;
    let limit = start_limit(&options, &token, courtside.target).await?;
    let database = database::postmaster(&db).await?;
    let seconds = Duration::try_from_secs_f64(options.seconds)?;

    let mut report = Report::new("compare");
    report.add("connections", options.connections);
    for (name, query, path, signed_in) in COMPARISONS {
        let token = signed_in.then(|| token.clone());
        let (mut limit_outcomes, mut courtside_outcomes) = (Vec::new(), Vec::new());
        for round in 1..=options.rounds {
            log(&format!("{name}: turn {round} of {}\n", options.rounds));
            for (server, path, outcomes) in [
                (&limit, path, &mut limit_outcomes),
                (&courtside, GRAPHQL, &mut courtside_outcomes),
            ] {
                let requests = Requests::new(server.target, path, token.clone(), query);
                let processes = Processes {
                    server: Some(server.pid()),
                    database,
                };
                let outcome = measure(
                    server.target,
                    requests,
                    options.connections,
                    seconds,
                    processes,
                )
                .await?;
                if let Some(error) = outcome.first_error {
                    return Err(format!(
                        "{name} at {path}: {} errors, first: {error}",
                        outcome.errors
                    )
                    .into());
                }
                outcomes.push(outcome);
            }
        }
        add_medians(&mut report, name, &limit_outcomes, &courtside_outcomes);
    }
    report.print();
    limit.stop().await?;
    courtside.stop().await
}

/// Starts the limit and checks that it returns the same bytes as Courtside.
async fn start_limit(options: &Options, token: &str, courtside: Target) -> Result<Server, Failure> {
    let mut expected = Vec::new();
    for (path, query) in [("/q1", Q1), ("/q2", Q2)] {
        expected.push((
            path,
            fetch(
                courtside,
                &request(courtside, Some(token), query, &json!({})),
            )
            .await?,
        ));
    }
    let tail = |body: &[u8]| -> Result<String, Failure> {
        let text = std::str::from_utf8(body)?;
        if text.contains("\"errors\":[") {
            return Err(format!("Courtside does not answer the query: {text}").into());
        }
        Ok(text[text.rfind(",\"extensions\":").unwrap_or(text.len() - 1)..].to_owned())
    };
    let arguments = [
        ("--database-url", options.database_url.clone()),
        ("--token", token.to_owned()),
        ("--user", ids::client(CLIENT).to_string()),
        ("--tail-q1", tail(&expected[0].1)?),
        ("--tail-q2", tail(&expected[1].1)?),
    ];
    let limit = Launch::limit(arguments)?.start().await?;
    let bearer = format!("Bearer {token}");
    for (path, courtside_outcomes) in expected {
        let body = fetch(
            limit.target,
            &limit
                .target
                .request("POST", path, &[("authorization", &bearer)], b"{}"),
        )
        .await?;
        same(path, &courtside_outcomes, &body)?;
    }
    Ok(limit)
}

async fn fetch(target: Target, request: &[u8]) -> Result<Vec<u8>, Failure> {
    let mut connection = Connection::open(target).await?;
    let answer = connection.send(request).await?;
    match answer.status {
        200 => Ok(answer.body.to_vec()),
        status => Err(format!("{status}: {}", String::from_utf8_lossy(answer.body)).into()),
    }
}

fn same(path: &str, courtside_outcomes: &[u8], limit_outcomes: &[u8]) -> Result<(), Failure> {
    if courtside_outcomes == limit_outcomes {
        return Ok(());
    }
    let at = courtside_outcomes
        .iter()
        .zip(limit_outcomes)
        .take_while(|(one, other)| one == other)
        .count();
    let near = |body: &[u8]| {
        String::from_utf8_lossy(&body[at.saturating_sub(60)..body.len().min(at + 60)]).into_owned()
    };
    Err(format!(
        "{path}: the answers differ at byte {at}: …{}… against …{}…",
        near(courtside_outcomes),
        near(limit_outcomes)
    )
    .into())
}

/// Adds medians of the turns.
fn add_medians(
    report: &mut Report,
    name: &str,
    limit_outcomes: &[Outcome],
    courtside_outcomes: &[Outcome],
) {
    let middle = |outcomes: &[Outcome], figure: fn(&Outcome) -> f64| {
        median(&outcomes.iter().map(figure).collect::<Vec<_>>())
    };
    let per_second: fn(&Outcome) -> f64 = |outcome| outcome.per_second;
    let cpu: fn(&Outcome) -> f64 = |outcome| outcome.cpu_us.unwrap_or_default();
    let database_cpu: fn(&Outcome) -> f64 = |outcome| outcome.database_cpu_us.unwrap_or_default();
    let p99: fn(&Outcome) -> f64 = |outcome| outcome.timings.quantile_ms(0.99);
    for (server, outcomes) in [("limit", limit_outcomes), ("courtside", courtside_outcomes)] {
        report.add(
            format!("{name}_{server}_requests_per_second"),
            rounded(middle(outcomes, per_second)),
        );
        report.add(
            format!("{name}_{server}_cpu_us"),
            rounded(middle(outcomes, cpu)),
        );
        report.add(
            format!("{name}_{server}_database_cpu_us"),
            rounded(middle(outcomes, database_cpu)),
        );
        report.add(
            format!("{name}_{server}_p99_ms"),
            rounded(middle(outcomes, p99)),
        );
    }
    report.add(
        format!("{name}_ratio"),
        rounded(middle(courtside_outcomes, per_second) / middle(limit_outcomes, per_second)),
    );
}
