//! Output of a measurement: a table for people and one line of JSON for programs.

use std::io::Write as _;

use serde_json::{Map, Value};

/// Figures in the order of output.
pub(crate) struct Report {
    name: &'static str,
    rows: Vec<(String, Value)>,
}

impl Report {
    pub(crate) fn new(name: &'static str) -> Self {
        Self {
            name,
            rows: Vec::new(),
        }
    }

    /// Adds one figure; its name ends in the unit.
    pub(crate) fn add(&mut self, name: impl Into<String>, value: impl Into<Value>) {
        self.rows.push((name.into(), value.into()));
    }

    /// Writes to standard output.
    pub(crate) fn print(self) {
        let width = self
            .rows
            .iter()
            .map(|(name, _)| name.len())
            .max()
            .unwrap_or_default();
        let mut text = format!("\n{}\n", self.name);
        for (name, value) in &self.rows {
            let value = value
                .as_str()
                .map_or_else(|| value.to_string(), str::to_owned);
            text.push_str(&format!("  {name:width$}  {value}\n"));
        }
        let figures: Map<String, Value> = [("bench".to_owned(), self.name.into())]
            .into_iter()
            .chain(self.rows)
            .collect();
        text.push_str(&format!("{}\n", Value::Object(figures)));
        // A reader that closes the pipe early is no failure.
        let _ = std::io::stdout().write_all(text.as_bytes());
    }
}

/// Writes progress and errors to standard error.
pub(crate) fn log(text: &str) {
    let _ = std::io::stderr().write_all(text.as_bytes());
}

/// Rounds to two decimals.
pub(crate) fn rounded(figure: f64) -> f64 {
    (figure * 100.0).round() / 100.0
}
