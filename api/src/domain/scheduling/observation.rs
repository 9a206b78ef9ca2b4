//! What a scheduler has said about one of its booking uids, kept in our words.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use entity::Uuid;
use entity::booking::Answer;
use serde::{Deserialize, Serialize};

/// A booking was made and is certain.
pub(crate) const CREATED: &str = "CREATED";
/// It waits for the coach.
pub(crate) const REQUESTED: &str = "REQUESTED";
/// It took the place of an earlier uid.
pub(crate) const MOVED: &str = "MOVED";
/// It is off.
pub(crate) const CANCELED: &str = "CANCELED";
/// The coach declined.
pub(crate) const DECLINED: &str = "DECLINED";
/// A payment at the scheduler began.
pub(crate) const PAYMENT_STARTED: &str = "PAYMENT_STARTED";
/// It was paid at the scheduler.
pub(crate) const PAID: &str = "PAID";
/// Its start has passed.
pub(crate) const STARTED: &str = "STARTED";
/// Its end has passed.
pub(crate) const ENDED: &str = "ENDED";
/// Somebody did not come; the address follows after a colon, since each person is marked for
/// themselves.
pub(crate) const ABSENT: &str = "ABSENT";

/// The booking as it was read from the scheduler: the latest reading. Readings may be the first to
/// tell of anything, since messages get lost and some changes are never told.
pub(crate) const READ: &str = "READ";
/// Somebody else is invited; the address follows.
pub(crate) const GUEST: &str = "GUEST:";
/// Only that the uid took the place of an earlier one.
pub(crate) const SUCCEEDED: &str = "SUCCEEDED";

/// Where a booking stands in the scheduler's own words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum Standing {
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
pub(crate) struct Fact {
    /// When the scheduler wrote it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) at: Option<DateTime<Utc>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) number: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) previous_uid: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) lineage_key: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) sequence: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) standing: Option<Standing>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) starts_at: Option<DateTime<Utc>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) ends_at: Option<DateTime<Utc>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) offer: Option<Offer>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) organizer: Option<Organizer>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) attendee: Option<Attendee>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) location: Option<String>,
    /// Always http or https.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) video_url: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) price_minor: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) currency: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) requires_approval: Option<bool>,
    /// Places in the meeting, where places are booked one by one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) seats: Option<i64>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) answers: Vec<Answer>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) reason: Option<String>,
    /// Address of whoever did it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) by: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) no_show: Option<bool>,
    /// The request of ours that the scheduler's booking came from, as it carries it along. Copied
    /// by the scheduler when it moves one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) request_id: Option<Uuid>,
}

/// What was booked.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(Debug))]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct Offer {
    pub(crate) id: Option<String>,
    pub(crate) slug: Option<String>,
    pub(crate) title: Option<String>,
    pub(crate) length_minutes: Option<i64>,
}

/// Whose calendar it is in.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(Debug))]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct Organizer {
    pub(crate) id: Option<String>,
    pub(crate) name: Option<String>,
    /// As the person knows it, lower-cased.
    pub(crate) email: Option<String>,
    pub(crate) username: Option<String>,
    pub(crate) time_zone: Option<String>,
}

/// Who booked.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(Debug))]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct Attendee {
    /// Lower-cased.
    pub(crate) email: String,
    pub(crate) name: Option<String>,
    pub(crate) time_zone: Option<String>,
}

/// One fact and what it is about.
#[derive(Clone)]
pub(crate) struct Observation {
    pub(crate) uid: String,
    /// The attendee's address where the uid stands for a group, else empty.
    pub(crate) seat: String,
    pub(crate) kind: String,
    pub(crate) fact: Fact,
}

impl Observation {
    /// That somebody else is invited. Kept for each by themselves: who is invited once stays so.
    pub(crate) fn guest(uid: &str, email: &str) -> Self {
        let fact = Fact::default();
        Self {
            uid: uid.to_owned(),
            seat: String::new(),
            kind: format!("{GUEST}{email}"),
            fact,
        }
    }
}

/// The kind under which somebody's absence is kept.
pub(crate) fn absent(email: &str) -> String {
    format!("{ABSENT}:{email}")
}

/// The latest fact of each kind about one uid.
pub(crate) type Facts = BTreeMap<String, Fact>;

/// Takes a fact in: of two of the same kind the later one stays. Doing so is idempotent and
/// commutes, so that neither the order in which messages come nor how often they come can change
/// what the whole says. Gives whether it changed anything.
pub(crate) fn merge(said: &mut Facts, kind: String, fact: Fact) -> bool {
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
