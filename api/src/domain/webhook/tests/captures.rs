//! The recorded deliveries, as they were and for other accounts.

use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use serde::Deserialize;
use serde_json::Value;
use sha2::{Digest, Sha256};

/// The secret that deliveries of our own making are signed with.
pub(crate) const SECRET: &str = "whsec-lab-oauth-client";

#[derive(Deserialize)]
struct File {
    name: String,
    subscriber_secret: Option<String>,
    request: Recorded,
}

#[derive(Deserialize)]
struct Recorded {
    headers: Vec<(String, String)>,
    body_base64: String,
}

/// One delivery, ready to be sent.
#[derive(Clone)]
pub(crate) struct Capture {
    pub(crate) name: String,
    pub(crate) secret: Option<String>,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

static ALL: LazyLock<Vec<Capture>> = LazyLock::new(|| {
    let folder = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../providers/fixtures/calcom/webhooks"
    );
    let entries = std::fs::read_dir(folder).expect("the folder of fixtures");
    let mut paths: Vec<_> = entries
        .map(|entry| entry.expect("a readable entry").path())
        .collect();
    paths.sort();
    let read = |path| {
        let file: File = serde_json::from_slice(&std::fs::read(path).expect("a readable file"))
            .expect("a capture");
        let headers = file.request.headers.iter().map(|(name, value)| {
            (
                name.parse::<HeaderName>().expect("a name"),
                HeaderValue::from_str(value).expect("a value"),
            )
        });
        Capture {
            name: file.name,
            secret: file.subscriber_secret,
            headers: headers.collect(),
            body: STANDARD
                .decode(file.request.body_base64)
                .expect("base64")
                .into(),
        }
    };
    paths.into_iter().map(read).collect()
});

/// Every delivery that carries a signature.
pub(crate) fn signed() -> Vec<Capture> {
    ALL.iter()
        .filter(|capture| capture.secret.is_some())
        .cloned()
        .collect()
}

/// The deliveries with these numbers.
pub(crate) fn numbered(numbers: &[&str]) -> Vec<Capture> {
    let find = |number: &&str| {
        ALL.iter()
            .find(|capture| capture.name.starts_with(*number))
            .expect("a capture")
            .clone()
    };
    numbers.iter().map(find).collect()
}

/// Every secret that the recorded deliveries are signed with.
pub(crate) fn secrets() -> Vec<secrecy::SecretString> {
    let mut secrets: Vec<_> = ALL
        .iter()
        .filter_map(|capture| capture.secret.clone())
        .collect();
    secrets.sort();
    secrets.dedup();
    secrets.into_iter().map(Into::into).collect()
}

impl Capture {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("a recorded body is JSON")
    }

    /// The same delivery with another body, signed anew.
    pub(crate) fn with(&self, body: Vec<u8>) -> Self {
        let mut headers = self.headers.clone();
        headers.insert(
            "x-cal-signature-256",
            HeaderValue::from_str(&signature(SECRET, &body)).expect("hexadecimal"),
        );
        Self {
            name: self.name.clone(),
            secret: Some(SECRET.to_owned()),
            headers,
            body: body.into(),
        }
    }

    /// The same delivery, changed.
    pub(crate) fn edited(&self, edit: impl FnOnce(&mut Value)) -> Self {
        let mut json = self.json();
        edit(&mut json);
        self.with(serde_json::to_vec(&json).expect("JSON"))
    }

    /// The same delivery as another account would have got it: other host, other uids, the same
    /// numbers.
    pub(crate) fn of_account(&self, account: usize) -> Self {
        self.edited(|json| {
            for pointer in ["/payload/organizer/id", "/userId"] {
                if let Some(id) = json.pointer_mut(pointer) {
                    *id = (100_000 + account).into();
                }
            }
            for pointer in [
                "/payload/organizer/email",
                "/userPrimaryEmail",
                "/user/email",
            ] {
                if let Some(email) = json.pointer_mut(pointer) {
                    *email = format!("host-{account}@example.com").into();
                }
            }
            for name in ["uid", "bookingUid", "rescheduleUid", "iCalUID"] {
                for pointer in [format!("/{name}"), format!("/payload/{name}")] {
                    if let Some(Value::String(uid)) = json.pointer_mut(&pointer) {
                        uid.insert_str(0, &format!("{account}-"));
                    }
                }
            }
        })
    }
}

/// HMAC-SHA256, written out: the code under test does not check itself.
fn signature(secret: &str, body: &[u8]) -> String {
    let mut key = [0_u8; 64];
    key[..secret.len()].copy_from_slice(secret.as_bytes());
    let pad = |byte: u8| key.map(|k| k ^ byte);
    let inner = Sha256::new()
        .chain_update(pad(0x36))
        .chain_update(body)
        .finalize();
    hex::encode(
        Sha256::new()
            .chain_update(pad(0x5c))
            .chain_update(inner)
            .finalize(),
    )
}

/// Every order of `items`.
pub(crate) fn permutations<T: Clone>(items: &[T]) -> Vec<Vec<T>> {
    if items.is_empty() {
        return vec![Vec::new()];
    }
    let mut all = Vec::new();
    for index in 0..items.len() {
        let mut rest = items.to_vec();
        let first = rest.remove(index);
        for mut order in permutations(&rest) {
            order.insert(0, first.clone());
            all.push(order);
        }
    }
    all
}
