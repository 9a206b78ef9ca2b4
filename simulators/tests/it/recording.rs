//! The recorded exchanges and deliveries, in the order they happened.

use std::fs;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, Utc};
use serde_json::Value;

/// One exchange of the API.
pub(crate) struct Exchange {
    pub(crate) name: String,
    pub(crate) at: DateTime<Utc>,
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Option<String>,
    pub(crate) status: u16,
    pub(crate) answer: Value,
    pub(crate) location: Option<String>,
}

impl Exchange {
    /// What its file's name begins with.
    pub(crate) fn step(&self) -> &str {
        self.name.split('-').next().unwrap_or_default()
    }

    /// The name without the number of a racer.
    pub(crate) fn race(&self) -> Option<&str> {
        self.name.rsplit_once("-race-").map(|(race, _)| race)
    }
}

/// One webhook.
pub(crate) struct Delivery {
    pub(crate) step: String,
    pub(crate) path: String,
    pub(crate) body: Value,
    pub(crate) signed: bool,
}

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../providers/fixtures/calcom")
        .join(name)
}

fn files(name: &str) -> Vec<Value> {
    let mut paths: Vec<PathBuf> = fs::read_dir(folder(name))
        .expect("the fixtures are there")
        .map(|entry| entry.expect("a file").path())
        .collect();
    paths.sort();
    let read = |path: PathBuf| {
        serde_json::from_slice(&fs::read(path).expect("a file")).expect("fixtures are JSON")
    };
    paths.into_iter().map(read).collect()
}

/// Every exchange that has a request and an answer, by the time of the answer.
pub(crate) fn exchanges() -> Vec<Exchange> {
    let mut all: Vec<Exchange> = files("exchanges").iter().filter_map(exchange).collect();
    all.sort_by(|one, other| (one.at, &one.name).cmp(&(other.at, &other.name)));
    all
}

fn exchange(file: &Value) -> Option<Exchange> {
    let (request, response) = (file.get("request")?, file.get("response")?);
    let headers = |of: &Value| -> Vec<(String, String)> {
        let pairs = of["headers"].as_array().into_iter().flatten();
        pairs
            .filter_map(|pair| Some((pair[0].as_str()?.to_owned(), pair[1].as_str()?.to_owned())))
            .collect()
    };
    let find = |headers: &[(String, String)], name: &str| {
        headers
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.clone())
    };
    let answered = headers(response);
    let date = find(&answered, "date")?;
    let at = DateTime::parse_from_rfc2822(&date)
        .ok()?
        .with_timezone(&Utc);
    let body = match &request["body"] {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    };
    let kept = |name: &str| {
        !["host", "connection", "content-length"].contains(&name.to_lowercase().as_str())
    };
    Some(Exchange {
        name: file["name"].as_str()?.to_owned(),
        at,
        method: request["method"].as_str()?.to_owned(),
        path: request["path"].as_str()?.to_owned(),
        headers: headers(request)
            .into_iter()
            .filter(|(name, _)| kept(name))
            .collect(),
        body,
        status: u16::try_from(response["status"].as_u64()?).ok()?,
        answer: response["body"].clone(),
        location: find(&answered, "location"),
    })
}

/// Every delivery that was recorded beside the exchanges.
pub(crate) fn deliveries() -> Vec<Delivery> {
    files("webhooks").iter().filter_map(delivery).collect()
}

fn delivery(file: &Value) -> Option<Delivery> {
    let bytes = STANDARD
        .decode(file["request"]["body_base64"].as_str()?)
        .ok()?;
    Some(Delivery {
        step: file["sent_after_step"].as_str()?.to_owned(),
        path: file["request"]["path"].as_str()?.to_owned(),
        body: serde_json::from_slice(&bytes).ok()?,
        signed: file["subscriber_secret"].is_string(),
    })
}
