//! Facts that a scheduler reported about one of its booking uids, in provider-neutral terms.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use entity::Uuid;
use entity::booking::Answer;
use entity::coach::Scheduler;
use serde::{Deserialize, Serialize};

/// A booking was made and is confirmed.
pub const CREATED: &str = "CREATED";
/// It waits for the coach's approval.
pub const REQUESTED: &str = "REQUESTED";
/// It replaced an earlier uid.
pub const MOVED: &str = "MOVED";
/// It was canceled.
pub const CANCELED: &str = "CANCELED";
/// The coach declined.
pub const DECLINED: &str = "DECLINED";
/// A payment at the scheduler was started.
pub const PAYMENT_STARTED: &str = "PAYMENT_STARTED";
/// It was paid at the scheduler.
pub const PAID: &str = "PAID";
/// Its start has passed.
pub const STARTED: &str = "STARTED";
/// Its end has passed.
pub const ENDED: &str = "ENDED";
/// A person was absent. The address follows after a colon, since each person is marked separately.
pub const ABSENT: &str = "ABSENT";

/// The booking as last read from the scheduler. A read may be the first report of anything, since
/// messages get lost and some changes send none.
pub const READ: &str = "READ";
/// A guest was invited; the address follows.
pub const GUEST: &str = "GUEST:";
/// Only records that the uid replaced an earlier one.
pub const SUCCEEDED: &str = "SUCCEEDED";

/// The status of a booking at the scheduler.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Standing {
    Accepted,
    Pending,
    Canceled,
    Rejected,
}

/// One message, reduced to the fields that are used. A missing field means that the message did not
/// contain it, not that it is unset.
///
/// No `Debug` outside of tests: it holds personal data.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(Debug))]
#[serde(default, rename_all = "camelCase")]
pub struct Fact {
    /// When the scheduler created the message.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at: Option<DateTime<Utc>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub number: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub previous_uid: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lineage_key: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sequence: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub standing: Option<Standing>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub starts_at: Option<DateTime<Utc>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ends_at: Option<DateTime<Utc>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub offer: Option<Offer>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub organizer: Option<Organizer>,
    /// Further hosts of the same meeting. Used to bound the report, and not stored.
    #[serde(skip)]
    pub co_hosts: Vec<Organizer>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attendee: Option<Attendee>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub location: Option<String>,
    /// Always http or https.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub video_url: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub price_minor: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub currency: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub requires_approval: Option<bool>,
    /// Seats of the meeting, where seats are booked one by one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seats: Option<i64>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub answers: Vec<Answer>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The address of the person who caused the change.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub no_show: Option<bool>,
    /// Our request that created the booking, repeated by the scheduler as metadata and copied when
    /// the booking is moved.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_id: Option<Uuid>,
}

/// What was booked.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(Debug))]
#[serde(default, rename_all = "camelCase")]
pub struct Offer {
    pub id: Option<String>,
    pub slug: Option<String>,
    pub title: Option<String>,
    pub length_minutes: Option<i64>,
}

/// The owner of the calendar.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(Debug))]
#[serde(default, rename_all = "camelCase")]
pub struct Organizer {
    pub id: Option<String>,
    pub name: Option<String>,
    /// In the spelling that the person sees, lower-cased.
    pub email: Option<String>,
    pub username: Option<String>,
    pub time_zone: Option<String>,
}

/// The person who booked.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(Debug))]
#[serde(default, rename_all = "camelCase")]
pub struct Attendee {
    /// Lower-cased.
    pub email: String,
    pub name: Option<String>,
    pub time_zone: Option<String>,
}

/// One fact and the uid it is about.
#[derive(Clone)]
pub struct Observation {
    pub uid: String,
    /// The attendee's address if the uid belongs to a group, else empty.
    pub seat: String,
    pub kind: String,
    pub fact: Fact,
}

impl Observation {
    /// A guest was invited. Stored per guest, because an invitation is never revoked.
    pub fn guest(uid: &str, email: &str) -> Self {
        let fact = Fact::default();
        Self {
            uid: uid.to_owned(),
            seat: String::new(),
            kind: format!("{GUEST}{email}"),
            fact,
        }
    }
}

/// Who reports. A signature or a credential proves it, and it bounds whose bookings the report may
/// be about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Speaker {
    /// A webhook that is signed with a secret of the platform.
    Platform,
    /// A webhook that is signed with the secret of this connection's registration.
    Webhook(Uuid),
    /// The answer to a call that was made with the credential of this connection.
    Calendar(Uuid),
}

/// Observations that a scheduler reported together.
#[derive(Clone)]
pub struct Reported {
    pub scheduler: Scheduler,
    pub speaker: Speaker,
    pub observations: Vec<Observation>,
}

/// The kind under which a person's absence is stored.
pub fn absent(email: &str) -> String {
    format!("{ABSENT}:{email}")
}

/// The latest fact of each kind about one uid.
pub type Facts = BTreeMap<String, Fact>;

/// Merges a fact: of two with the same kind the later one is kept. Idempotent and commutative, so
/// order and repetition of messages do not matter. Returns whether anything changed.
pub fn merge(said: &mut Facts, kind: String, fact: Fact) -> bool {
    match said.get(&kind) {
        Some(known) if weight(known) >= weight(&fact) => false,
        _ => {
            said.insert(kind, fact);
            true
        }
    }
}

/// Sort key: the later fact is greater. A change that is sent twice has the same instant twice;
/// then a final status beats an open one, and then the text decides, so every order agrees.
fn weight(fact: &Fact) -> (Option<DateTime<Utc>>, u8, String) {
    let text = serde_json::to_string(fact).expect("a fact has text keys and plain values");
    let standing = match fact.standing {
        None => 0,
        Some(Standing::Pending) => 1,
        Some(Standing::Accepted) => 2,
        Some(Standing::Canceled | Standing::Rejected) => 3,
    };
    (fact.at, standing, text)
}
