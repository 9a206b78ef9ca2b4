//! Checks whether a calendar account works.

use entity::Uuid;
use providers::Kind;

use super::account_session::{AccountSession, refused};
use super::calendar::{CalendarAccount, CalendarAccountStatus, require};
use crate::app::App;
use crate::domain::{Caller, Result};

/// Lets Cal.com check an account now. A broken account is an outcome, not an error.
///
/// # Errors
/// `NotFound`, `Account` when there is no working account at Cal.com that is the coach's scheduler,
/// `Refused` for an account that cannot be checked, `Unavailable`.
pub async fn check_calendar_account(
    app: &App,
    caller: &Caller,
    coach_id: Option<Uuid>,
    account_id: Uuid,
) -> Result<CalendarAccount> {
    let session = AccountSession::open(app, caller, coach_id).await?;
    let account = require(&session, account_id).await?;
    let Some(calendar) = account.app else {
        return Err(refused("Cal.com cannot try an account of this provider"));
    };
    match session
        .ask(|client, credential| async move { client.check_calendar(&credential, calendar).await })
        .await
    {
        Ok(()) => Ok(account),
        Err(fault) if fault.kind == Kind::Rejected => Ok(CalendarAccount {
            status: CalendarAccountStatus::NeedsReconnecting,
            calendars: None,
            ..account
        }),
        Err(fault) => Err(session.map_error(&fault).await),
    }
}
