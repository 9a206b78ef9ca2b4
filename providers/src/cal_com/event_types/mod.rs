//! Event types: what a coach offers.

mod parts;
mod read;
mod settings;

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::json;

use super::client::Client;
use super::credential::Credential;
use super::request::{Request, spelt};
use crate::error::Error;

pub use parts::{
    ActiveBookingsLimit, BookerLayouts, Cancelling, Color, Confirmation, DestinationCalendar,
    EventLocation, HorizonRule, NoticeThreshold, PeriodLimits, Question, Recurrence, Rescheduling,
    Seats, Toggle,
};
pub use read::{DeletedEventType, EventType, EventTypeOwner, PrivateLink};
pub use settings::EventTypeSettings;

/// An event type to make, or what is changed of one; `None` stays as it is. To make, title, slug
/// and length are required. There is no place for metadata of one's own.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct EventTypeChange {
    /// For people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// Part of public links; once for each owner.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub slug: Option<String>,
    /// At least 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub length_in_minutes: Option<i64>,
    /// The rest.
    #[serde(flatten)]
    pub settings: EventTypeSettings,
}

/// Which event types. The default is all of the credential's own, hidden ones included; with a
/// username it is what everybody may see of that person's.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EventTypeFilter {
    /// Of this person.
    pub username: Option<String>,
    /// With this slug.
    pub slug: Option<String>,
    /// Those that these people host together.
    pub usernames: Vec<String>,
    /// Of a person in this organization.
    pub organization_slug: Option<String>,
    /// Of a person in this organization.
    pub organization_id: Option<i64>,
}

/// How long a private link works.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PrivateLinkLife {
    /// Until then.
    Until(DateTime<Utc>),
    /// So often.
    Uses(u32),
}

impl Client {
    /// # Errors
    /// See [`Client`].
    pub async fn list_event_types(
        &self,
        credential: &Credential,
        filter: &EventTypeFilter,
    ) -> Result<Vec<EventType>, Error> {
        let request = Request::read("GET /v2/event-types")
            .maybe("username", filter.username.as_ref())
            .maybe("eventSlug", filter.slug.as_ref())
            .list("usernames", &filter.usernames)
            .maybe("orgSlug", filter.organization_slug.as_ref())
            .maybe("orgId", filter.organization_id);
        self.call(credential, request).await?.all("event type")
    }

    /// # Errors
    /// See [`Client`]; `UnknownEventType` also for somebody else's.
    pub async fn get_event_type(
        &self,
        credential: &Credential,
        id: i64,
    ) -> Result<EventType, Error> {
        self.call(
            credential,
            Request::read("GET /v2/event-types/{id}").fill(id),
        )
        .await?
        .one("event type")
    }

    /// # Errors
    /// See [`Client`]; `DuplicateSlug`, `AppNotConnected` for a location, `UnknownSchedule`.
    pub async fn create_event_type(
        &self,
        credential: &Credential,
        event_type: &EventTypeChange,
    ) -> Result<EventType, Error> {
        self.call(
            credential,
            Request::once("POST /v2/event-types").json(event_type),
        )
        .await?
        .one("event type")
    }

    /// # Errors
    /// See [`Client`]; `UnknownEventType` also for somebody else's.
    pub async fn update_event_type(
        &self,
        credential: &Credential,
        id: i64,
        change: &EventTypeChange,
    ) -> Result<EventType, Error> {
        let request = Request::idempotent("PATCH /v2/event-types/{id}")
            .fill(id)
            .json(change);
        self.call(credential, request).await?.one("event type")
    }

    /// # Errors
    /// See [`Client`]; `UnknownEventType` when there is nothing left to do.
    pub async fn delete_event_type(
        &self,
        credential: &Credential,
        id: i64,
    ) -> Result<DeletedEventType, Error> {
        let request = Request::idempotent("DELETE /v2/event-types/{id}").fill(id);
        self.call(credential, request)
            .await?
            .one("deleted event type")
    }

    /// # Errors
    /// See [`Client`].
    pub async fn create_private_link(
        &self,
        credential: &Credential,
        event_type_id: i64,
        life: PrivateLinkLife,
    ) -> Result<PrivateLink, Error> {
        let body = match life {
            PrivateLinkLife::Until(end) => json!({ "expiresAt": spelt(end) }),
            PrivateLinkLife::Uses(count) => json!({ "maxUsageCount": count }),
        };
        let request = Request::once("POST /v2/event-types/{type}/private-links")
            .fill(event_type_id)
            .json(&body);
        self.call(credential, request).await?.one("private link")
    }

    /// # Errors
    /// See [`Client`].
    pub async fn list_private_links(
        &self,
        credential: &Credential,
        event_type_id: i64,
    ) -> Result<Vec<PrivateLink>, Error> {
        let request = Request::read("GET /v2/event-types/{type}/private-links").fill(event_type_id);
        self.call(credential, request).await?.all("private link")
    }

    /// # Errors
    /// See [`Client`].
    pub async fn delete_private_link(
        &self,
        credential: &Credential,
        event_type_id: i64,
        link_id: &str,
    ) -> Result<(), Error> {
        let request = Request::idempotent("DELETE /v2/event-types/{type}/private-links/{id}");
        self.call(credential, request.fill(event_type_id).fill(link_id))
            .await
            .map(drop)
    }
}
