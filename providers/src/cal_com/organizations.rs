//! All people of the platform's organization at once, with the platform client's own credential: no
//! coach's token is needed to read everybody's bookings, hours and absences.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::bookings::{BookingFilter, Page, page};
use super::client::Client;
use super::credential::Credential;
use super::lax::{FromValue, Lax, object};
use super::request::Request;
use super::schedules::{Schedule, ScheduleChange};
use super::users::User;
use crate::error::Error;

/// Somebody is away; the slots of that time are gone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Absence {
    /// Their number.
    pub id: i64,
    /// Their other name of it.
    pub uuid: Option<String>,
    /// Who.
    pub user_id: Option<i64>,
    /// Who takes over.
    pub to_user_id: Option<i64>,
    /// From.
    pub starts_at: DateTime<Utc>,
    /// To.
    pub ends_at: DateTime<Utc>,
    /// `vacation`, `travel`, `sick`, `public_holiday` or `unspecified`.
    pub reason: Option<String>,
    /// For colleagues.
    pub notes: Option<String>,
}

/// An absence to make, or what is changed of one; `None` stays as it is. To make, both ends are
/// required.
#[derive(Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AbsenceChange {
    /// From.
    #[serde(rename = "start", skip_serializing_if = "Option::is_none")]
    pub starts_at: Option<DateTime<Utc>>,
    /// To.
    #[serde(rename = "end", skip_serializing_if = "Option::is_none")]
    pub ends_at: Option<DateTime<Utc>>,
    /// `vacation`, `travel`, `sick`, `public_holiday` or `unspecified`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// For colleagues.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub notes: Option<String>,
    /// Who takes over.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to_user_id: Option<i64>,
}

quiet_debug!(AbsenceChange {
    starts_at,
    ends_at,
    reason
});

impl Client {
    /// Bookings of everybody, or of those in `filter.user_ids`.
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

    /// Bookings of one person.
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

    /// Everybody, the platform's owner included.
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

    /// One person's hours.
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

    /// One person's absences.
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

    /// Takes somebody's time away. No webhook tells of it, and bookings in it stay.
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
    id: Lax<i64>,
    uuid: Lax<String>,
    user_id: Lax<i64>,
    to_user_id: Lax<i64>,
    start: Lax<DateTime<Utc>>,
    end: Lax<DateTime<Utc>>,
    reason: Lax<String>,
    notes: Lax<String>,
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
