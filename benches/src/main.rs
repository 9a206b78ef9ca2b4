//! Measures Courtside from outside, over its own wire, and breaks it at the worst moments.
//!
//! Each subcommand prints a small table and one line of JSON, and ends by itself. It speaks to
//! loopback addresses only.

mod burst_calcom;
mod calcom;
mod catalog;
mod cold_start;
mod compare;
mod crash;
mod crash_calcom;
mod database;
mod hang_calcom;
mod http;
mod limit;
mod load;
mod people;
mod process;
mod queries;
mod races;
mod report;
mod seed;
mod server;
mod slot_load;
mod slots_calcom;
mod socket;
mod sockets;
mod stage;
mod stats;
mod watched;
mod webhook_latency;
mod webhooks;
mod writes;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Why a measurement could not be made.
type Failure = courtside::startup::Failure;

/// The same allocator as the server: the limit is to differ from it by its code only.
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
    /// Ask one thing again and again, over connections that stay open.
    Load(load::Options),
    /// Courtside against the limit, in turns.
    Compare(compare::Options),
    /// Bookings a second: Courtside and the limit, in turns.
    Writes(writes::Options),
    /// Send signed webhooks and look for each of them afterwards.
    Webhooks(webhooks::Options),
    /// From a webhook to the frame of a subscriber.
    WebhookLatency(webhook_latency::Options),
    /// Memory of open sockets.
    Sockets(sockets::Options),
    /// Many clients, one slot.
    Races(races::Options),
    /// Kill the server among webhooks and see what is left.
    Crash(crash::Options),
    /// Kill the server among bookings in a calendar at Cal.com, and see whether both sides agree.
    CrashCalcom(crash_calcom::Options),
    /// Free time of coaches at Cal.com: cold, warm, and with Cal.com slow or hanging.
    SlotsCalcom(slots_calcom::Options),
    /// Cal.com hangs: what does not need it goes on as before.
    HangCalcom(hang_calcom::Options),
    /// Ten times as much as a key's quota at Cal.com allows.
    BurstCalcom(burst_calcom::Options),
    /// From spawn to the first answer.
    ColdStart(cold_start::Options),
}

fn main() -> ExitCode {
    let command = Cli::parse().command;
    // One thread is enough to keep the server busy, and takes least from it on a small machine. The
    // limit is a server itself, and so is the stand-in, whose work must not hold up the clocks that
    // measure.
    let mut runtime = match command {
        Command::Limit(_)
        | Command::SlotsCalcom(_)
        | Command::HangCalcom(_)
        | Command::BurstCalcom(_) => tokio::runtime::Builder::new_multi_thread(),
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
            report::complain(&format!("bench: {error}\n"));
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
