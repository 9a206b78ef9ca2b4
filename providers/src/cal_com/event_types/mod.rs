//! Event types: the kinds of meetings that can be booked.

mod parts;
mod read;
mod settings;

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::json;

use super::client::Client;
use super::credential::Credential;
use super::request::{Request, rfc3339};
use crate::cal_com::Error;

pub use parts::{
    ActiveBookingsLimit, BookerLayouts, Cancelling, Color, Confirmation, DestinationCalendar,
    EventLocation, HorizonRule, NoticeThreshold, PeriodLimits, Question, Recurrence, Rescheduling,
    Seats, Toggle,
};
pub use read::{DeletedEventType, EventType, EventTypeOwner, PrivateLink};
pub use settings::EventTypeSettings;

/// An event type to create, or the changes to one; `None` leaves a field unchanged. To create,
/// title, slug and length are required. It cannot carry custom metadata.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct EventTypeChange {
    /// The display name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// Part of public links; unique per owner.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub slug: Option<String>,
    /// The length in minutes, at least 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub length_in_minutes: Option<i64>,
    /// All other settings.
    #[serde(flatten)]
    pub settings: EventTypeSettings,
}

/// A filter of event types. The default is all of the credential's own, hidden ones included; with
/// a username it is that user's public ones.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EventTypeFilter {
    /// Of this user.
    pub username: Option<String>,
    /// With this slug.
    pub slug: Option<String>,
    /// Those that these users host together.
    pub usernames: Vec<String>,
    /// Of a user in this organization.
    pub organization_slug: Option<String>,
    /// Of a user in this organization.
    pub organization_id: Option<i64>,
}

/// The lifetime of a private link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PrivateLinkLife {
    /// Until this time.
    Until(DateTime<Utc>),
    /// For this number of uses.
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
    /// See [`Client`]; `UnknownEventType` also when it belongs to another user.
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
    /// See [`Client`]; `UnknownEventType` also when it belongs to another user.
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
    /// See [`Client`]; `UnknownEventType` when it is already deleted.
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
            PrivateLinkLife::Until(end) => json!({ "expiresAt": rfc3339(end) }),
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
