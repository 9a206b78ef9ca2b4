//! Reads the envelope of a response: its data, or its error.

use std::time::Duration;

use http::{HeaderMap, header};
use serde_json::{Map, Value};

use super::refusal::{Failure, Refusal};
use crate::cal_com::Error;
use crate::error::Kind;
use crate::http::Response;
use crate::lenient::FromValue;
use crate::provider::Provider;

/// How long Cal.com blocks a credential after a 429, if no header contains it.
const DEFAULT_RETRY_AFTER: Duration = Duration::from_secs(60);

/// The data of a successful response.
#[derive(Debug)]
pub(super) struct Data {
    route: &'static str,
    value: Option<Value>,
    pub(super) pagination: Option<Value>,
}

impl Data {
    /// # Errors
    /// `Malformed` when there is no readable `noun`.
    pub(super) fn one<T: FromValue>(self, noun: &str) -> Result<T, Error> {
        let Self { route, value, .. } = self;
        value
            .and_then(T::from_value)
            .ok_or_else(|| malformed(route, &format!("no readable {noun} in the response")))
    }

    /// `None` when the data is null or missing.
    ///
    /// # Errors
    /// `Malformed` when the data is not a `noun`.
    pub(super) fn optional<T: FromValue>(self, noun: &str) -> Result<Option<T>, Error> {
        match self.value {
            None | Some(Value::Null) => Ok(None),
            Some(_) => self.one(noun).map(Some),
        }
    }

    /// # Errors
    /// `Malformed` when the data is not a list, or an item is not a `noun`.
    pub(super) fn all<T: FromValue>(self, noun: &str) -> Result<Vec<T>, Error> {
        let route = self.route;
        let (items, unreadable) = self.readable(noun)?;
        if unreadable == 0 {
            return Ok(items);
        }
        Err(malformed(
            route,
            &format!("{unreadable} items of the list are no readable {noun}"),
        ))
    }

    /// The readable items, and the number of unreadable ones.
    ///
    /// # Errors
    /// `Malformed` when the data is not a list.
    pub(super) fn readable<T: FromValue>(self, noun: &str) -> Result<(Vec<T>, usize), Error> {
        let Some(Value::Array(values)) = self.value else {
            return Err(malformed(
                self.route,
                &format!("no list of {noun} in the response"),
            ));
        };
        let total = values.len();
        let items: Vec<T> = values.into_iter().filter_map(T::from_value).collect();
        let unreadable = total - items.len();
        Ok((items, unreadable))
    }
}

/// Reads `{"status":"success","data":..}`.
///
/// # Errors
/// The kind and the refusal of an error response; `Malformed` when it is not a response of
/// Cal.com's.
pub(super) fn read(route: &'static str, response: Response) -> Result<Data, Error> {
    if response.status.as_u16() == 204 {
        return Ok(Data {
            route,
            value: None,
            pagination: None,
        });
    }
    let mut document = object(route, response)?;
    if document.get("status").and_then(Value::as_str) != Some("success") {
        return Err(malformed(route, "a 2xx without the status \"success\""));
    }
    Ok(Data {
        route,
        value: document.remove("data"),
        pagination: document.remove("pagination"),
    })
}

/// Reads a response without envelope, as RFC 6749 requires.
///
/// # Errors
/// As [`read`].
pub(super) fn read_flat(route: &'static str, response: Response) -> Result<Data, Error> {
    let document = object(route, response)?;
    // Some versions use the envelope nevertheless.
    match document.get("data") {
        Some(data @ Value::Object(_)) => Ok(Data {
            route,
            value: Some(data.clone()),
            pagination: None,
        }),
        _ => Ok(Data {
            route,
            value: Some(Value::Object(document)),
            pagination: None,
        }),
    }
}

/// The document of a 2xx, or the error of any other response.
fn object(route: &'static str, response: Response) -> Result<Map<String, Value>, Error> {
    let unknown = response.earlier_attempt_unknown;
    document(route, response).map_err(|error| {
        if unknown {
            error.after_unknown_attempt()
        } else {
            error
        }
    })
}

fn document(route: &'static str, response: Response) -> Result<Map<String, Value>, Error> {
    let by_status = response.kind();
    let Response {
        status,
        headers,
        body,
        ..
    } = response;
    let document = if is_json(&headers) {
        serde_json::from_slice(&body).ok()
    } else {
        None
    };
    let code = status.as_u16();
    match (code, document) {
        (200..=299, Some(Value::Object(document))) => Ok(document),
        (200..=299, _) => Err(malformed(route, "the response is no JSON object")),
        (429, document) => {
            let failure = document.and_then(|document| Failure::read(code, &document));
            let kind = Kind::RateLimited {
                retry_after: Some(retry_after(&headers)),
            };
            Err(refused(route, code, kind, failure.as_ref(), None))
        }
        (_, Some(document)) if let Some(failure) = Failure::read(code, &document) => {
            let refusal = Refusal::of(route, &failure);
            let kind = refusal
                .as_ref()
                .map_or_else(|| failure.kind(route), Refusal::kind);
            Err(refused(route, code, kind, Some(&failure), refusal))
        }
        // The response is a gateway's, or incomplete.
        _ if by_status == Some(Kind::Unavailable) => {
            Err(refused(route, code, Kind::Unavailable, None, None))
        }
        _ => Err(malformed(
            route,
            &format!("{code} without an error of Cal.com"),
        )),
    }
}

/// Without a content type, the body is tried as JSON.
fn is_json(headers: &HeaderMap) -> bool {
    let Some(named) = headers.get(header::CONTENT_TYPE) else {
        return true;
    };
    let named = named
        .to_str()
        .unwrap_or_default()
        .split(';')
        .next()
        .unwrap_or_default()
        .trim()
        .to_ascii_lowercase();
    named == "application/json" || (named.starts_with("application/") && named.ends_with("+json"))
}

/// `Retry-After` (not sent today), else the end of the window, else the documented time.
fn retry_after(headers: &HeaderMap) -> Duration {
    let seconds = |value: &http::HeaderValue| {
        value
            .to_str()
            .ok()?
            .trim()
            .parse()
            .ok()
            .map(Duration::from_secs)
    };
    let header = headers.get(header::RETRY_AFTER).and_then(seconds);
    let mut resets = headers
        .iter()
        .filter(|(name, _)| name.as_str().starts_with("x-ratelimit-reset"));
    header
        .or_else(|| resets.find_map(|(_, value)| seconds(value)))
        .unwrap_or(DEFAULT_RETRY_AFTER)
}

/// `detail` contains the status, Cal.com's code and our name of the refusal. Cal.com's message is
/// left out, since it repeats what was sent.
fn refused(
    route: &str,
    code: u16,
    kind: Kind,
    failure: Option<&Failure>,
    refusal: Option<Refusal>,
) -> Error {
    let name = failure
        .map(|failure| format!(" {}", failure.code))
        .unwrap_or_default();
    let why = refusal
        .as_ref()
        .map(|refusal| format!(" ({})", refusal.as_str()))
        .unwrap_or_default();
    Error::new(
        Provider::CalCom,
        kind,
        format!("{route}: {code}{name}{why}"),
    )
    .with_refusal(refusal)
}

pub(super) fn malformed(route: &str, what: &str) -> Error {
    Error::malformed(Provider::CalCom, format!("{route}: {what}"))
}
