//! A strict JSON reader that rejects repeated names.
//!
//! Parsers disagree about `{"sub":"alice","sub":"bob"}`, so a signed document with a repeated name
//! is refused, at any depth. serde_json limits the nesting to 128.

use std::fmt;

use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

/// Reads an object in which no name occurs twice.
///
/// Returns `None` for anything else: not JSON, another type, trailing bytes, too deep.
pub(super) fn strict_object(bytes: &[u8]) -> Option<Map<String, Value>> {
    match serde_json::from_slice(bytes) {
        Ok(Strict(Value::Object(object))) => Some(object),
        _ => None,
    }
}

struct Strict(Value);

impl<'de> Deserialize<'de> for Strict {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(StrictVisitor).map(Self)
    }
}

struct StrictVisitor;

impl<'de> Visitor<'de> for StrictVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON without repeated names")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Value, E> {
        Number::from_f64(value)
            .map(Value::Number)
            .ok_or_else(|| E::custom("not a finite number"))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut array = Vec::new();
        while let Some(Strict(item)) = items.next_element()? {
            array.push(item);
        }
        Ok(Value::Array(array))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some(name) = entries.next_key::<String>()? {
            let Strict(value) = entries.next_value()?;
            if object.insert(name, value).is_some() {
                return Err(de::Error::custom("a name occurs twice"));
            }
        }
        Ok(Value::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_of_value_is_kept() {
        let text = r#"{"a":[1,-2,3.5,true,null,"ü\n"],"b":{"c":{}}}"#;
        let plain: Value = serde_json::from_str(text).expect("the literal is JSON");
        assert_eq!(
            strict_object(text.as_bytes()).map(Value::Object),
            Some(plain)
        );
    }

    #[test]
    fn a_repeated_name_is_refused_at_any_depth() {
        for text in [
            r#"{"a":1,"a":1}"#,
            r#"{"a":{"b":1,"b":2}}"#,
            r#"{"a":[{"b":1,"\u0062":2}]}"#,
        ] {
            assert_eq!(strict_object(text.as_bytes()), None, "{text}");
        }
        assert!(
            strict_object(br#"{"a":{"b":1},"b":2}"#).is_some(),
            "the same name in two objects is fine"
        );
    }

    #[test]
    fn anything_but_one_object_is_refused() {
        for text in [
            "",
            "null",
            "[]",
            "\"a\"",
            "{} {}",
            "{",
            "{\"a\":1,}",
            "{\"a\":\"\u{1}\"}",
        ] {
            assert_eq!(strict_object(text.as_bytes()), None, "{text}");
        }
        assert_eq!(strict_object(b"{\"a\":\"\xff\"}"), None);
        let bomb = format!("{}1{}", "{\"a\":".repeat(200), "}".repeat(200));
        assert_eq!(strict_object(bomb.as_bytes()), None);
    }
}
