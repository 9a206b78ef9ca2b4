//! Logging: format and destination. Standard output is for the results of commands, so logs go to
//! standard error.

use std::io::{IsTerminal as _, stderr};

use tracing_subscriber::EnvFilter;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::util::TryInitError;

use crate::config::{LogFormat, Logs};

/// Dependencies whose `info` messages are of no use to operators.
const DEFAULT_DIRECTIVES: &str =
    "hyper=warn,sqlx=warn,sea_orm_migration=warn,rustls=warn,reqwest=warn";

/// Sets up logging for the process. Panics are logged too.
///
/// # Errors
/// When logging is set up already.
pub fn init(logs: &Logs) -> Result<(), TryInitError> {
    let pretty = match logs.format {
        Some(format) => format == LogFormat::Pretty,
        None => stderr().is_terminal(),
    };
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter(&logs.filter))
        .with_writer(stderr);
    if pretty {
        builder
            .with_ansi(stderr().is_terminal())
            .finish()
            .try_init()?;
    } else {
        builder
            .json()
            .flatten_event(true)
            .with_current_span(true)
            .with_span_list(false)
            .finish()
            .try_init()?;
    }
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string);
        let message = panic.payload_as_str().unwrap_or("no message");
        tracing::error!(place, message, "A panic");
    }));
    Ok(())
}

/// Configured directives come last and take precedence.
fn filter(directives: &str) -> EnvFilter {
    EnvFilter::new(format!("{DEFAULT_DIRECTIVES},{directives}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn configured_directives_take_precedence() {
        let shown = filter("info,sqlx=debug").to_string();
        assert!(
            shown.contains("sqlx=debug") && !shown.contains("sqlx=warn"),
            "{shown}"
        );
        assert!(shown.contains("hyper=warn"), "{shown}");
    }
}
