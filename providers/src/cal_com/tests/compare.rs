//! Compares the client's request with the recorded one.

use chrono::{DateTime, Days, NaiveDate, Utc};
use serde_json::Value;

use super::exchange::{Exchange, PLATFORM, Seen};

/// The headers that affect the API's behaviour.
const DECISIVE: [&str; 5] = [
    "authorization",
    "x-cal-client-id",
    "x-cal-secret-key",
    "cal-api-version",
    "content-type",
];

/// Asserts the same method, path, parameters, relevant headers and body. Three differences are
/// intended:
///
/// - An instant may have another format, and the bounds of slots are instants where the recording
///   has whole days.
/// - The client's id is sent along with its secret, for the larger quota (exchanges 903 and 904).
/// - `Origin` is never sent (exchange 035).
pub(super) fn assert_same(recorded: &Exchange, seen: &Seen) {
    let name = &recorded.name;
    assert_eq!(
        (&seen.method, &seen.path),
        (&recorded.method, &recorded.path),
        "{name}"
    );
    assert_eq!(
        pairs(&seen.query),
        pairs(&recorded.query),
        "{name}: parameters"
    );
    for header in DECISIVE {
        let expected = match header {
            "x-cal-client-id" if recorded.header("x-cal-secret-key").is_some() => {
                recorded.header(header).or(Some(client_in(&recorded.path)))
            }
            "content-type" => recorded.sent.as_ref().and(Some("application/json")),
            _ => recorded.header(header),
        };
        assert_eq!(seen.header(header), expected, "{name}: {header}");
    }
    for forbidden in ["origin", "cookie", "referer"] {
        assert_eq!(seen.header(forbidden), None, "{name}: {forbidden}");
    }
    let body = if seen.body.is_empty() {
        None
    } else {
        Some(serde_json::from_slice(&seen.body).expect("JSON"))
    };
    assert_eq!(
        body.map(same),
        recorded.sent.clone().map(same),
        "{name}: body"
    );
}

fn client_in(path: &str) -> &str {
    match path.split('/').collect::<Vec<_>>().as_slice() {
        ["", "v2", "oauth-clients" | "oauth", client, ..] => client,
        _ => PLATFORM,
    }
}

fn pairs(query: &[(String, String)]) -> Vec<(String, String)> {
    let value = |name: &str, value: &str| match (name, value.parse::<NaiveDate>()) {
        ("start", Ok(day)) => midnight(day),
        ("end", Ok(day)) => midnight(day.checked_add_days(Days::new(1)).expect("a day")),
        _ => instant(value).unwrap_or_else(|| value.to_owned()),
    };
    let mut pairs: Vec<_> = query
        .iter()
        .map(|(name, text)| (name.clone(), value(name, text)))
        .collect();
    pairs.sort();
    pairs
}

fn midnight(day: NaiveDate) -> String {
    day.and_time(chrono::NaiveTime::MIN).and_utc().to_rfc3339()
}

fn instant(text: &str) -> Option<String> {
    DateTime::parse_from_rfc3339(text)
        .ok()
        .map(|instant| instant.with_timezone(&Utc).to_rfc3339())
}

/// Normalises the format of all instants.
fn same(value: Value) -> Value {
    match value {
        Value::String(text) => Value::String(instant(&text).unwrap_or(text)),
        Value::Array(items) => items.into_iter().map(same).collect(),
        Value::Object(entries) => entries
            .into_iter()
            .map(|(name, value)| (name, same(value)))
            .collect(),
        other => other,
    }
}
