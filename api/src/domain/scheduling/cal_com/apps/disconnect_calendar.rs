//! Disconnects calendar accounts.

use entity::Uuid;
use providers::Kind;

use super::account_session::{AccountSession, refused};
use super::calendar::require;
use crate::app::App;
use crate::domain::{Caller, Result};

/// Disconnects an account: its calendars no longer make the coach busy, and no booking is written
/// to them.
///
/// # Errors
/// `NotFound`, `Account` when there is no working account at Cal.com that is the coach's scheduler,
/// `Refused` for an account that cannot be disconnected here, `Unavailable`.
pub async fn disconnect_calendar(
    app: &App,
    caller: &Caller,
    coach_id: Option<Uuid>,
    account_id: Uuid,
) -> Result<Uuid> {
    let session = AccountSession::open(app, caller, coach_id).await?;
    let account = require(&session, account_id).await?;
    let Some((calendar, credential_id)) = account.app.zip(account.credential_id) else {
        return Err(refused(
            "an account of this provider can only be disconnected in Cal.com's own pages",
        ));
    };
    let asked = session.write("calendar.disconnect", |client, credential| async move {
        client
            .disconnect_calendar(&credential, calendar, credential_id)
            .await
    });
    match asked.await? {
        Ok(()) => {}
        // A concurrent call has disconnected it.
        Err(fault) if fault.kind == Kind::NotFound => {}
        Err(fault) => return Err(session.map_error(&fault).await),
    }
    Ok(account_id)
}
