//! How a command is run, and where it writes.

use std::io::Write as _;
use std::process::ExitCode;

use crate::config::{self, Config, SettingArgs};
use crate::startup::Failure;

/// Reads the settings and runs a command with them.
pub(super) fn with<F>(settings: &SettingArgs, run: impl FnOnce(Config) -> F) -> ExitCode
where
    F: Future<Output = Result<(), Failure>>,
{
    let config = match Config::from_parts(&settings.parts) {
        Ok(config) => config,
        Err(problems) => {
            print_err(&config::report(&problems));
            return ExitCode::from(config::EXIT_USAGE);
        }
    };
    zones::install(config.zone_data.as_deref());
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => {
            print_err(&format!("cannot start: {error}\n"));
            return ExitCode::FAILURE;
        }
    };
    match runtime.block_on(run(config)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            print_err(&format!("courtside: {error}\n"));
            ExitCode::FAILURE
        }
    }
}

pub(super) fn print(text: &str) -> ExitCode {
    match std::io::stdout().write_all(text.as_bytes()) {
        Ok(()) => ExitCode::SUCCESS,
        // The reader closed the pipe early, as `head` does.
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

/// Writes to standard error; ignores failures, as nothing may be attached to it.
pub(super) fn print_err(text: &str) {
    let _ = std::io::stderr().write_all(text.as_bytes());
}
