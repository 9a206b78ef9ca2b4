//! Event types as Cal.com answers them.

use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::Value;

use super::EventTypeSettings;
use crate::cal_com::lax::{FromValue, Lax, object};

/// What a coach offers.
#[derive(Debug, Clone, PartialEq)]
pub struct EventType {
    /// Theirs.
    pub id: i64,
    /// Whose. `None` for a team's.
    pub owner_id: Option<i64>,
    /// For people.
    pub title: String,
    /// Part of public links.
    pub slug: String,
    /// Or the one that is chosen if nobody chooses.
    pub length_in_minutes: i64,
    /// In the smallest unit of `currency`; 0 is free. It cannot be set through the API.
    pub price: i64,
    /// ISO 4217, in lower case.
    pub currency: Option<String>,
    /// Their page; none on a platform.
    pub booking_url: Option<String>,
    /// Who hosts it.
    pub users: Vec<EventTypeOwner>,
    /// All that can be set.
    pub settings: EventTypeSettings,
}

/// Who hosts it.
#[derive(Clone, PartialEq, Eq)]
pub struct EventTypeOwner {
    /// Theirs.
    pub id: Option<i64>,
    /// As shown to attendees.
    pub name: Option<String>,
    /// Part of public links.
    pub username: Option<String>,
}

quiet_debug!(EventTypeOwner { id });

/// What is left of a deleted event type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeletedEventType {
    /// What it was.
    pub id: i64,
    /// What it was.
    pub slug: Option<String>,
}

/// A link to an event type that works for a while or a number of times. `Debug` does not show it.
#[derive(Clone, PartialEq, Eq)]
pub struct PrivateLink {
    /// Theirs.
    pub id: String,
    /// To what.
    pub event_type_id: Option<i64>,
    /// It works no more.
    pub expired: bool,
    /// For people.
    pub booking_url: String,
    /// Until when it works.
    pub expires_at: Option<DateTime<Utc>>,
    /// How often it works.
    pub max_usage_count: Option<i64>,
    /// How often it was used.
    pub usage_count: Option<i64>,
}

quiet_debug!(PrivateLink {
    event_type_id,
    expired,
    expires_at,
    max_usage_count,
    usage_count
});

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Wire {
    id: Lax<i64>,
    owner_id: Lax<i64>,
    title: Lax<String>,
    slug: Lax<String>,
    length_in_minutes: Lax<i64>,
    price: Lax<i64>,
    currency: Lax<String>,
    booking_url: Lax<String>,
    users: Lax<Vec<EventTypeOwner>>,
}

impl FromValue for EventType {
    fn from_value(value: Value) -> Option<Self> {
        let settings = EventTypeSettings::from_value(value.clone())?;
        let wire: Wire = object(value)?;
        Some(Self {
            id: wire.id.0?,
            owner_id: wire.owner_id.0,
            title: wire.title.filled()?,
            slug: wire.slug.filled()?,
            length_in_minutes: wire.length_in_minutes.0?,
            price: wire.price.0.unwrap_or_default(),
            currency: wire.currency.filled(),
            booking_url: wire.booking_url.filled(),
            users: wire.users.0.unwrap_or_default(),
            settings,
        })
    }
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Person {
    id: Lax<i64>,
    name: Lax<String>,
    username: Lax<String>,
}

impl FromValue for EventTypeOwner {
    fn from_value(value: Value) -> Option<Self> {
        let person: Person = object(value)?;
        Some(Self {
            id: person.id.0,
            name: person.name.filled(),
            username: person.username.filled(),
        })
    }
}

impl FromValue for DeletedEventType {
    fn from_value(value: Value) -> Option<Self> {
        let wire: Wire = object(value)?;
        Some(Self {
            id: wire.id.0?,
            slug: wire.slug.filled(),
        })
    }
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Link {
    link_id: Lax<String>,
    event_type_id: Lax<i64>,
    is_expired: Lax<bool>,
    booking_url: Lax<String>,
    expires_at: Lax<DateTime<Utc>>,
    max_usage_count: Lax<i64>,
    usage_count: Lax<i64>,
}

impl FromValue for PrivateLink {
    fn from_value(value: Value) -> Option<Self> {
        let link: Link = object(value)?;
        Some(Self {
            id: link.link_id.filled()?,
            event_type_id: link.event_type_id.0,
            expired: link.is_expired.0.unwrap_or_default(),
            booking_url: link.booking_url.filled()?,
            expires_at: link.expires_at.0,
            max_usage_count: link.max_usage_count.0,
            usage_count: link.usage_count.0,
        })
    }
}
