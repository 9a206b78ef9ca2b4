//! Connects video apps.

use entity::Uuid;

use super::account_session::AccountSession;
use super::connect_calendar::require_allowed;
use super::video::VideoApp;
use crate::app::App;
use crate::domain::{Caller, Error, Result};

/// The input of [`connect_video_app`].
#[derive(Clone, Debug)]
pub struct ConnectVideo {
    /// The caller's own profile if `None`.
    pub coach_id: Option<Uuid>,
    pub app: VideoApp,
    /// The final redirect of the browser.
    pub redirect_to: String,
    /// The redirect after a failure; `redirect_to` if `None`.
    pub redirect_on_error: Option<String>,
}

/// Returns the URL of the consent page. For the coach's own browser only: it may contain a
/// credential of theirs.
///
/// # Errors
/// `Invalid` for an app that is connected in another way and for a redirect that is not allowed,
/// `InvalidState` for anyone but the coach, `Account` when there is no working account that is the
/// coach's scheduler, `Unavailable`.
pub async fn connect_video_app(app: &App, caller: &Caller, input: ConnectVideo) -> Result<String> {
    match input.app {
        VideoApp::Zoom | VideoApp::Office365Video => {}
        VideoApp::GoogleMeet => {
            return Err(Error::invalid("app", "is connected by connectGoogleMeet"));
        }
        VideoApp::CalVideo => return Err(Error::invalid("app", "is always there")),
    }
    let (back, wanted) = (&input.redirect_to, input.app.wire());
    require_allowed(app, "redirectTo", back)?;
    let on_error = input.redirect_on_error.as_ref().unwrap_or(back);
    require_allowed(app, "redirectOnError", on_error)?;
    let session = AccountSession::open(app, caller, input.coach_id).await?;
    session.require_own()?;
    let asked = session.write("video.start", |client, credential| async move {
        client
            .video_connect_url(&credential, wanted, back, on_error)
            .await
    });
    let page = match asked.await? {
        Ok(page) => page,
        Err(fault) => return Err(session.map_error(&fault).await),
    };
    Ok(page.url().to_string())
}

/// Connects Google Meet through the connected Google calendar. Returns the coach's id.
///
/// # Errors
/// `AppMissing` without such a calendar, `Account` when there is no working account that is the
/// coach's scheduler, `Unavailable`.
pub async fn connect_google_meet(
    app: &App,
    caller: &Caller,
    coach_id: Option<Uuid>,
) -> Result<Uuid> {
    let session = AccountSession::open(app, caller, coach_id).await?;
    let asked = session.write("video.connect", |client, credential| async move {
        client.connect_google_meet(&credential).await
    });
    if let Err(fault) = asked.await? {
        return Err(session.map_error(&fault).await);
    }
    Ok(session.coach_id)
}
