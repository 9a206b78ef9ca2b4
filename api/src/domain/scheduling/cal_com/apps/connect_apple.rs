//! Connects Apple calendars, with an app-specific password.

use entity::Uuid;
use providers::Kind;
use secrecy::{ExposeSecret as _, SecretString};

use super::account_session::AccountSession;
use crate::app::App;
use crate::domain::text::Problems;
use crate::domain::{Caller, Error, Result};

/// The coach's Apple credentials. Sent to Cal.com and not stored here.
pub struct Apple {
    /// The caller's own profile if `None`.
    pub coach_id: Option<Uuid>,
    pub username: SecretString,
    pub app_password: SecretString,
}

/// Connects Apple calendars. Returns the coach's id.
///
/// # Errors
/// `Invalid` for a malformed user name or password, or one that Apple refuses; `Account` when there
/// is no working account that is the coach's scheduler; `Unavailable`.
pub async fn connect_apple_calendar(app: &App, caller: &Caller, input: Apple) -> Result<Uuid> {
    let (username, password) = (input.username.expose_secret().trim(), &input.app_password);
    let mut problems = Problems::default();
    problems.line("username", username, 254);
    problems.line("appPassword", password.expose_secret(), 200);
    problems.finish()?;
    let session = AccountSession::open(app, caller, input.coach_id).await?;
    let asked = session.write("calendar.connect", |client, credential| async move {
        client
            .connect_apple_calendar(&credential, username, password)
            .await
    });
    if let Err(fault) = asked.await? {
        return Err(match (&fault.refusal, fault.kind) {
            (None, Kind::Rejected) => Error::invalid(
                "appPassword",
                "Apple does not accept this user name and app password",
            ),
            _ => session.map_error(&fault).await,
        });
    }
    Ok(session.coach_id)
}
