//! Calendars that a coach has connected at Cal.com: which are read for busy times, and which is
//! written to.

mod read;

use chrono::{DateTime, NaiveDate, Utc};
use reqwest::Url;
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use serde_json::json;

use super::client::Client;
use super::credential::Credential;
use super::request::Request;
use crate::error::Error;

/// Where calendars are.
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
    /// Their name of it in paths.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Google => "google",
            Self::Office365 => "office365",
            Self::Apple => "apple",
            Self::IcsFeed => "ics-feed",
        }
    }

    /// By the type that calendars are listed under, such as `google_calendar`; `None` for one that
    /// has no path of its own.
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

/// Where to send the coach to connect something. `Debug` does not show it: for a managed user,
/// Cal.com puts their access token into it, so it is for the coach's own browser and nobody else.
#[derive(Clone)]
pub struct ConnectUrl(Url);

impl ConnectUrl {
    /// For the coach's own browser.
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

/// What a coach has connected.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Calendars {
    /// By account.
    pub connected: Vec<ConnectedCalendar>,
    /// Where events are written; `None` when nowhere.
    pub destination: Option<CalendarKey>,
}

/// An account with calendars. `Debug` does not show its address.
#[derive(Clone, PartialEq, Eq)]
pub struct ConnectedCalendar {
    /// Needed to disconnect it and to read its busy times.
    pub credential_id: Option<i64>,
    /// Such as `google_calendar`.
    pub integration: Option<String>,
    /// The address that it has at the other side.
    pub address: Option<String>,
    /// Its calendars; none are known of an account in trouble.
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
    /// The other side no longer takes what was given: it must be connected again.
    AccessEnded,
    /// The other side did not answer, or not with calendars.
    Unreadable,
}

/// One calendar. `Debug` shows neither its name nor its id, which is often an address.
#[derive(Clone, PartialEq, Eq)]
pub struct Calendar {
    /// The calendar's own id.
    pub external_id: String,
    /// Such as `google_calendar`.
    pub integration: Option<String>,
    /// For people.
    pub name: Option<String>,
    /// The account's main one.
    pub primary: bool,
    /// Nothing can be written to it.
    pub read_only: bool,
    /// It is read for busy times.
    pub selected: bool,
    /// The account.
    pub credential_id: Option<i64>,
}

quiet_debug!(Calendar {
    integration,
    primary,
    read_only,
    selected,
    credential_id
});

/// Names a calendar. `Debug` does not show which.
#[derive(Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CalendarKey {
    /// Such as `google_calendar`.
    pub integration: String,
    /// The calendar's own id.
    pub external_id: String,
    /// The account. To select it is required, to write to it it is not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub credential_id: Option<i64>,
}

quiet_debug!(CalendarKey {
    integration,
    credential_id
});

/// Which busy times.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BusyQuery {
    /// The first day.
    pub from: NaiveDate,
    /// The last day.
    pub to: NaiveDate,
    /// IANA: whose days they are.
    pub time_zone: String,
    /// Of these calendars, each by account and its own id.
    pub calendars: Vec<(i64, String)>,
}

/// Somebody is busy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BusyTime {
    /// From.
    pub starts_at: DateTime<Utc>,
    /// To.
    pub ends_at: DateTime<Utc>,
    /// Which calendar says so, if they tell.
    pub source: Option<String>,
}

impl Client {
    /// What is connected, and where events are written.
    ///
    /// # Errors
    /// See [`Client`].
    pub async fn list_calendars(&self, credential: &Credential) -> Result<Calendars, Error> {
        self.call(credential, Request::read("GET /v2/calendars"))
            .await?
            .one("calendars")
    }

    /// Where to send the coach to connect Google or Microsoft; they come back to `back`. A dry run
    /// asks for consent and stores nothing.
    ///
    /// # Errors
    /// See [`Client`]; `Rejected` for what is not connected by OAuth.
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

    /// Connects feeds, to be read only. There is one credential for all feeds: these take the place
    /// of those before.
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

    /// Asks whether the calendars of an app can be read.
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

    /// Forgets an account.
    ///
    /// # Errors
    /// See [`Client`]; the kind is `NotFound` when there is nothing left to do.
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

    /// Chooses where events are written.
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

    /// Reads a calendar for busy times from now on.
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

    /// Reads it no more.
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

    /// When the owner of calendars is busy.
    ///
    /// # Errors
    /// See [`Client`]; `NotOwner` for somebody else's account, which is not about the credential.
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
