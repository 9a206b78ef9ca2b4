//! Load and fault-injection tests of Courtside, run against the server's public HTTP interface.
//!
//! Each subcommand prints a table and one line of JSON, and then exits. It connects to loopback
//! addresses only.

mod burst_calcom;
mod calcom;
mod catalog;
mod cold_start;
mod compare;
mod crash;
mod crash_calcom;
mod database;
mod environment;
mod forgeries;
mod hang_calcom;
mod http;
mod limit;
mod load;
mod metrics;
mod process;
mod queries;
mod races;
mod report;
mod seed;
mod server;
mod slot_requests;
mod slots_calcom;
mod socket;
mod sockets;
mod stats;
mod tokens;
mod webhook_latency;
mod webhooks;
mod writes;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Why a measurement failed.
type Failure = courtside::startup::Failure;

/// The same allocator as the server, so that the limit differs from it by its code only.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[derive(Parser)]
#[command(name = "bench", about = "Figures of Courtside", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Fill an empty database: 200 coaches, 50,000 bookings, 100,000 notes.
    SeedLoad(seed::Options),
    /// Serve the hand-written limit.
    Limit(limit::Options),
    /// Repeat one request over persistent connections.
    Load(load::Options),
    /// Compare reads of Courtside with the limit, in turns.
    Compare(compare::Options),
    /// Compare createBooking of Courtside with the limit, in turns.
    Writes(writes::Options),
    /// Send signed webhooks and check the effect of each.
    Webhooks(webhooks::Options),
    /// Attack a coach with another coach's webhook secret; nothing may be accepted.
    Forgeries(forgeries::Options),
    /// Latency from a webhook to the subscriber's frame.
    WebhookLatency(webhook_latency::Options),
    /// Memory of open sockets.
    Sockets(sockets::Options),
    /// Many clients compete for one slot.
    Races(races::Options),
    /// Kill the server while it receives webhooks, and check consistency.
    Crash(crash::Options),
    /// Kill the server while it books at Cal.com, and check that both sides agree.
    CrashCalcom(crash_calcom::Options),
    /// Latency of slots of Cal.com coaches: cold, warm, and with Cal.com slow or hanging.
    SlotsCalcom(slots_calcom::Options),
    /// Check that a hanging Cal.com delays nothing that does not depend on it.
    HangCalcom(hang_calcom::Options),
    /// Send ten times the quota of a Cal.com API key.
    BurstCalcom(burst_calcom::Options),
    /// Time from spawn to the first answer.
    ColdStart(cold_start::Options),
}

fn main() -> ExitCode {
    let command = Cli::parse().command;
    // One thread is enough to saturate the server and leaves it most of a small machine. The limit
    // is a server itself; the subcommands with a stand-in run that server in this process, and its
    // work must not delay the measuring task.
    let mut runtime = match command {
        Command::Limit(_)
        | Command::SlotsCalcom(_)
        | Command::HangCalcom(_)
        | Command::BurstCalcom(_)
        | Command::Forgeries(_) => tokio::runtime::Builder::new_multi_thread(),
        _ => tokio::runtime::Builder::new_current_thread(),
    };
    let done = runtime
        .enable_all()
        .build()
        .map_err(Failure::from)
        .and_then(|runtime| runtime.block_on(run(command)));
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            report::log(&format!("bench: {error}\n"));
            ExitCode::FAILURE
        }
    }
}

async fn run(command: Command) -> Result<(), Failure> {
    match command {
        Command::SeedLoad(options) => seed::run(options).await,
        Command::Limit(options) => limit::run(options).await,
        Command::Load(options) => load::run(options).await,
        Command::Compare(options) => compare::run(options).await,
        Command::Writes(options) => writes::run(options).await,
        Command::Webhooks(options) => webhooks::run(options).await,
        Command::Forgeries(options) => forgeries::run(options).await,
        Command::WebhookLatency(options) => webhook_latency::run(options).await,
        Command::Sockets(options) => sockets::run(options).await,
        Command::Races(options) => races::run(options).await,
        Command::Crash(options) => crash::run(options).await,
        Command::CrashCalcom(options) => crash_calcom::run(options).await,
        Command::SlotsCalcom(options) => slots_calcom::run(options).await,
        Command::HangCalcom(options) => hang_calcom::run(options).await,
        Command::BurstCalcom(options) => burst_calcom::run(options).await,
        Command::ColdStart(options) => cold_start::run(options).await,
    }
}
