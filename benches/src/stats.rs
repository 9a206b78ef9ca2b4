//! Durations and their quantiles.

use std::time::Duration;

use crate::report::{Report, rounded};

/// Durations of one operation.
#[derive(Clone, Debug, Default)]
pub(crate) struct Timings(Vec<Duration>);

impl Timings {
    pub(crate) fn push(&mut self, took: Duration) {
        self.0.push(took);
    }

    pub(crate) fn append(&mut self, mut other: Self) {
        self.0.append(&mut other.0);
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// Sorts, so that quantiles can be read.
    pub(crate) fn sorted(mut self) -> Sorted {
        self.0.sort_unstable();
        Sorted(self.0)
    }
}

/// Sorted durations.
#[derive(Clone, Debug)]
pub(crate) struct Sorted(Vec<Duration>);

impl Sorted {
    /// The smallest duration that at least this share does not exceed, in milliseconds; zero when
    /// there are none.
    pub(crate) fn quantile_ms(&self, share: f64) -> f64 {
        let rank = (share * self.0.len() as f64).ceil() as usize;
        let found = self.0.get(rank.clamp(1, self.0.len().max(1)) - 1);
        rounded(found.copied().unwrap_or_default().as_secs_f64() * 1000.0)
    }

    /// Adds p50, p95, p99 and the maximum.
    pub(crate) fn add_to(&self, report: &mut Report) {
        for (name, share) in [
            ("p50_ms", 0.5),
            ("p95_ms", 0.95),
            ("p99_ms", 0.99),
            ("max_ms", 1.0),
        ] {
            report.add(name, self.quantile_ms(share));
        }
    }
}

/// The median; of an even count the lower of the two in the middle. Zero when there are none.
pub(crate) fn median(figures: &[f64]) -> f64 {
    let mut sorted = figures.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    sorted
        .get(sorted.len().saturating_sub(1) / 2)
        .copied()
        .unwrap_or_default()
}
