//! Reads settings one by one and collects all problems, so that they can be fixed in one go.

use std::collections::BTreeMap;
use std::fmt::{self, Display};
use std::ops::RangeInclusive;

use super::settings::{self, Fallback};

/// A problem of the configuration. The message never repeats the value of a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The setting's environment variable.
    pub variable: &'static str,
    pub message: String,
}

impl Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.variable, self.message)
    }
}

/// Settings as text, by environment variable.
pub type Parts = BTreeMap<String, String>;

pub(super) struct Reader<'a> {
    parts: &'a Parts,
    problems: Vec<Problem>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(parts: &'a Parts) -> Self {
        Self {
            parts,
            problems: Vec::new(),
        }
    }

    pub(super) fn problem(&mut self, variable: &'static str, message: impl Into<String>) {
        self.problems.push(Problem {
            variable,
            message: message.into(),
        });
    }

    pub(super) fn into_problems(self) -> Vec<Problem> {
        self.problems
    }

    /// A value that was set. Blank counts as unset: that is what `VARIABLE=` in an env file means.
    pub(super) fn given(&self, name: &'static str) -> Option<&'a str> {
        debug_assert!(
            settings::find(name).is_some(),
            "{name} is not in the table of settings"
        );
        self.parts
            .get(name)
            .map(|text| text.trim())
            .filter(|text| !text.is_empty())
    }

    /// The value that was set, else the default of the table.
    fn text(&self, name: &'static str) -> Option<&'a str> {
        self.given(name)
            .or_else(|| match settings::find(name)?.fallback {
                Fallback::Text(text) => Some(text),
                Fallback::Rule(_) | Fallback::Off => None,
            })
    }

    /// `None` when unset or invalid; an invalid value adds a problem.
    pub(super) fn read<T>(
        &mut self,
        name: &'static str,
        parse: impl FnOnce(&str) -> Result<T, String>,
    ) -> Option<T> {
        match parse(self.text(name)?) {
            Ok(value) => Some(value),
            Err(message) => {
                self.problem(name, message);
                None
            }
        }
    }

    /// A whole number within bounds.
    pub(super) fn number(
        &mut self,
        name: &'static str,
        bounds: RangeInclusive<u32>,
    ) -> Option<u32> {
        self.read(name, |text| match text.parse() {
            Ok(number) if bounds.contains(&number) => Ok(number),
            _ => Err(format!(
                "must be a whole number from {} to {}, not `{text}`",
                bounds.start(),
                bounds.end()
            )),
        })
    }

    /// A comma-separated list; every invalid entry adds a problem. Empty when unset.
    pub(super) fn list<T>(
        &mut self,
        name: &'static str,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Vec<T> {
        let Some(text) = self.text(name) else {
            return Vec::new();
        };
        let entries: Vec<_> = text
            .split(',')
            .map(str::trim)
            .filter(|entry| !entry.is_empty())
            .collect();
        if entries.is_empty() {
            self.problem(name, "holds commas only");
        }
        let mut values = Vec::with_capacity(entries.len());
        for entry in entries {
            match parse(entry) {
                Ok(value) => values.push(value),
                Err(message) => self.problem(name, message),
            }
        }
        values
    }
}
