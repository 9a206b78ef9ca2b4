//! Verifies a delivery and extracts what is needed to store it once.

use std::fmt;

use ::http::HeaderMap;
use chrono::{DateTime, Utc};
use secrecy::SecretString;
use serde::Deserialize;
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};

use super::signature::{OpenError, check};
use super::trigger::Trigger;
use crate::lenient;

/// The maximum length of ids and names in an index; Cal.com's are shorter.
const MAX_UID: usize = 200;
const MAX_NAME: usize = 64;

/// A verified delivery: what is needed to store it and to deduplicate it.
///
/// `Debug` omits the ids: whoever knows a booking's uid may read, move and cancel it.
#[derive(Clone, PartialEq, Eq)]
pub struct Delivery {
    /// The trigger.
    pub trigger: Trigger,
    /// The trigger's name as received, at most 64 characters; `UNKNOWN` when there was none.
    pub trigger_name: String,
    /// When Cal.com sent it. `None` when the body does not contain it: a template, or
    /// `MEETING_*`, whose `createdAt` is that of the booking.
    pub created_at: Option<DateTime<Utc>>,
    /// The booking's uid.
    pub uid: Option<String>,
    /// The iCalendar UID, which stays the same when a booking is moved.
    pub ical_uid: Option<String>,
    /// The deduplication key: equal for two deliveries of the same event. At most 110 ASCII
    /// characters.
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

/// Verifies the signature of `raw` and reads what is needed to store it.
///
/// A genuine delivery is always accepted, whatever its content: bodies that are not Cal.com's own
/// (templates, forms) become [`Trigger::Unknown`].
///
/// # Errors
/// See [`OpenError`]. After an error nothing of `raw` was parsed.
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
            .and_then(|created| lenient::instant(&created)),
        uid,
        ical_uid: text(subject.ical_uid).filter(|uid| is_id(uid)),
        dedupe_key,
    }
}

/// The outermost object. Its values stay raw, since a form's author chooses their types.
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

/// The fields that distinguish one event of a booking from another.
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
    /// Most triggers have `uid`, the no-show ones `bookingUid`, and a wrong assignment has it one
    /// level deeper.
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

/// A string, else `None`.
fn text(raw: Option<&RawValue>) -> Option<String> {
    serde_json::from_str(raw?.get()).ok()
}

/// The time of sending is part of the key: a no-show can be set, removed and set again.
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
            // A cancelled seat is identified by its attendee only.
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

/// Hashes the lengths as well, so that `ab, c` and `a, bc` differ.
fn digest(trigger: Trigger, parts: [String; 10]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    format!("{}:{}", trigger.as_str(), hex::encode(hash.finalize()))
}
