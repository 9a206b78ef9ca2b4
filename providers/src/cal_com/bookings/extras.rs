//! Further operations on one booking.

use serde::Deserialize;
use serde_json::{Value, json};

use super::{Booking, Bookings, Location, NewGuest};
use crate::cal_com::Error;
use crate::cal_com::client::Client;
use crate::cal_com::credential::Credential;
use crate::cal_com::request::Request;
use crate::lenient::{FromValue, Lenient, object};

/// A link that adds the booking to a calendar. Titles in it are not encoded, so prefer one of our
/// own.
#[derive(Clone, PartialEq, Eq)]
pub struct CalendarLink {
    /// The service: `googleCalendar`, `microsoftOffice`, `microsoftOutlook` or `ics`.
    pub id: String,
    /// The display name.
    pub label: Option<String>,
    /// A URL; for `ics` it contains the data.
    pub link: String,
}

quiet_debug!(CalendarLink { id });

/// The booking's counterpart in another system: a calendar event or a video room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference {
    /// Cal.com's numeric id.
    pub id: Option<i64>,
    /// The type, such as `google_calendar` or `daily_video`.
    pub kind: String,
    /// The id in the other system.
    pub event_uid: Option<String>,
    /// The calendar that contains it.
    pub destination_calendar_id: Option<String>,
}

impl Client {
    /// Reassigns the booking to another host. Only for round-robin teams.
    ///
    /// # Errors
    /// See [`Client`]; `NoOtherHost` when no other host is free or exists.
    pub async fn reassign_booking(&self, credential: &Credential, uid: &str) -> Result<(), Error> {
        let request = Request::once("POST /v2/bookings/{uid}/reassign").fill(uid);
        self.call(credential, request).await.map(drop)
    }

    /// Reassigns the booking to this host. The old host receives the reason.
    ///
    /// # Errors
    /// See [`Client`].
    pub async fn reassign_booking_to(
        &self,
        credential: &Credential,
        uid: &str,
        user_id: i64,
        reason: Option<&str>,
    ) -> Result<(), Error> {
        let body = match reason {
            Some(reason) => json!({ "reason": reason }),
            None => json!({}),
        };
        let request = Request::idempotent("POST /v2/bookings/{uid}/reassign/{user}")
            .fill(uid)
            .fill(user_id)
            .json(&body);
        self.call(credential, request).await.map(drop)
    }

    /// Changes the location. No webhook is sent, and the response may still contain the old video
    /// link.
    ///
    /// # Errors
    /// See [`Client`].
    pub async fn set_booking_location(
        &self,
        credential: &Credential,
        uid: &str,
        location: &Location,
    ) -> Result<Booking, Error> {
        let body = json!({ "location": location });
        let request = Request::idempotent("PATCH /v2/bookings/{uid}/location")
            .fill(uid)
            .json(&body);
        self.call(credential, request)
            .await?
            .one("booking")
            .map(|found: Bookings| found.into_one(uid))
    }

    /// Adds up to ten guests. No webhook is sent.
    ///
    /// # Errors
    /// See [`Client`].
    pub async fn add_guests(
        &self,
        credential: &Credential,
        uid: &str,
        guests: &[NewGuest],
    ) -> Result<Booking, Error> {
        let request = Request::once("POST /v2/bookings/{uid}/guests")
            .fill(uid)
            .json(&json!({ "guests": guests }));
        self.call(credential, request)
            .await?
            .one("booking")
            .map(|found: Bookings| found.into_one(uid))
    }

    /// # Errors
    /// See [`Client`].
    pub async fn list_calendar_links(
        &self,
        credential: &Credential,
        uid: &str,
    ) -> Result<Vec<CalendarLink>, Error> {
        let request = Request::read("GET /v2/bookings/{uid}/calendar-links").fill(uid);
        self.call(credential, request).await?.all("calendar link")
    }

    /// # Errors
    /// See [`Client`].
    pub async fn list_references(
        &self,
        credential: &Credential,
        uid: &str,
    ) -> Result<Vec<Reference>, Error> {
        let request = Request::read("GET /v2/bookings/{uid}/references").fill(uid);
        self.call(credential, request).await?.all("reference")
    }
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Wire {
    id: Lenient<String>,
    label: Lenient<String>,
    link: Lenient<String>,
    r#type: Lenient<String>,
    event_uid: Lenient<String>,
    destination_calendar_id: Lenient<String>,
}

impl FromValue for CalendarLink {
    fn from_value(value: Value) -> Option<Self> {
        let wire: Wire = object(value)?;
        let label = wire.label.filled();
        let id = wire.id.filled().or_else(|| label.clone())?;
        Some(Self {
            id,
            label,
            link: wire.link.filled()?,
        })
    }
}

impl FromValue for Reference {
    fn from_value(value: Value) -> Option<Self> {
        let wire: Wire = object(value)?;
        Some(Self {
            id: wire.id.0.and_then(|id| id.parse().ok()),
            kind: wire.r#type.filled()?,
            event_uid: wire.event_uid.filled(),
            destination_calendar_id: wire.destination_calendar_id.filled(),
        })
    }
}
