//! Tolerant deserialisation of values whose types are not guaranteed.
//!
//! A field may be missing, null, a number in a string, or an object in place of a string. One
//! malformed field must not make the whole object unreadable, so each field is read independently
//! and is absent when it has an unexpected type.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDateTime, Utc};
use serde::de::{Deserialize, DeserializeOwned, Deserializer};
use serde_json::Value;

/// A value, or `None` when it is absent or has an unexpected type.
#[derive(Debug, Clone)]
pub(crate) struct Lenient<T>(pub(crate) Option<T>);

impl<T> Default for Lenient<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<'de, T: FromValue> Deserialize<'de> for Lenient<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Value::deserialize(deserializer).map(|value| Self(T::from_value(value)))
    }
}

impl Lenient<String> {
    /// The trimmed text, unless it is empty.
    pub(crate) fn filled(self) -> Option<String> {
        self.0
            .map(|text| text.trim().to_owned())
            .filter(|text| !text.is_empty())
    }
}

pub(crate) trait FromValue: Sized {
    fn from_value(value: Value) -> Option<Self>;
}

/// Reads an object into a struct whose fields are all [`Lenient`].
pub(crate) fn object<T: DeserializeOwned>(value: Value) -> Option<T> {
    if value.is_object() {
        serde_json::from_value(value).ok()
    } else {
        None
    }
}

impl FromValue for Value {
    fn from_value(value: Value) -> Option<Self> {
        (!value.is_null()).then_some(value)
    }
}

impl FromValue for String {
    fn from_value(value: Value) -> Option<Self> {
        match value {
            // PostgreSQL cannot store U+0000.
            Value::String(text) if text.contains('\0') => Some(text.replace('\0', "")),
            Value::String(text) => Some(text),
            Value::Number(number) => Some(number.to_string()),
            Value::Bool(flag) => Some(flag.to_string()),
            _ => None,
        }
    }
}

impl FromValue for i64 {
    fn from_value(value: Value) -> Option<Self> {
        match value {
            Value::Number(number) => number.as_i64().or_else(|| whole(number.as_f64()?)),
            Value::String(text) => text.trim().parse().ok(),
            _ => None,
        }
    }
}

/// `60.0` is 60; `60.5` is not an integer, and beyond 2^53 a float is not exact.
fn whole(number: f64) -> Option<i64> {
    (number.fract() == 0.0 && number.abs() < 9_007_199_254_740_992.0).then_some(number as i64)
}

impl FromValue for bool {
    fn from_value(value: Value) -> Option<Self> {
        match value {
            Value::Bool(flag) => Some(flag),
            Value::String(text) => text.trim().parse().ok(),
            _ => None,
        }
    }
}

impl FromValue for DateTime<Utc> {
    fn from_value(value: Value) -> Option<Self> {
        match value {
            Value::String(text) => instant(&text),
            Value::Number(number) => {
                let number = number.as_i64()?;
                // Numbers below this are seconds (until the year 5138), others milliseconds (since
                // 1973).
                let milliseconds = if number.abs() < 100_000_000_000 {
                    number.checked_mul(1000)?
                } else {
                    number
                };
                DateTime::from_timestamp_millis(milliseconds)
            }
            _ => None,
        }
    }
}

impl<T: FromValue> FromValue for Vec<T> {
    fn from_value(value: Value) -> Option<Self> {
        let Value::Array(items) = value else {
            return None;
        };
        Some(items.into_iter().filter_map(T::from_value).collect())
    }
}

impl<T: FromValue> FromValue for BTreeMap<String, T> {
    fn from_value(value: Value) -> Option<Self> {
        let Value::Object(entries) = value else {
            return None;
        };
        Some(
            entries
                .into_iter()
                .filter_map(|(name, value)| Some((name, T::from_value(value)?)))
                .collect(),
        )
    }
}

/// RFC 3339 with or without seconds and their fractions, in any offset. A time without an offset is
/// not an instant. A leap second is the second that follows it: `chrono` would keep it as `:60`.
pub(crate) fn instant(text: &str) -> Option<DateTime<Utc>> {
    DateTime::from_timestamp_micros(written(text)?.timestamp_micros())
}

fn written(text: &str) -> Option<DateTime<Utc>> {
    let text = text.trim();
    if let Ok(instant) = DateTime::parse_from_rfc3339(text) {
        return Some(instant.to_utc());
    }
    if let Ok(instant) = DateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S%.f%#z") {
        return Some(instant.to_utc());
    }
    if let Ok(instant) = DateTime::parse_from_str(&format!("{text}|00"), "%Y-%m-%dT%H:%M%#z|%S") {
        return Some(instant.to_utc());
    }
    let minute = NaiveDateTime::parse_from_str(
        &format!("{}:00", text.strip_suffix('Z')?),
        "%Y-%m-%dT%H:%M:%S",
    );
    Some(minute.ok()?.and_utc())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_format_of_an_instant_is_read() {
        let noon = DateTime::from_timestamp(1_796_126_400, 0);
        for value in [
            json!("2026-12-01T12:00:00Z"),
            json!("2026-12-01T12:00:00.000Z"),
            json!("2026-12-01T12:00:00+00:00"),
            json!("2026-12-01T07:00:00-05:00"),
            json!("2026-12-01T17:30:00+0530"),
            json!("2026-12-01T13:00+01:00"),
            json!("2026-12-01T12:00Z"),
            json!(" 2026-12-01T12:00:00Z "),
            json!(1_796_126_400),
            json!(1_796_126_400_000_i64),
        ] {
            assert_eq!(DateTime::from_value(value.clone()), noon, "{value}");
        }
        for value in [
            json!("2026-12-01T12:00:00"),
            json!("2026-12-01"),
            json!("noon"),
            json!(""),
            json!(null),
            json!([]),
        ] {
            assert_eq!(DateTime::<Utc>::from_value(value.clone()), None, "{value}");
        }
    }

    #[test]
    fn a_leap_second_is_the_second_that_follows_it() {
        for (text, expected) in [
            ("2016-12-31T23:59:60Z", "2017-01-01T00:00:00+00:00"),
            (
                "2016-12-31T18:59:60.250-05:00",
                "2017-01-01T00:00:00.250+00:00",
            ),
            ("2016-12-31T23:59:60+0000", "2017-01-01T00:00:00+00:00"),
            ("2016-12-31T23:59:59.999Z", "2016-12-31T23:59:59.999+00:00"),
        ] {
            let read = DateTime::<Utc>::from_value(json!(text)).map(|read| read.to_rfc3339());
            assert_eq!(read.as_deref(), Some(expected), "{text}");
        }
    }

    #[test]
    fn numbers_are_read_from_strings_and_floats() {
        for (value, expected) in [
            (json!(60), Some(60)),
            (json!(60.0), Some(60)),
            (json!(" 60 "), Some(60)),
            (json!(60.5), None),
            (json!(1e300), None),
            (json!("sixty"), None),
            (json!(null), None),
            (json!({}), None),
        ] {
            assert_eq!(i64::from_value(value.clone()), expected, "{value}");
        }
    }

    #[test]
    fn invalid_items_are_skipped() {
        let texts = Vec::<String>::from_value(json!(["a", null, 1, {}, true, "b\u{0}"]));
        assert_eq!(
            texts,
            Some(vec!["a".into(), "1".into(), "true".into(), "b".into()])
        );
        let map = BTreeMap::<String, String>::from_value(json!({ "a": "1", "b": null, "c": [2] }));
        assert_eq!(map, Some(BTreeMap::from([("a".into(), "1".into())])));
        assert_eq!(Vec::<String>::from_value(json!("a")), None);
    }
}
