//! Connecting Apple's calendars, whose owner makes a password for the purpose.

use entity::Uuid;
use providers::Kind;
use secrecy::{ExposeSecret as _, SecretString};

use super::account_session::AccountSession;
use crate::app::App;
use crate::domain::text::Problems;
use crate::domain::{Caller, Error, Result};

/// What Apple knows the coach by. It is handed on and kept nowhere here.
pub struct Apple {
    /// The caller's own profile when left out.
    pub coach_id: Option<Uuid>,
    pub username: SecretString,
    pub app_password: SecretString,
}

/// Connects Apple's calendars. Gives whose they are.
///
/// # Errors
/// `Invalid` for a user name or password that cannot be one, or that Apple does not accept;
/// `Account` when there is no account that works and keeps the coach's time; `Unavailable`.
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
