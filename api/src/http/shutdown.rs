//! Signals that stop the process.

use std::io;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::health::Readiness;

/// SIGTERM and SIGINT, caught from construction on.
pub struct StopSignals {
    terminate: Signal,
    interrupt: Signal,
}

impl StopSignals {
    /// # Errors
    /// When the system refuses the handlers.
    pub fn new() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    /// Waits for the next signal and returns its name.
    pub async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        }
    }

    /// Waits for the first signal, reports unready for `drain`, then cancels `shutdown`. A second
    /// signal skips the rest of the drain, a third ends the process with code 1.
    pub async fn stop(
        mut self,
        readiness: Readiness,
        shutdown: CancellationToken,
        drain: Duration,
    ) {
        let signal = self.next().await;
        tracing::info!(signal, "Stopping");
        readiness.drain();
        tokio::select! {
            () = sleep(drain) => {}
            _ = self.next() => {}
        }
        shutdown.cancel();
        let signal = self.next().await;
        tracing::warn!(signal, "Stopped without waiting for requests in flight");
        std::process::exit(1);
    }
}
