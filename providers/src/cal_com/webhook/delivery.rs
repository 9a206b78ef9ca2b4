//! From bytes off the wire to something that can be stored once.

use std::fmt;

use ::http::HeaderMap;
use chrono::{DateTime, Utc};
use secrecy::SecretString;
use serde::Deserialize;
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};

use super::signature::{OpenError, check};
use super::trigger::Trigger;
use crate::cal_com::lax;

/// Longer ids and names are not Cal.com's, and have no place in an index.
const MAX_UID: usize = 200;
const MAX_NAME: usize = 64;

/// A delivery that Cal.com did send: what is needed to store it, and to store it once.
///
/// `Debug` leaves the ids out: at Cal.com, whoever knows a booking's uid may read, move and cancel
/// it.
#[derive(Clone, PartialEq, Eq)]
pub struct Delivery {
    /// What it is about.
    pub trigger: Trigger,
    /// The name as it came, at most 64 characters; `UNKNOWN` when there was none.
    pub trigger_name: String,
    /// When Cal.com sent it. `None` when the body does not say: a template, or `MEETING_*`, whose
    /// `createdAt` is the booking's, weeks ago.
    pub created_at: Option<DateTime<Utc>>,
    /// The booking.
    pub uid: Option<String>,
    /// The calendar id, which stays the same when a booking is moved.
    pub ical_uid: Option<String>,
    /// Equal for two deliveries that say the same. At most 110 ASCII characters.
    pub dedupe_key: String,
}

impl fmt::Debug for Delivery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Delivery")
            .field("trigger", &self.trigger)
            .field("created_at", &self.created_at)
            .finish_non_exhaustive()
    }
}

/// Checks that Cal.com sent `raw` and reads the little that is needed to store it.
///
/// A genuine delivery is always accepted, whatever is in it: bodies that are not Cal.com's own
/// (templates, forms) become [`Trigger::Unknown`].
///
/// # Errors
/// See [`OpenError`]. `raw` has not been read when there is one.
pub fn open(
    secrets: &[SecretString],
    headers: &HeaderMap,
    raw: &[u8],
) -> Result<Delivery, OpenError> {
    check(secrets, headers, raw)?;
    Ok(read(raw))
}

fn read(raw: &[u8]) -> Delivery {
    let envelope = std::str::from_utf8(raw)
        .ok()
        .and_then(|text| serde_json::from_str::<Envelope<'_>>(text).ok());
    let name = envelope
        .as_ref()
        .and_then(|envelope| text(envelope.trigger_event))
        .filter(|name| !name.is_empty());
    let (Some(envelope), Some(name)) = (envelope, name) else {
        return Delivery {
            trigger: Trigger::Unknown,
            trigger_name: Trigger::Unknown.as_str().to_owned(),
            created_at: None,
            uid: None,
            ical_uid: None,
            dedupe_key: key_of_body(Trigger::Unknown, raw),
        };
    };
    let trigger = Trigger::from_name(&name);
    let created = text(envelope.created_at);
    let subject: Subject<'_> = if trigger.is_flat() {
        serde_json::from_slice(raw).unwrap_or_default()
    } else {
        envelope
            .payload
            .and_then(|payload| serde_json::from_str(payload.get()).ok())
            .unwrap_or_default()
    };
    let uid = subject.uid();
    let dedupe_key = match &uid {
        Some(uid) => key_of_statement(trigger, &name, uid, created.as_deref(), &subject),
        None => key_of_body(trigger, raw),
    };
    Delivery {
        trigger,
        trigger_name: name.chars().take(MAX_NAME).collect(),
        created_at: created
            .filter(|_| !trigger.is_flat())
            .and_then(|created| lax::instant(&created)),
        uid,
        ical_uid: text(subject.ical_uid).filter(|uid| is_id(uid)),
        dedupe_key,
    }
}

/// The outermost object. Values are only cut out, not read: their types are whatever a form's
/// author wanted.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Envelope<'r> {
    #[serde(borrow)]
    trigger_event: Option<&'r RawValue>,
    #[serde(borrow)]
    created_at: Option<&'r RawValue>,
    #[serde(borrow)]
    payload: Option<&'r RawValue>,
}

/// What tells one statement about a booking from another.
#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Subject<'r> {
    #[serde(borrow)]
    uid: Option<&'r RawValue>,
    #[serde(borrow)]
    booking_uid: Option<&'r RawValue>,
    #[serde(borrow)]
    booking: Option<&'r RawValue>,
    #[serde(borrow, rename = "iCalUID")]
    ical_uid: Option<&'r RawValue>,
    #[serde(borrow, rename = "iCalSequence")]
    ical_sequence: Option<&'r RawValue>,
    #[serde(borrow)]
    reschedule_uid: Option<&'r RawValue>,
    #[serde(borrow)]
    attendee_seat_id: Option<&'r RawValue>,
    #[serde(borrow)]
    attendees: Option<&'r RawValue>,
    #[serde(borrow)]
    start_time: Option<&'r RawValue>,
    #[serde(borrow)]
    end_time: Option<&'r RawValue>,
    #[serde(borrow)]
    status: Option<&'r RawValue>,
}

impl Subject<'_> {
    /// Most triggers say `uid`, the no-show ones `bookingUid`, a wrong assignment has it one level
    /// down.
    fn uid(&self) -> Option<String> {
        let nested = || {
            serde_json::from_str::<Subject<'_>>(self.booking?.get())
                .ok()?
                .uid
                .and_then(|uid| text(Some(uid)))
        };
        text(self.uid)
            .or_else(|| text(self.booking_uid))
            .or_else(nested)
            .filter(|uid| is_id(uid))
    }
}

fn is_id(text: &str) -> bool {
    (1..=MAX_UID).contains(&text.len()) && !text.contains(char::is_control)
}

/// A string, or nothing.
fn text(raw: Option<&RawValue>) -> Option<String> {
    serde_json::from_str(raw?.get()).ok()
}

/// The time of sending is part of the statement: a no-show can be set, taken back and set again.
fn key_of_statement(
    trigger: Trigger,
    name: &str,
    uid: &str,
    created: Option<&str>,
    subject: &Subject<'_>,
) -> String {
    let raw = |value: Option<&RawValue>| value.map_or("", RawValue::get).to_owned();
    digest(
        trigger,
        [
            name.to_owned(),
            uid.to_owned(),
            created.unwrap_or_default().to_owned(),
            raw(subject.attendee_seat_id),
            // A cancelled seat is known by its attendee only.
            raw(subject.attendees),
            raw(subject.start_time),
            raw(subject.end_time),
            raw(subject.ical_sequence),
            raw(subject.reschedule_uid),
            raw(subject.status),
        ],
    )
}

fn key_of_body(trigger: Trigger, raw: &[u8]) -> String {
    format!(
        "{}:body:{}",
        trigger.as_str(),
        hex::encode(Sha256::digest(raw))
    )
}

/// Lengths go in as well, so that `ab, c` and `a, bc` differ.
fn digest(trigger: Trigger, parts: [String; 10]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    format!("{}:{}", trigger.as_str(), hex::encode(hash.finalize()))
}
