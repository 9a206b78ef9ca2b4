//! Video apps that a user has connected at Cal.com. Cal Video (`daily-video`) needs no connection.

use serde::Deserialize;
use serde_json::Value;

use super::calendars::ConnectUrl;
use super::client::Client;
use super::credential::Credential;
use super::request::Request;
use crate::cal_com::Error;
use crate::lenient::{FromValue, Lenient, object};

/// A video app.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum VideoApp {
    /// Cal Video.
    CalVideo,
    /// Google Meet; it requires a connected Google calendar.
    GoogleMeet,
    /// Zoom, by OAuth.
    Zoom,
    /// Microsoft Teams, by OAuth.
    Teams,
}

impl VideoApp {
    /// Its name in paths of the API.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::CalVideo => "daily-video",
            Self::GoogleMeet => "google-meet",
            Self::Zoom => "zoom",
            Self::Teams => "msteams",
        }
    }

    /// Finds an app by any of Cal.com's names: in paths, as a type, or as a location.
    #[must_use]
    pub fn of_name(name: &str) -> Option<Self> {
        match name {
            "daily-video" | "daily_video" | "cal-video" => Some(Self::CalVideo),
            "google-meet" | "google_video" => Some(Self::GoogleMeet),
            "zoom" | "zoom_video" => Some(Self::Zoom),
            "msteams" | "office365_video" | "office365-video" => Some(Self::Teams),
            _ => None,
        }
    }
}

/// A connected app.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnectedVideo {
    /// Cal.com's numeric id.
    pub id: Option<i64>,
    /// Cal.com's type, such as `zoom_video`.
    pub kind: String,
    /// The connection is broken and must be renewed.
    pub invalid: bool,
}

/// The default location of meetings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DefaultVideo {
    /// The slug of the app, such as `zoom`.
    pub app: String,
    /// The URL, for an app that is a link.
    pub link: Option<String>,
}

impl Client {
    /// # Errors
    /// See [`Client`].
    pub async fn list_video_apps(
        &self,
        credential: &Credential,
    ) -> Result<Vec<ConnectedVideo>, Error> {
        self.call(credential, Request::read("GET /v2/conferencing"))
            .await?
            .all("app for video")
    }

    /// The default app; `None` when none was chosen, which means Cal Video.
    ///
    /// # Errors
    /// See [`Client`].
    pub async fn find_default_video_app(
        &self,
        credential: &Credential,
    ) -> Result<Option<DefaultVideo>, Error> {
        self.call(credential, Request::read("GET /v2/conferencing/default"))
            .await?
            .optional("app for video")
    }

    /// Connects Google Meet through the Google calendar, which must be connected.
    ///
    /// # Errors
    /// See [`Client`]; `AppNotConnected` without that calendar.
    pub async fn connect_google_meet(&self, credential: &Credential) -> Result<(), Error> {
        let request = Request::idempotent("POST /v2/conferencing/{app}/connect")
            .fill(VideoApp::GoogleMeet.as_str());
        self.call(credential, request).await.map(drop)
    }

    /// The URL where the user connects Zoom or Teams; it redirects to `back`, or to
    /// `back_on_error`.
    ///
    /// # Errors
    /// See [`Client`].
    pub async fn video_connect_url(
        &self,
        credential: &Credential,
        app: VideoApp,
        back: &str,
        back_on_error: &str,
    ) -> Result<ConnectUrl, Error> {
        let request = Request::read("GET /v2/conferencing/{app}/oauth/auth-url").fill(app.as_str());
        let request = request
            .query("returnTo", back)
            .query("onErrorReturnTo", back_on_error);
        self.call(credential, request)
            .await?
            .one("address to connect at")
    }

    /// # Errors
    /// See [`Client`]; `AppNotConnected`.
    pub async fn set_default_video_app(
        &self,
        credential: &Credential,
        app: VideoApp,
    ) -> Result<(), Error> {
        let request = Request::idempotent("POST /v2/conferencing/{app}/default").fill(app.as_str());
        self.call(credential, request).await.map(drop)
    }

    /// # Errors
    /// See [`Client`]; `AppNotConnected` when it is already disconnected.
    pub async fn disconnect_video_app(
        &self,
        credential: &Credential,
        app: VideoApp,
    ) -> Result<(), Error> {
        let request =
            Request::idempotent("DELETE /v2/conferencing/{app}/disconnect").fill(app.as_str());
        self.call(credential, request).await.map(drop)
    }
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Wire {
    id: Lenient<i64>,
    r#type: Lenient<String>,
    invalid: Lenient<bool>,
    app_slug: Lenient<String>,
    app_link: Lenient<String>,
}

impl FromValue for ConnectedVideo {
    fn from_value(value: Value) -> Option<Self> {
        let wire: Wire = object(value)?;
        Some(Self {
            id: wire.id.0,
            kind: wire.r#type.filled()?,
            invalid: wire.invalid.0.unwrap_or_default(),
        })
    }
}

impl FromValue for DefaultVideo {
    fn from_value(value: Value) -> Option<Self> {
        let wire: Wire = object(value)?;
        Some(Self {
            app: wire.app_slug.filled()?,
            link: wire.app_link.filled(),
        })
    }
}
