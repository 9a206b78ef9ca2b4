//! What a measurement says: a table for people, and one line of JSON for whoever keeps figures.

use std::io::Write as _;

use serde_json::{Map, Value};

/// Figures in the order in which they are told.
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

    /// One figure; its name says the unit.
    pub(crate) fn add(&mut self, name: impl Into<String>, value: impl Into<Value>) {
        self.rows.push((name.into(), value.into()));
    }

    /// To standard output.
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
        // A reader that has seen enough is no failure.
        let _ = std::io::stdout().write_all(text.as_bytes());
    }
}

/// To standard error: how far it has come, and what went wrong.
pub(crate) fn complain(text: &str) {
    let _ = std::io::stderr().write_all(text.as_bytes());
}

/// Two digits after the point: more would be noise.
pub(crate) fn rounded(figure: f64) -> f64 {
    (figure * 100.0).round() / 100.0
}
