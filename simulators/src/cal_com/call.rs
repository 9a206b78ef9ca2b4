//! One request, taken apart.

use chrono::{DateTime, Utc};
use http::HeaderMap;
use serde_json::Value;

use super::reply::Failure;
use crate::socket::Arrival;

/// The versions of the API the server knows. Anything else, and nothing, means the oldest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Version {
    V20240415,
    V20240611,
    V20240614,
    V20240813,
    V20240904,
}

impl Version {
    fn read(text: Option<&str>) -> Self {
        match text {
            Some("2024-06-11") => Self::V20240611,
            Some("2024-06-14") => Self::V20240614,
            Some("2024-08-13") => Self::V20240813,
            Some("2024-09-04") => Self::V20240904,
            _ => Self::V20240415,
        }
    }
}

pub(super) struct Call {
    pub(super) method: String,
    /// With the query, undecoded, as error bodies repeat it.
    pub(super) path: String,
    pub(super) segments: Vec<String>,
    pub(super) query: Vec<(String, String)>,
    pub(super) headers: HeaderMap,
    pub(super) body: Result<Value, String>,
    pub(super) version: Version,
    pub(super) now: DateTime<Utc>,
    /// The second run of a duplicated call: checks that would refuse it are skipped.
    pub(super) again: bool,
    /// A booking is kept, and answered with the video service's failure.
    pub(super) provider_fails: bool,
}

impl Call {
    pub(super) fn read(arrival: &Arrival, now: DateTime<Utc>) -> Self {
        let path = arrival
            .uri
            .path_and_query()
            .map_or("/", http::uri::PathAndQuery::as_str)
            .to_owned();
        let segments = arrival.uri.path().split('/').skip(1).map(decode).collect();
        let query = arrival.uri.query().map(pairs).unwrap_or_default();
        let version = Version::read(text(&arrival.headers, "cal-api-version"));
        Self {
            method: arrival.method.to_string(),
            path,
            segments,
            query,
            headers: arrival.headers.clone(),
            body: read_body(arrival),
            version,
            now,
            again: false,
            provider_fails: false,
        }
    }

    /// A call that comes from the server's own pages.
    pub(super) fn inside(method: &str, path: &str, body: Value, now: DateTime<Utc>) -> Self {
        Self {
            method: method.to_owned(),
            path: path.to_owned(),
            segments: path.split('/').skip(1).map(str::to_owned).collect(),
            query: Vec::new(),
            headers: HeaderMap::new(),
            body: Ok(body),
            version: Version::V20240813,
            now,
            again: false,
            provider_fails: false,
        }
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        text(&self.headers, name)
    }

    /// The first value of a parameter.
    pub(super) fn param(&self, name: &str) -> Option<&str> {
        self.query
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }

    /// All values of a parameter, repeated or with commas.
    pub(super) fn params(&self, name: &str) -> Vec<&str> {
        let named = self
            .query
            .iter()
            .filter(|(key, _)| key.trim_end_matches("[]") == name);
        named
            .flat_map(|(_, value)| value.split(','))
            .filter(|value| !value.is_empty())
            .collect()
    }

    pub(super) fn number(&self, name: &str) -> Option<u64> {
        self.param(name)?.parse().ok()
    }

    /// The body as JSON.
    pub(super) fn json(&self) -> Result<&Value, Failure> {
        self.body
            .as_ref()
            .map_err(|message| Failure::bad_request(message.clone()))
    }

    /// The token after `Bearer`.
    pub(super) fn bearer(&self) -> Option<&str> {
        self.header("authorization")?
            .strip_prefix("Bearer ")
            .map(str::trim)
    }
}

fn text<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers.get(name)?.to_str().ok()
}

fn read_body(arrival: &Arrival) -> Result<Value, String> {
    if arrival.body.is_empty() {
        return Ok(Value::Object(serde_json::Map::new()));
    }
    if text(&arrival.headers, "content-type")
        .is_some_and(|kind| kind.starts_with("application/x-www-form-urlencoded"))
    {
        let form = pairs(&String::from_utf8_lossy(&arrival.body));
        return Ok(form
            .into_iter()
            .map(|(key, value)| (key, Value::from(value)))
            .collect());
    }
    serde_json::from_slice(&arrival.body).map_err(|error| {
        let unfinished = error.is_eof();
        if unfinished {
            "Unexpected end of JSON input"
        } else {
            "Unexpected token in JSON"
        }
        .to_owned()
    })
}

fn pairs(query: &str) -> Vec<(String, String)> {
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    pairs
        .map(|pair| {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            (
                decode(&key.replace('+', " ")),
                decode(&value.replace('+', " ")),
            )
        })
        .collect()
}

fn decode(text: &str) -> String {
    let (bytes, mut out, mut at) = (text.as_bytes(), Vec::with_capacity(text.len()), 0);
    while let Some(&byte) = bytes.get(at) {
        let code = bytes
            .get(at + 1..at + 3)
            .and_then(|hex| std::str::from_utf8(hex).ok());
        match code.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(decoded) if byte == b'%' => {
                out.push(decoded);
                at += 3;
            }
            _ => {
                out.push(byte);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// What goes into a query behind `=`.
pub(super) fn encode(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                out.push(byte as char)
            }
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}
