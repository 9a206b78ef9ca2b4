//! Reads Courtside's `/metrics` during a measurement.

use std::collections::HashMap;
use std::time::Duration;

use crate::Failure;
use crate::http::{Connection, Target};

/// Shorter than any state of a breaker lasts.
const POLL_INTERVAL: Duration = Duration::from_millis(200);

/// All values of `/metrics` by name with labels.
///
/// # Errors
/// When the server does not answer.
pub(crate) async fn figures(target: Target) -> Result<HashMap<String, f64>, Failure> {
    let (_, text) = target.get("/metrics").await?;
    Ok(read(&String::from_utf8_lossy(&text)))
}

/// Sums the lines of a name that have a label.
pub(crate) fn sum(figures: &HashMap<String, f64>, name: &str, label: &str) -> f64 {
    figures
        .iter()
        .filter(|(line, _)| line.starts_with(name) && line.contains(label))
        .map(|(_, value)| value)
        .sum()
}

fn read(text: &str) -> HashMap<String, f64> {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines
        .filter_map(|line| line.rsplit_once(' '))
        .filter_map(|(name, value)| Some((name.to_owned(), value.parse().ok()?)))
        .collect()
}

/// How often a breaker changed to each state.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Breaker {
    pub(crate) opened: u32,
    pub(crate) half_opened: u32,
    pub(crate) closed: u32,
}

/// Follows the breaker of Cal.com until the task is aborted; sends each change to `changes`.
///
/// # Errors
/// When the server does not answer.
pub(crate) async fn breaker(
    target: Target,
    changes: tokio::sync::watch::Sender<Breaker>,
) -> Result<(), Failure> {
    let mut connection = Connection::open(target).await?;
    let request = target.request("GET", "/metrics", &[], &[]);
    let mut last = 0.0;
    loop {
        let answer = connection.send(&request).await?;
        let figures = read(&String::from_utf8_lossy(answer.body));
        let now = sum(
            &figures,
            "courtside_provider_breaker{",
            "provider=\"calcom\"",
        );
        if now != last {
            changes.send_modify(|breaker| match now {
                2.0 => breaker.opened += 1,
                1.0 => breaker.half_opened += 1,
                _ => breaker.closed += 1,
            });
            last = now;
        }
        tokio::time::sleep(POLL_INTERVAL).await;
    }
}
