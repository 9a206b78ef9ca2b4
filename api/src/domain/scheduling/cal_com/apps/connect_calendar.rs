//! Connects a calendar whose provider asks for the owner's consent.

use entity::Uuid;
use providers::cal_com::CalendarApp;

use super::account_session::AccountSession;
use super::calendar::CalendarProvider;
use crate::app::App;
use crate::domain::{Caller, Error, Result};

/// The input of [`connect_calendar`].
#[derive(Clone, Debug)]
pub struct ConnectCalendar {
    /// The caller's own profile if `None`.
    pub coach_id: Option<Uuid>,
    pub provider: CalendarProvider,
    /// The final redirect of the browser.
    pub redirect_to: String,
}

/// Returns the URL of the consent page. For the coach's own browser only: it may contain a
/// credential of theirs.
///
/// # Errors
/// `Invalid` for a provider that is connected in another way and for a redirect that is not
/// allowed, `InvalidState` for anyone but the coach, `Account` when there is no working account
/// that is the coach's scheduler, `Unavailable`.
pub async fn connect_calendar(
    app: &App,
    caller: &Caller,
    input: ConnectCalendar,
) -> Result<String> {
    let calendar = match input.provider {
        CalendarProvider::Google => CalendarApp::Google,
        CalendarProvider::Office365 => CalendarApp::Office365,
        CalendarProvider::Apple => {
            return Err(Error::invalid(
                "provider",
                "is connected by connectAppleCalendar",
            ));
        }
        CalendarProvider::IcsFeed => {
            return Err(Error::invalid(
                "provider",
                "is connected by setCalendarFeeds",
            ));
        }
        CalendarProvider::Other => {
            return Err(Error::invalid("provider", "must be GOOGLE or OFFICE365"));
        }
    };
    require_allowed(app, "redirectTo", &input.redirect_to)?;
    let session = AccountSession::open(app, caller, input.coach_id).await?;
    session.require_own()?;
    let back = &input.redirect_to;
    let asked = session.write("calendar.start", |client, credential| async move {
        client
            .calendar_connect_url(&credential, calendar, back, None)
            .await
    });
    let page = match asked.await? {
        Ok(page) => page,
        Err(fault) => return Err(session.map_error(&fault).await),
    };
    Ok(page.url().to_string())
}

/// Refuses a redirect that is not on the operator's allow list.
pub(super) fn require_allowed(app: &App, field: &str, url: &str) -> Result<()> {
    if app.redirects.allows(url) {
        return Ok(());
    }
    Err(Error::invalid(
        field,
        "is not one of the addresses that browsers may be sent to",
    ))
}
