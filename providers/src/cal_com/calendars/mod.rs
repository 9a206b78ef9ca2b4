//! Calendars that a user has connected at Cal.com: which are read for busy times, and which one
//! events are written to.

mod read;

use chrono::{DateTime, NaiveDate, Utc};
use reqwest::Url;
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use serde_json::json;

use super::client::Client;
use super::credential::Credential;
use super::request::Request;
use crate::cal_com::Error;

/// A calendar service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CalendarApp {
    /// Google, by OAuth.
    Google,
    /// Microsoft 365, by OAuth.
    Office365,
    /// Apple, by user name and app password.
    Apple,
    /// Feeds, by their URLs.
    IcsFeed,
}

impl CalendarApp {
    /// Its name in paths of the API.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Google => "google",
            Self::Office365 => "office365",
            Self::Apple => "apple",
            Self::IcsFeed => "ics-feed",
        }
    }

    /// Finds a service by the type of a listed calendar, such as `google_calendar`; `None` for one
    /// without a path in the API.
    #[must_use]
    pub fn of_integration(integration: &str) -> Option<Self> {
        match integration {
            "google_calendar" => Some(Self::Google),
            "office365_calendar" => Some(Self::Office365),
            "apple_calendar" => Some(Self::Apple),
            "ics-feed_calendar" => Some(Self::IcsFeed),
            _ => None,
        }
    }
}

/// The URL where a user connects an app. `Debug` does not show it: for a managed user, it contains
/// the access token, so only the user's own browser may receive it.
#[derive(Clone)]
pub struct ConnectUrl(Url);

impl ConnectUrl {
    /// Only for the user's own browser.
    #[must_use]
    pub const fn url(&self) -> &Url {
        &self.0
    }
}

impl std::fmt::Debug for ConnectUrl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ConnectUrl({})", self.0.host_str().unwrap_or_default())
    }
}

/// The calendars that a user has connected.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Calendars {
    /// The calendars by account.
    pub connected: Vec<ConnectedCalendar>,
    /// The calendar that events are written to, if any.
    pub destination: Option<CalendarKey>,
}

/// An account with calendars. `Debug` does not show its address.
#[derive(Clone, PartialEq, Eq)]
pub struct ConnectedCalendar {
    /// Needed to disconnect it and to read its busy times.
    pub credential_id: Option<i64>,
    /// Cal.com's type, such as `google_calendar`.
    pub integration: Option<String>,
    /// The account's address at the service.
    pub address: Option<String>,
    /// Its calendars; empty for a broken account.
    pub calendars: Vec<Calendar>,
    /// Why its calendars could not be read.
    pub trouble: Option<CalendarTrouble>,
}

quiet_debug!(ConnectedCalendar {
    credential_id,
    integration,
    calendars,
    trouble
});

/// Why Cal.com could not read the calendars of an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CalendarTrouble {
    /// The service no longer accepts the credential: the account must be connected again.
    AccessEnded,
    /// The service did not respond, or not with calendars.
    Unreadable,
}

/// One calendar. `Debug` shows neither its name nor its id, which is often an address.
#[derive(Clone, PartialEq, Eq)]
pub struct Calendar {
    /// The calendar's own id.
    pub external_id: String,
    /// Cal.com's type, such as `google_calendar`.
    pub integration: Option<String>,
    /// The display name.
    pub name: Option<String>,
    /// It is the account's primary calendar.
    pub primary: bool,
    /// It is read-only.
    pub read_only: bool,
    /// It is read for busy times.
    pub selected: bool,
    /// The credential id of the account.
    pub credential_id: Option<i64>,
}

quiet_debug!(Calendar {
    integration,
    primary,
    read_only,
    selected,
    credential_id
});

/// Identifies a calendar. `Debug` does not show which.
#[derive(Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CalendarKey {
    /// Cal.com's type, such as `google_calendar`.
    pub integration: String,
    /// The calendar's own id.
    pub external_id: String,
    /// The account's credential id. Required to read busy times, optional for the calendar that is
    /// written to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub credential_id: Option<i64>,
}

quiet_debug!(CalendarKey {
    integration,
    credential_id
});

/// A query for busy times.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BusyQuery {
    /// The first day.
    pub from: NaiveDate,
    /// The last day.
    pub to: NaiveDate,
    /// The IANA time zone of these days.
    pub time_zone: String,
    /// The calendars, each by account and its own id.
    pub calendars: Vec<(i64, String)>,
}

/// A busy time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BusyTime {
    /// The start.
    pub starts_at: DateTime<Utc>,
    /// The end.
    pub ends_at: DateTime<Utc>,
    /// The calendar it comes from, if known.
    pub source: Option<String>,
}

impl Client {
    /// Lists the connected calendars, and the one that events are written to.
    ///
    /// # Errors
    /// See [`Client`].
    pub async fn list_calendars(&self, credential: &Credential) -> Result<Calendars, Error> {
        self.call(credential, Request::read("GET /v2/calendars"))
            .await?
            .one("calendars")
    }

    /// The URL where the user connects Google or Microsoft; it redirects to `back`. A dry run asks
    /// for consent and stores nothing.
    ///
    /// # Errors
    /// See [`Client`]; `Rejected` for a service without OAuth.
    pub async fn calendar_connect_url(
        &self,
        credential: &Credential,
        app: CalendarApp,
        back: &str,
        dry_run: Option<bool>,
    ) -> Result<ConnectUrl, Error> {
        let request = Request::read("GET /v2/calendars/{calendar}/connect").fill(app.as_str());
        let request = request.maybe("isDryRun", dry_run).query("redir", back);
        self.call(credential, request)
            .await?
            .one("address to connect at")
    }

    /// Connects Apple's calendars by an app password.
    ///
    /// # Errors
    /// See [`Client`].
    pub async fn connect_apple_calendar(
        &self,
        credential: &Credential,
        username: &str,
        password: &SecretString,
    ) -> Result<(), Error> {
        let body = json!({ "username": username, "password": password.expose_secret() });
        let request = Request::idempotent("POST /v2/calendars/{calendar}/credentials")
            .fill("apple")
            .json(&body);
        self.call(credential, request).await.map(drop)
    }

    /// Connects read-only feeds. There is one credential for all feeds: these replace the previous
    /// ones.
    ///
    /// # Errors
    /// See [`Client`]; `Rejected` when one of them cannot be read.
    pub async fn connect_ics_feeds(
        &self,
        credential: &Credential,
        urls: &[String],
    ) -> Result<(), Error> {
        let body = json!({ "urls": urls, "readOnly": true });
        let request = Request::idempotent("POST /v2/calendars/ics-feed/save").json(&body);
        self.call(credential, request).await.map(drop)
    }

    /// Checks whether the calendars of a service can be read.
    ///
    /// # Errors
    /// See [`Client`]; `AppNotConnected` when there are none.
    pub async fn check_calendar(
        &self,
        credential: &Credential,
        app: CalendarApp,
    ) -> Result<(), Error> {
        let request = Request::read("GET /v2/calendars/{calendar}/check").fill(app.as_str());
        self.call(credential, request).await.map(drop)
    }

    /// Disconnects an account.
    ///
    /// # Errors
    /// See [`Client`]; the kind is `NotFound` when it is already deleted.
    pub async fn disconnect_calendar(
        &self,
        credential: &Credential,
        app: CalendarApp,
        credential_id: i64,
    ) -> Result<(), Error> {
        let request =
            Request::idempotent("POST /v2/calendars/{calendar}/disconnect").fill(app.as_str());
        self.call(credential, request.json(&json!({ "id": credential_id })))
            .await
            .map(drop)
    }

    /// Sets the calendar that events are written to.
    ///
    /// # Errors
    /// See [`Client`].
    pub async fn set_destination_calendar(
        &self,
        credential: &Credential,
        calendar: &CalendarKey,
    ) -> Result<(), Error> {
        let body =
            json!({ "integration": calendar.integration, "externalId": calendar.external_id });
        let request = Request::idempotent("PUT /v2/destination-calendars").json(&body);
        self.call(credential, request).await.map(drop)
    }

    /// Adds a calendar to those that are read for busy times.
    ///
    /// # Errors
    /// See [`Client`].
    pub async fn select_calendar(
        &self,
        credential: &Credential,
        calendar: &CalendarKey,
    ) -> Result<(), Error> {
        let request = Request::idempotent("POST /v2/selected-calendars").json(calendar);
        self.call(credential, request).await.map(drop)
    }

    /// Removes a calendar from those that are read for busy times.
    ///
    /// # Errors
    /// See [`Client`].
    pub async fn deselect_calendar(
        &self,
        credential: &Credential,
        calendar: &CalendarKey,
    ) -> Result<(), Error> {
        let request = Request::idempotent("DELETE /v2/selected-calendars")
            .query("integration", &calendar.integration)
            .query("externalId", &calendar.external_id)
            .maybe("credentialId", calendar.credential_id);
        self.call(credential, request).await.map(drop)
    }

    /// Lists the busy times of calendars.
    ///
    /// # Errors
    /// See [`Client`]; `NotOwner` for another user's account, which is not about the credential.
    pub async fn list_busy_times(
        &self,
        credential: &Credential,
        query: &BusyQuery,
    ) -> Result<Vec<BusyTime>, Error> {
        let mut request = Request::read("GET /v2/calendars/busy-times")
            .query("loggedInUsersTz", &query.time_zone)
            .query("dateFrom", query.from)
            .query("dateTo", query.to);
        for (index, (account, calendar)) in query.calendars.iter().enumerate() {
            request = request
                .query(format!("calendarsToLoad[{index}][credentialId]"), account)
                .query(format!("calendarsToLoad[{index}][externalId]"), calendar);
        }
        self.call(credential, request).await?.all("busy time")
    }
}
