//! Endpoints about all members of the platform's organization. They use the platform client's
//! credential, so bookings, hours and absences are read without the members' tokens.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::bookings::{BookingFilter, Page, page};
use super::client::Client;
use super::credential::Credential;
use super::request::Request;
use super::schedules::{Schedule, ScheduleChange};
use super::users::User;
use crate::cal_com::Error;
use crate::lenient::{FromValue, Lenient, object};

/// A user's absence, during which there are no slots.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Absence {
    /// Cal.com's numeric id.
    pub id: i64,
    /// Cal.com's UUID.
    pub uuid: Option<String>,
    /// The absent user.
    pub user_id: Option<i64>,
    /// The user who takes over.
    pub to_user_id: Option<i64>,
    /// The start.
    pub starts_at: DateTime<Utc>,
    /// The end.
    pub ends_at: DateTime<Utc>,
    /// `vacation`, `travel`, `sick`, `public_holiday` or `unspecified`.
    pub reason: Option<String>,
    /// A note for colleagues.
    pub notes: Option<String>,
}

/// An absence to create, or the changes to one; `None` leaves a field unchanged. To create, start
/// and end are required.
#[derive(Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AbsenceChange {
    /// The start.
    #[serde(rename = "start", skip_serializing_if = "Option::is_none")]
    pub starts_at: Option<DateTime<Utc>>,
    /// The end.
    #[serde(rename = "end", skip_serializing_if = "Option::is_none")]
    pub ends_at: Option<DateTime<Utc>>,
    /// `vacation`, `travel`, `sick`, `public_holiday` or `unspecified`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// A note for colleagues.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub notes: Option<String>,
    /// The user who takes over.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to_user_id: Option<i64>,
}

quiet_debug!(AbsenceChange {
    starts_at,
    ends_at,
    reason
});

impl Client {
    /// Lists the bookings of all members, or of those in `filter.user_ids`.
    ///
    /// # Errors
    /// See [`Client`]; `Forbidden` when the organization's plan does not include it.
    pub async fn list_organization_bookings(&self, filter: &BookingFilter) -> Result<Page, Error> {
        let request =
            Request::read("GET /v2/organizations/{org}/bookings").fill(self.organization()?);
        page(
            self.call(&Credential::Platform, filter.fill(request))
                .await?,
            filter,
        )
    }

    /// Lists the bookings of one user.
    ///
    /// # Errors
    /// See [`Client`].
    pub async fn list_user_bookings(
        &self,
        user_id: i64,
        filter: &BookingFilter,
    ) -> Result<Page, Error> {
        let request = self.of_user(
            "GET /v2/organizations/{org}/users/{user}/bookings",
            Request::read,
            user_id,
        )?;
        page(
            self.call(&Credential::Platform, filter.fill(request))
                .await?,
            filter,
        )
    }

    /// Lists all members, the platform's owner included.
    ///
    /// # Errors
    /// See [`Client`].
    pub async fn list_organization_users(
        &self,
        emails: &[String],
        take: Option<u32>,
        skip: Option<u32>,
    ) -> Result<Vec<User>, Error> {
        let request = Request::read("GET /v2/organizations/{org}/users").fill(self.organization()?);
        let request = request
            .list("emails", emails)
            .maybe("take", take)
            .maybe("skip", skip);
        self.call(&Credential::Platform, request).await?.all("user")
    }

    /// Lists one user's schedules.
    ///
    /// # Errors
    /// See [`Client`].
    pub async fn list_user_schedules(&self, user_id: i64) -> Result<Vec<Schedule>, Error> {
        let request = self.of_user(
            "GET /v2/organizations/{org}/users/{user}/schedules",
            Request::read,
            user_id,
        )?;
        self.call(&Credential::Platform, request)
            .await?
            .all("schedule")
    }

    /// # Errors
    /// See [`Client`].
    pub async fn update_user_schedule(
        &self,
        user_id: i64,
        schedule_id: i64,
        change: &ScheduleChange,
    ) -> Result<Schedule, Error> {
        let route = "PATCH /v2/organizations/{org}/users/{user}/schedules/{id}";
        let request = self
            .of_user(route, Request::idempotent, user_id)?
            .fill(schedule_id)
            .json(change);
        self.call(&Credential::Platform, request)
            .await?
            .one("schedule")
    }

    /// Lists one user's absences.
    ///
    /// # Errors
    /// See [`Client`].
    pub async fn list_absences(
        &self,
        user_id: i64,
        take: Option<u32>,
        skip: Option<u32>,
    ) -> Result<Vec<Absence>, Error> {
        let request = self.of_user(
            "GET /v2/organizations/{org}/users/{user}/ooo",
            Request::read,
            user_id,
        )?;
        self.call(
            &Credential::Platform,
            request.maybe("take", take).maybe("skip", skip),
        )
        .await?
        .all("absence")
    }

    /// Creates an absence. No webhook is sent, and existing bookings stay.
    ///
    /// # Errors
    /// See [`Client`].
    pub async fn create_absence(
        &self,
        user_id: i64,
        absence: &AbsenceChange,
    ) -> Result<Absence, Error> {
        let request = self.of_user(
            "POST /v2/organizations/{org}/users/{user}/ooo",
            Request::once,
            user_id,
        )?;
        self.call(&Credential::Platform, request.json(absence))
            .await?
            .one("absence")
    }

    /// # Errors
    /// See [`Client`].
    pub async fn update_absence(
        &self,
        user_id: i64,
        id: i64,
        change: &AbsenceChange,
    ) -> Result<Absence, Error> {
        let route = "PATCH /v2/organizations/{org}/users/{user}/ooo/{id}";
        let request = self
            .of_user(route, Request::idempotent, user_id)?
            .fill(id)
            .json(change);
        self.call(&Credential::Platform, request)
            .await?
            .one("absence")
    }

    /// # Errors
    /// See [`Client`].
    pub async fn delete_absence(&self, user_id: i64, id: i64) -> Result<(), Error> {
        let route = "DELETE /v2/organizations/{org}/users/{user}/ooo/{id}";
        let request = self.of_user(route, Request::idempotent, user_id)?.fill(id);
        self.call(&Credential::Platform, request).await.map(drop)
    }

    fn of_user(
        &self,
        route: &'static str,
        with: fn(&'static str) -> Request,
        user_id: i64,
    ) -> Result<Request, Error> {
        Ok(with(route).fill(self.organization()?).fill(user_id))
    }
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Wire {
    id: Lenient<i64>,
    uuid: Lenient<String>,
    user_id: Lenient<i64>,
    to_user_id: Lenient<i64>,
    start: Lenient<DateTime<Utc>>,
    end: Lenient<DateTime<Utc>>,
    reason: Lenient<String>,
    notes: Lenient<String>,
}

impl FromValue for Absence {
    fn from_value(value: Value) -> Option<Self> {
        let wire: Wire = object(value)?;
        Some(Self {
            id: wire.id.0?,
            uuid: wire.uuid.filled(),
            user_id: wire.user_id.0,
            to_user_id: wire.to_user_id.0,
            starts_at: wire.start.0?,
            ends_at: wire.end.0?,
            reason: wire.reason.filled(),
            notes: wire.notes.filled(),
        })
    }
}
