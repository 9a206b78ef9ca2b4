//! The recorded deliveries: as they were sent, edited, and for other accounts.

use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, HeaderName, HeaderValue};
use serde::Deserialize;
use serde_json::Value;
use tests::On;
use tests::cal_com::signature;

/// The secret that edited deliveries are signed with; one of the recorded ones.
const SECRET: &str = "whsec-lab-oauth-client";

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
pub(super) struct Capture {
    pub(super) name: String,
    pub(super) secret: Option<String>,
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
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
            body: STANDARD.decode(file.request.body_base64).expect("base64"),
        }
    };
    paths.into_iter().map(read).collect()
});

/// Every delivery that carries a signature.
pub(super) fn signed() -> Vec<Capture> {
    ALL.iter()
        .filter(|capture| capture.secret.is_some())
        .cloned()
        .collect()
}

/// The deliveries with these numbers.
pub(super) fn numbered(numbers: &[&str]) -> Vec<Capture> {
    let find = |number: &&str| {
        ALL.iter()
            .find(|capture| capture.name.starts_with(*number))
            .expect("a capture")
            .clone()
    };
    numbers.iter().map(find).collect()
}

/// Every secret that the recorded deliveries are signed with.
pub(super) fn secrets() -> Vec<String> {
    let mut secrets: Vec<_> = ALL
        .iter()
        .filter_map(|capture| capture.secret.clone())
        .collect();
    secrets.sort();
    secrets.dedup();
    secrets
}

impl Capture {
    pub(super) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("a recorded body is JSON")
    }

    /// The same delivery with another body, signed anew.
    pub(super) fn with(&self, body: Vec<u8>) -> Self {
        let mut headers = self.headers.clone();
        headers.insert(
            "x-cal-signature-256",
            HeaderValue::from_str(&signature(SECRET, &body)).expect("hexadecimal"),
        );
        Self {
            name: self.name.clone(),
            secret: Some(SECRET.to_owned()),
            headers,
            body,
        }
    }

    /// The same delivery, changed.
    pub(super) fn edited(&self, edit: impl FnOnce(&mut Value)) -> Self {
        let mut json = self.json();
        edit(&mut json);
        self.with(serde_json::to_vec(&json).expect("JSON"))
    }

    /// The same delivery as another account would have got it: other host, other uids, the same
    /// numbers.
    pub(super) fn of_account(&self, account: usize) -> Self {
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

/// The most orders that PostgreSQL gets.
const SAMPLE: usize = 12;

/// Every order of `items`; on PostgreSQL, where each costs more, a sample of them.
pub(super) fn orders<T: Clone>(on: On, items: &[T]) -> Vec<Vec<T>> {
    let all = permutations(items);
    let step = match on {
        On::Sqlite => 1,
        On::Postgres => all.len().div_ceil(SAMPLE),
    };
    all.into_iter().step_by(step).collect()
}

fn permutations<T: Clone>(items: &[T]) -> Vec<Vec<T>> {
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
