//! Whether two answers are the same but for ids, times and tokens.

use std::collections::BTreeMap;

use serde_json::Value;

/// What stands here for what stood there.
#[derive(Default)]
pub(crate) struct Names(BTreeMap<String, String>);

/// Fields whose values differ from run to run.
const VOLATILE: [&str; 42] = [
    "id",
    "uid",
    "uuid",
    "createdAt",
    "updatedAt",
    "timestamp",
    "createdDate",
    "emailVerified",
    "reservationUntil",
    "reservationUid",
    "icsUid",
    "iCalUID",
    "seatUid",
    "attendeeSeatId",
    "recurringBookingUid",
    "rescheduledFromUid",
    "rescheduledToUid",
    "bookingUid",
    "bookingId",
    "rescheduleId",
    "rescheduleUid",
    "accessToken",
    "refreshToken",
    "accessTokenExpiresAt",
    "refreshTokenExpiresAt",
    "access_token",
    "refresh_token",
    "apiKey",
    "linkId",
    "authUrl",
    "link",
    "eventUid",
    "oneTimePassword",
    "bookerUrl",
    "requestId",
    "password",
    "url",
    "videoCallUrl",
    "city",
    "timezone",
    "pop",
    "bookingUrl",
];

impl Names {
    /// Remembers that `there` is `here` from now on.
    pub(crate) fn learn(&mut self, there: &str, here: &str) {
        if there.len() >= 20 && there != here {
            self.0.insert(there.to_owned(), here.to_owned());
        }
    }

    /// Remembers every id and token of an answer.
    pub(crate) fn learn_all(&mut self, there: &Value, here: &Value) {
        match (there, here) {
            (Value::Object(there), Value::Object(here)) => {
                for (name, value) in there {
                    if let Some(other) = here.get(name) {
                        if let (Value::String(value), Value::String(other), true) =
                            (value, other, is_name(name))
                        {
                            self.learn(value, other);
                        }
                        self.learn_all(value, other);
                    }
                }
            }
            (Value::Array(there), Value::Array(here)) => {
                there
                    .iter()
                    .zip(here)
                    .for_each(|(there, here)| self.learn_all(there, here));
            }
            _ => {}
        }
    }

    /// The text with everything that has another name here.
    pub(crate) fn translate(&self, text: &str) -> String {
        self.0.iter().fold(text.to_owned(), |text, (there, here)| {
            text.replace(there, here)
        })
    }
}

fn is_name(field: &str) -> bool {
    let names = [
        "uid",
        "id",
        "reservationUid",
        "accessToken",
        "refreshToken",
        "access_token",
        "refresh_token",
        "apiKey",
    ];
    names.contains(&field) || matches!(field, "seatUid" | "recurringBookingUid" | "linkId")
}

/// Where `here` is not what `there` was. `loose` lists hold rows that the recording does not
/// account for.
pub(crate) fn differences(names: &Names, there: &Value, here: &Value, loose: bool) -> Vec<String> {
    let mut found = Vec::new();
    Comparison { names, loose }.compare("", "", there, here, &mut found);
    found
}

struct Comparison<'n> {
    names: &'n Names,
    loose: bool,
}

impl Comparison<'_> {
    fn compare(
        &self,
        path: &str,
        name: &str,
        there: &Value,
        here: &Value,
        found: &mut Vec<String>,
    ) {
        match (there, here) {
            (Value::Object(there), Value::Object(here)) => {
                for (name, value) in there {
                    match here.get(name) {
                        Some(other) => {
                            self.compare(&format!("{path}.{name}"), name, value, other, found)
                        }
                        None => found.push(format!("{path}.{name} is missing, was {value}")),
                    }
                }
                let added = here.iter().filter(|(name, _)| !there.contains_key(*name));
                found.extend(added.map(|(name, value)| format!("{path}.{name} is new: {value}")));
            }
            (Value::Array(there), Value::Array(here)) if self.loose && path == ".data" => {
                if there.is_empty() != here.is_empty() {
                    found.push(format!(
                        "{path} has {} rows, had {}",
                        here.len(),
                        there.len()
                    ));
                }
                for (there, here) in there.iter().zip(here).take(1) {
                    self.compare(&format!("{path}[0]"), "", there, here, found);
                }
            }
            (Value::Array(there), Value::Array(here)) => {
                if there.len() != here.len() {
                    found.push(format!(
                        "{path} has {} rows, had {}",
                        here.len(),
                        there.len()
                    ));
                }
                for (index, (there, here)) in there.iter().zip(here).enumerate() {
                    self.compare(&format!("{path}[{index}]"), name, there, here, found);
                }
            }
            _ => self.compare_leaf(path, name, there, here, found),
        }
    }

    fn compare_leaf(
        &self,
        path: &str,
        name: &str,
        there: &Value,
        here: &Value,
        found: &mut Vec<String>,
    ) {
        if std::mem::discriminant(there) != std::mem::discriminant(here) {
            found.push(format!("{path} is {here}, was {there}"));
            return;
        }
        let counted = self.loose && path.starts_with(".pagination");
        let room = there.as_str().is_some_and(|text| text.contains("/video/"));
        if VOLATILE.contains(&name) || counted || room {
            return;
        }
        let there = match there {
            Value::String(text) => Value::String(without_times(name, &self.names.translate(text))),
            other => other.clone(),
        };
        let here = match here {
            Value::String(text) => Value::String(without_times(name, text)),
            other => other.clone(),
        };
        if there != here {
            found.push(format!("{path} is {here}, was {there}"));
        }
    }
}

/// A sentence that tells the time, without it.
fn without_times(name: &str, text: &str) -> String {
    if name != "message" {
        return text.to_owned();
    }
    let word = |word: &str| {
        if word.starts_with("202") && word.contains('T') {
            "<time>".to_owned()
        } else {
            word.to_owned()
        }
    };
    text.split(' ').map(word).collect::<Vec<_>>().join(" ")
}
