//! Serialises GraphQL responses: async-graphql's value tree to bytes, once.

use async_graphql::indexmap::IndexMap;
use async_graphql::{Name, PathSegment, ServerError, Value};
use bytes::Bytes;
use serde::Serialize;

use super::error::coded;

/// The cost of an operation, for `extensions.cost`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cost {
    /// The estimate before the execution.
    pub(super) requested: u64,
    /// Points that resolvers added while it executed, over the objects in the response.
    pub(super) metered: u64,
    pub(super) bucket: Option<&'static str>,
}

/// Writes the response of an executed operation: `data` is always there, if only as `null`.
pub(super) fn write(response: &async_graphql::Response, cost: Cost) -> Bytes {
    let mut writer = Writer {
        out: Vec::with_capacity(1024),
        objects: 0,
    };
    writer.raw(b"{\"data\":");
    writer.value(&response.data);
    if !response.errors.is_empty() {
        writer.raw(b",\"errors\":");
        writer.errors(&response.errors);
    }
    writer.raw(b",\"extensions\":{");
    for (name, value) in response
        .extensions
        .iter()
        .filter(|(name, _)| *name != "cost")
    {
        writer.json(name);
        writer.raw(b":");
        writer.value(value);
        writer.raw(b",");
    }
    writer.raw(b"\"cost\":{\"requested\":");
    writer.json(&cost.requested);
    writer.raw(b",\"actual\":");
    writer.json(&(writer.objects + cost.metered).max(1));
    if let Some(bucket) = cost.bucket {
        writer.raw(b",\"bucket\":");
        writer.json(bucket);
    }
    writer.raw(b"}}}");
    writer.out.into()
}

/// Writes the response of a request that was not executed: it has no `data`.
pub(super) fn write_errors(errors: &[ServerError]) -> Bytes {
    let mut writer = Writer {
        out: Vec::with_capacity(256),
        objects: 0,
    };
    writer.raw(b"{\"errors\":");
    writer.errors(errors);
    writer.raw(b"}");
    writer.out.into()
}

/// Writes a list of errors, as the `error` message of a socket has it.
pub(super) fn write_error_list(errors: &[ServerError]) -> Bytes {
    let mut writer = Writer {
        out: Vec::with_capacity(256),
        objects: 0,
    };
    writer.errors(errors);
    writer.out.into()
}

struct Writer {
    out: Vec<u8>,
    /// Objects in `data` so far, without the root.
    objects: u64,
}

impl Writer {
    fn raw(&mut self, bytes: &[u8]) {
        self.out.extend_from_slice(bytes);
    }

    /// Writes a string or a number.
    fn json<T: Serialize + ?Sized>(&mut self, value: &T) {
        serde_json::to_writer(&mut self.out, value).expect("memory takes every string and number");
    }

    fn value(&mut self, value: &Value) {
        match value {
            Value::Object(fields) => self.object(fields),
            other => self.nested(other),
        }
    }

    fn nested(&mut self, value: &Value) {
        match value {
            Value::Null => self.raw(b"null"),
            Value::Boolean(true) => self.raw(b"true"),
            Value::Boolean(false) => self.raw(b"false"),
            Value::Number(number) => self.json(number),
            Value::String(text) => self.json(text),
            Value::Enum(name) => self.json(name.as_str()),
            // JSON that a resolver has rendered itself.
            Value::Binary(json) => self.raw(json),
            Value::List(items) => self.sequence(b"[]", items, |writer, item| writer.nested(item)),
            Value::Object(fields) => {
                self.objects += 1;
                self.object(fields);
            }
        }
    }

    fn object(&mut self, fields: &IndexMap<Name, Value>) {
        self.sequence(b"{}", fields, |writer, (name, value)| {
            writer.json(name.as_str());
            writer.raw(b":");
            writer.nested(value);
        });
    }

    fn sequence<T>(
        &mut self,
        brackets: &[u8; 2],
        items: impl IntoIterator<Item = T>,
        mut write: impl FnMut(&mut Self, T),
    ) {
        self.out.push(brackets[0]);
        for (index, item) in items.into_iter().enumerate() {
            if index > 0 {
                self.out.push(b',');
            }
            write(self, item);
        }
        self.out.push(brackets[1]);
    }

    fn errors(&mut self, errors: &[ServerError]) {
        self.sequence(b"[]", errors, Self::error);
    }

    fn error(&mut self, error: &ServerError) {
        self.raw(b"{\"message\":");
        self.json(&error.message);
        if !error.locations.is_empty() {
            self.raw(b",\"locations\":");
            self.json(&error.locations);
        }
        if !error.path.is_empty() {
            self.raw(b",\"path\":");
            self.sequence(b"[]", &error.path, |writer, segment| match segment {
                PathSegment::Field(name) => writer.json(name),
                PathSegment::Index(index) => writer.json(index),
            });
        }
        if let Some(extensions) = error
            .extensions
            .as_ref()
            .filter(|extensions| extensions.get("code").is_some())
        {
            self.raw(b",\"extensions\":");
            self.json(extensions);
        }
        self.raw(b"}");
    }
}

/// Rewrites errors that have no code. async-graphql's errors about inputs are for the client;
/// anything else may contain internals.
pub(super) fn mask(errors: &mut [ServerError], mut report: impl FnMut(&ServerError)) {
    for error in errors {
        if error
            .extensions
            .as_ref()
            .is_some_and(|extensions| extensions.get("code").is_some())
        {
            continue;
        }
        let of_input = [
            "Failed to parse \"",
            "Expected input type \"",
            "Invalid value for argument",
        ];
        let replacement = if of_input
            .iter()
            .any(|start| error.message.starts_with(start))
        {
            coded("BAD_USER_INPUT", std::mem::take(&mut error.message))
        } else {
            report(error);
            coded("INTERNAL", "Internal server error.")
        };
        (error.message, error.extensions) = (replacement.message, replacement.extensions);
    }
}

#[cfg(test)]
mod tests {
    use async_graphql::{Pos, Response, value};

    use super::*;

    fn text(bytes: &Bytes) -> &str {
        std::str::from_utf8(bytes).expect("UTF-8")
    }

    #[test]
    fn writes_rendered_json_as_it_is_and_counts_objects() {
        let mut data = value!({"b": [{"c": "\"\n\u{1f600}"}, null], "a": 1.5});
        let Value::Object(fields) = &mut data else {
            unreachable!("just made")
        };
        fields.insert(
            Name::new("raw"),
            Value::Binary(Bytes::from_static(b"{\"x\":[1,2]}")),
        );
        fields.insert(Name::new("kind"), Value::Enum(Name::new("RED")));
        let written = write(
            &Response::new(data),
            Cost {
                requested: 9,
                metered: 3,
                bucket: Some("queries"),
            },
        );
        assert_eq!(
            text(&written),
            "{\"data\":{\"b\":[{\"c\":\"\\\"\\n😀\"},null],\"a\":1.5,\"raw\":{\"x\":[1,2]},\"kind\":\"RED\"},\
             \"extensions\":{\"cost\":{\"requested\":9,\"actual\":4,\"bucket\":\"queries\"}}}"
        );
    }

    #[test]
    fn writes_errors_with_all_they_have() {
        let mut error = coded("FORBIDDEN", "no");
        error.locations = vec![Pos { line: 1, column: 3 }];
        error.path = vec![PathSegment::Field("a".into()), PathSegment::Index(0)];
        let expected = "[{\"message\":\"no\",\"locations\":[{\"line\":1,\"column\":3}],\"path\":[\"a\",0],\"extensions\":{\"code\":\"FORBIDDEN\"}}]";
        assert_eq!(
            text(&write_error_list(std::slice::from_ref(&error))),
            expected
        );
        assert_eq!(
            text(&write_errors(&[error])),
            format!("{{\"errors\":{expected}}}")
        );
    }

    #[test]
    fn masks_what_has_no_code() {
        let mut errors = vec![
            ServerError::new("UNIQUE constraint failed: user.email", None),
            ServerError::new(
                "Failed to parse \"Int\": the value is 7, must be less than 5",
                None,
            ),
            coded("SLOT_TAKEN", "taken"),
        ];
        let mut reported = Vec::new();
        mask(&mut errors, |error| reported.push(error.message.clone()));
        let shown: Vec<_> = errors.iter().map(|error| error.message.as_str()).collect();
        assert_eq!(
            shown,
            [
                "Internal server error.",
                "Failed to parse \"Int\": the value is 7, must be less than 5",
                "taken"
            ]
        );
        assert_eq!(reported, ["UNIQUE constraint failed: user.email"]);
        assert!(text(&write_error_list(&errors)).contains("\"code\":\"BAD_USER_INPUT\""));
    }
}
