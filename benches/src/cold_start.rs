//! `bench cold-start`: time from the spawn of the process to its first answer, on an existing
//! database.

use std::path::PathBuf;
use std::time::Duration;

use crate::report::{Report, rounded};
use crate::server::Launch;
use crate::stats::{Timings, median};
use crate::{Failure, database, process};

#[derive(clap::Args)]
pub(crate) struct Options {
    /// The binary `courtside`.
    #[arg(long)]
    binary: PathBuf,
    /// The database; it is migrated first.
    #[arg(long)]
    database_url: String,
    #[arg(long, default_value_t = 10)]
    runs: u32,
}

/// How long a server has been idle when its memory is read.
const IDLE: Duration = Duration::from_secs(2);

pub(crate) async fn run(options: Options) -> Result<(), Failure> {
    database::open(&options.database_url).await?;
    let launch = Launch::courtside(&options.binary, &options.database_url);
    let (mut timings, mut resident) = (Timings::default(), Vec::new());
    for _ in 0..options.runs {
        let server = launch.start().await?;
        timings.push(server.started_in);
        tokio::time::sleep(IDLE).await;
        resident.push(process::resident_kib(server.pid())? as f64 / 1024.0);
        server.stop().await?;
    }
    let mut report = Report::new("cold-start");
    report.add("runs", options.runs);
    timings.sorted().add_to(&mut report);
    report.add("resident_mib_idle", rounded(median(&resident)));
    report.print();
    Ok(())
}
