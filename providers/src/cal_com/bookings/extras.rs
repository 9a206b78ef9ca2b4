//! What else can be asked about one booking.

use serde::Deserialize;
use serde_json::{Value, json};

use super::{Booking, Bookings, Location, NewGuest};
use crate::cal_com::client::Client;
use crate::cal_com::credential::Credential;
use crate::cal_com::lax::{FromValue, Lax, object};
use crate::cal_com::request::Request;
use crate::error::Error;

/// A link that puts the booking into somebody's calendar. Titles in it are not encoded; better make
/// one's own.
#[derive(Clone, PartialEq, Eq)]
pub struct CalendarLink {
    /// Such as `googleCalendar`, `microsoftOffice`, `microsoftOutlook` or `ics`.
    pub id: String,
    /// For people.
    pub label: Option<String>,
    /// A URL, for `ics` one with all the data in it.
    pub link: String,
}

quiet_debug!(CalendarLink { id });

/// What a booking is elsewhere: an event in a calendar, a room for video.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference {
    /// Their number.
    pub id: Option<i64>,
    /// Such as `google_calendar` or `daily_video`.
    pub kind: String,
    /// The other side's id.
    pub event_uid: Option<String>,
    /// In which calendar.
    pub destination_calendar_id: Option<String>,
}

impl Client {
    /// Gives the booking to another host. Only of a team that takes turns.
    ///
    /// # Errors
    /// See [`Client`]; `NoOtherHost` when nobody else is free, or there is nobody else.
    pub async fn reassign_booking(&self, credential: &Credential, uid: &str) -> Result<(), Error> {
        let request = Request::once("POST /v2/bookings/{uid}/reassign").fill(uid);
        self.call(credential, request).await.map(drop)
    }

    /// Gives the booking to this host. The reason goes to the old one.
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

    /// Changes where it takes place. No webhook tells of it, and the answer may still show an old
    /// video link.
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

    /// Adds up to ten people. No webhook tells of it.
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
    id: Lax<String>,
    label: Lax<String>,
    link: Lax<String>,
    r#type: Lax<String>,
    event_uid: Lax<String>,
    destination_calendar_id: Lax<String>,
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
