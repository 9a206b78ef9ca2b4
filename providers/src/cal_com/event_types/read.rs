//! Event types as Cal.com returns them.

use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::Value;

use super::EventTypeSettings;
use crate::lenient::{FromValue, Lenient, object};

/// A kind of meeting that can be booked.
#[derive(Debug, Clone, PartialEq)]
pub struct EventType {
    /// Cal.com's id.
    pub id: i64,
    /// The owner's user id. `None` for a team's.
    pub owner_id: Option<i64>,
    /// The display name.
    pub title: String,
    /// Part of public links.
    pub slug: String,
    /// The length in minutes, or the default one of several.
    pub length_in_minutes: i64,
    /// In the smallest unit of `currency`; 0 is free. It cannot be set through the API.
    pub price: i64,
    /// ISO 4217, in lower case.
    pub currency: Option<String>,
    /// Cal.com's booking page; `None` on a platform.
    pub booking_url: Option<String>,
    /// The hosts.
    pub users: Vec<EventTypeOwner>,
    /// The settings.
    pub settings: EventTypeSettings,
}

/// The hosts.
#[derive(Clone, PartialEq, Eq)]
pub struct EventTypeOwner {
    /// Cal.com's id.
    pub id: Option<i64>,
    /// Shown to attendees.
    pub name: Option<String>,
    /// Part of public links.
    pub username: Option<String>,
}

quiet_debug!(EventTypeOwner { id });

/// A deleted event type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeletedEventType {
    /// The former value.
    pub id: i64,
    /// The former value.
    pub slug: Option<String>,
}

/// A link to an event type with a limited lifetime or number of uses. `Debug` does not show it.
#[derive(Clone, PartialEq, Eq)]
pub struct PrivateLink {
    /// Cal.com's id.
    pub id: String,
    /// The event type.
    pub event_type_id: Option<i64>,
    /// It has expired.
    pub expired: bool,
    /// The display name.
    pub booking_url: String,
    /// When it expires.
    pub expires_at: Option<DateTime<Utc>>,
    /// The maximum number of uses.
    pub max_usage_count: Option<i64>,
    /// The number of uses so far.
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
    id: Lenient<i64>,
    owner_id: Lenient<i64>,
    title: Lenient<String>,
    slug: Lenient<String>,
    length_in_minutes: Lenient<i64>,
    price: Lenient<i64>,
    currency: Lenient<String>,
    booking_url: Lenient<String>,
    users: Lenient<Vec<EventTypeOwner>>,
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
    id: Lenient<i64>,
    name: Lenient<String>,
    username: Lenient<String>,
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
    link_id: Lenient<String>,
    event_type_id: Lenient<i64>,
    is_expired: Lenient<bool>,
    booking_url: Lenient<String>,
    expires_at: Lenient<DateTime<Utc>>,
    max_usage_count: Lenient<i64>,
    usage_count: Lenient<i64>,
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
