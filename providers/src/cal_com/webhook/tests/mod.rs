//! Tests with 87 captured deliveries of Cal.com, with their exact bytes, headers and secrets.

mod opening;
mod parsing;
mod tolerance;

use ::http::{HeaderMap, HeaderName, HeaderValue};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use secrecy::SecretString;
use serde::Deserialize;

use super::*;

/// One file of `fixtures/calcom/webhooks`.
#[derive(Deserialize)]
struct Capture {
    name: String,
    /// `None` where the webhook was registered without a secret.
    subscriber_secret: Option<String>,
    request: Request,
}

#[derive(Deserialize)]
struct Request {
    headers: Vec<(String, String)>,
    body_base64: String,
}

impl Capture {
    fn all() -> Vec<Self> {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/calcom/webhooks");
        let mut paths: Vec<_> = std::fs::read_dir(folder)
            .expect("the folder of fixtures")
            .map(|entry| entry.expect("a readable entry").path())
            .collect();
        paths.sort();
        let read = |path| std::fs::read(path).expect("a readable fixture");
        let captures: Vec<Self> = paths
            .iter()
            .map(|path| serde_json::from_slice(&read(path)).expect("a capture"))
            .collect();
        assert_eq!(captures.len(), 87);
        captures
    }

    /// The capture with this number.
    fn numbered(number: &str) -> Self {
        Self::all()
            .into_iter()
            .find(|capture| capture.name.starts_with(number))
            .expect("a capture of this number")
    }

    fn body(&self) -> Bytes {
        STANDARD
            .decode(&self.request.body_base64)
            .expect("the fixture is base64")
            .into()
    }

    fn headers(&self) -> HeaderMap {
        headers(
            self.request
                .headers
                .iter()
                .map(|(name, value)| (name.as_str(), value.as_str())),
        )
    }

    fn secrets(&self) -> Vec<SecretString> {
        vec![
            self.subscriber_secret
                .as_deref()
                .expect("a signed capture")
                .into(),
        ]
    }

    fn is_template(&self) -> bool {
        self.name.contains("-custom-")
    }

    fn event(&self) -> Event {
        parse(&self.body()).expect("a captured delivery can be read")
    }

    fn booking(&self) -> (BookingTrigger, Booking) {
        match self.event() {
            Event::Booking { kind, booking } => (kind, *booking),
            other => panic!("{}: not a booking but {other:?}", self.name),
        }
    }
}

fn headers<'h>(pairs: impl IntoIterator<Item = (&'h str, &'h str)>) -> HeaderMap {
    let name = |name: &str| name.parse::<HeaderName>().expect("a header name");
    let value = |value: &str| HeaderValue::from_str(value).expect("a header value");
    pairs
        .into_iter()
        .map(|pair| (name(pair.0), value(pair.1)))
        .collect()
}

fn signed(secret: &str, body: &[u8]) -> HeaderMap {
    use hmac::{Hmac, KeyInit, Mac};
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(secret.as_bytes())
        .expect("HMAC takes a key of any length");
    mac.update(body);
    headers([(
        "X-Cal-Signature-256",
        hex::encode(mac.finalize().into_bytes()).as_str(),
    )])
}
