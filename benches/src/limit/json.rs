//! Writes JSON values as Courtside does.

use std::io::Write as _;

use chrono::{DateTime, SecondsFormat, Utc};
use entity::Uuid;

pub(super) fn text(out: &mut Vec<u8>, text: &str) {
    serde_json::to_writer(out, text).expect("memory takes every string");
}

pub(super) fn text_or_null(out: &mut Vec<u8>, value: Option<&str>) {
    match value {
        Some(value) => text(out, value),
        None => out.extend_from_slice(b"null"),
    }
}

/// A global id: the prefix of its type, and its key.
pub(super) fn id(out: &mut Vec<u8>, prefix: &str, key: Uuid) {
    out.push(b'"');
    out.extend_from_slice(prefix.as_bytes());
    out.push(b'_');
    out.extend_from_slice(
        key.simple()
            .encode_lower(&mut Uuid::encode_buffer())
            .as_bytes(),
    );
    out.push(b'"');
}

pub(super) fn instant(out: &mut Vec<u8>, instant: DateTime<Utc>) {
    text(out, &instant.to_rfc3339_opts(SecondsFormat::Millis, true));
}

/// A price; all measured data is in currencies of two decimals.
pub(super) fn price(out: &mut Vec<u8>, minor: i64, currency: &str) {
    if minor == 0 {
        out.extend_from_slice(b"null");
        return;
    }
    write!(
        out,
        "{{\"amount\":\"{}.{:02}\",\"currency\":\"{currency}\"}}",
        minor / 100,
        minor % 100
    )
    .expect("memory takes whatever is written to it");
}

/// Writes a comma unless it is the first item of a list.
pub(super) fn comma(out: &mut Vec<u8>) {
    if out.last() != Some(&b'[') {
        out.push(b',');
    }
}
