//! Answers of the API.

use http::{HeaderMap, StatusCode};
use serde_json::Value;

/// The answer to one operation.
#[derive(Clone, Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    /// Null when there is none.
    pub data: Value,
    pub errors: Vec<Value>,
}

impl Answer {
    pub(crate) fn new(status: StatusCode, headers: HeaderMap, body: &str) -> Self {
        let mut body: Value = serde_json::from_str(body)
            .unwrap_or_else(|error| panic!("{status}, not JSON ({error}): {body}"));
        let data = body["data"].take();
        let errors = match body["errors"].take() {
            Value::Array(errors) => errors,
            _ => Vec::new(),
        };
        Self {
            status,
            headers,
            data,
            errors,
        }
    }

    /// The value at a JSON pointer below the data of an answer without errors.
    ///
    /// # Panics
    /// When there are errors, or there is nothing there.
    #[must_use]
    pub fn at(&self, pointer: &str) -> &Value {
        let found = self.ok().data.pointer(pointer);
        found.unwrap_or_else(|| panic!("nothing at {pointer} in {}", self.data))
    }

    /// The text at a JSON pointer below the data.
    ///
    /// # Panics
    /// As [`Self::at`], and when it is no text.
    #[must_use]
    pub fn text(&self, pointer: &str) -> String {
        let value = self.at(pointer);
        value
            .as_str()
            .unwrap_or_else(|| panic!("no text at {pointer}: {value}"))
            .to_owned()
    }

    /// Itself, when it has no errors.
    ///
    /// # Panics
    /// When it has.
    pub fn ok(&self) -> &Self {
        assert!(self.errors.is_empty(), "{}: {:?}", self.status, self.errors);
        self
    }

    /// The code of the first error.
    #[must_use]
    pub fn code(&self) -> Option<&str> {
        self.errors.first()?.pointer("/extensions/code")?.as_str()
    }

    /// The codes of the user errors of the one mutation in it; empty when it did what was asked.
    ///
    /// # Panics
    /// When it has errors, or is no answer of a mutation.
    #[must_use]
    pub fn user_errors(&self) -> Vec<&str> {
        let payload = self
            .ok()
            .data
            .as_object()
            .and_then(|data| data.values().next());
        let errors = payload.and_then(|payload| payload["userErrors"].as_array());
        let errors = errors.unwrap_or_else(|| panic!("no userErrors in {}", self.data));
        errors
            .iter()
            .map(|error| error["code"].as_str().expect("a code is a name"))
            .collect()
    }

    /// The fields at fault by the user errors of the one mutation in it, as paths with dots.
    ///
    /// # Panics
    /// When it has errors, or is no answer of a mutation.
    #[must_use]
    pub fn fields(&self) -> Vec<String> {
        let payload = self
            .ok()
            .data
            .as_object()
            .and_then(|data| data.values().next());
        let errors = payload.and_then(|payload| payload["userErrors"].as_array());
        let errors = errors.unwrap_or_else(|| panic!("no userErrors in {}", self.data));
        let path = |error: &Value| {
            let steps = error["field"]
                .as_array()
                .map(Vec::as_slice)
                .unwrap_or_default();
            steps
                .iter()
                .filter_map(Value::as_str)
                .collect::<Vec<_>>()
                .join(".")
        };
        errors.iter().map(path).collect()
    }

    /// The code of the first error, or else of the first user error.
    #[must_use]
    pub fn refusal(&self) -> Option<String> {
        if let Some(code) = self.code() {
            return Some(code.to_owned());
        }
        let payloads = self.data.as_object()?.values();
        let mut errors = payloads
            .filter_map(|payload| payload["userErrors"].as_array())
            .flatten();
        Some(errors.next()?["code"].as_str()?.to_owned())
    }
}
