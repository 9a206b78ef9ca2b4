//! What a scheduler has said about one of its booking uids, kept in our words.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use entity::Uuid;
use entity::booking::Answer;
use entity::coach::Scheduler;
use serde::{Deserialize, Serialize};

/// A booking was made and is certain.
pub const CREATED: &str = "CREATED";
/// It waits for the coach.
pub const REQUESTED: &str = "REQUESTED";
/// It took the place of an earlier uid.
pub const MOVED: &str = "MOVED";
/// It is off.
pub const CANCELED: &str = "CANCELED";
/// The coach declined.
pub const DECLINED: &str = "DECLINED";
/// A payment at the scheduler began.
pub const PAYMENT_STARTED: &str = "PAYMENT_STARTED";
/// It was paid at the scheduler.
pub const PAID: &str = "PAID";
/// Its start has passed.
pub const STARTED: &str = "STARTED";
/// Its end has passed.
pub const ENDED: &str = "ENDED";
/// Somebody did not come; the address follows after a colon, since each person is marked for
/// themselves.
pub const ABSENT: &str = "ABSENT";

/// The booking as it was read from the scheduler: the latest reading. Readings may be the first to
/// tell of anything, since messages get lost and some changes are never told.
pub const READ: &str = "READ";
/// Somebody else is invited; the address follows.
pub const GUEST: &str = "GUEST:";
/// Only that the uid took the place of an earlier one.
pub const SUCCEEDED: &str = "SUCCEEDED";

/// Where a booking stands in the scheduler's own words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Standing {
    Accepted,
    Pending,
    Canceled,
    Rejected,
}

/// One message, reduced to what may follow from it. What it did not say is absent, and absent does
/// not mean unset.
///
/// No `Debug` outside of tests: it names people.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(Debug))]
#[serde(default, rename_all = "camelCase")]
pub struct Fact {
    /// When the scheduler wrote it.
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
    /// Places in the meeting, where places are booked one by one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seats: Option<i64>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub answers: Vec<Answer>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Address of whoever did it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub no_show: Option<bool>,
    /// The request of ours that the scheduler's booking came from, as it carries it along. Copied
    /// by the scheduler when it moves one.
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

/// Whose calendar it is in.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(Debug))]
#[serde(default, rename_all = "camelCase")]
pub struct Organizer {
    pub id: Option<String>,
    pub name: Option<String>,
    /// As the person knows it, lower-cased.
    pub email: Option<String>,
    pub username: Option<String>,
    pub time_zone: Option<String>,
}

/// Who booked.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(Debug))]
#[serde(default, rename_all = "camelCase")]
pub struct Attendee {
    /// Lower-cased.
    pub email: String,
    pub name: Option<String>,
    pub time_zone: Option<String>,
}

/// One fact and what it is about.
#[derive(Clone)]
pub struct Observation {
    pub uid: String,
    /// The attendee's address where the uid stands for a group, else empty.
    pub seat: String,
    pub kind: String,
    pub fact: Fact,
}

impl Observation {
    /// That somebody else is invited. Kept for each by themselves: who is invited once stays so.
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

/// What a scheduler has said, at once, about some of its uids.
#[derive(Clone)]
pub struct Reported {
    pub scheduler: Scheduler,
    pub observations: Vec<Observation>,
}

/// The kind under which somebody's absence is kept.
pub fn absent(email: &str) -> String {
    format!("{ABSENT}:{email}")
}

/// The latest fact of each kind about one uid.
pub type Facts = BTreeMap<String, Fact>;

/// Takes a fact in: of two of the same kind the later one stays. Doing so is idempotent and
/// commutes, so that neither the order in which messages come nor how often they come can change
/// what the whole says. Gives whether it changed anything.
pub fn merge(said: &mut Facts, kind: String, fact: Fact) -> bool {
    match said.get(&kind) {
        Some(known) if weight(known) >= weight(&fact) => false,
        _ => {
            said.insert(kind, fact);
            true
        }
    }
}

/// Later is heavier. The same instant happens when one change is sent twice; then an end weighs
/// more than a beginning, and then the text decides, so that every order agrees.
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
