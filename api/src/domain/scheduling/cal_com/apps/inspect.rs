//! Looking into a coach's account while somebody waits.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use entity::Uuid;

use super::account_session::AccountSession;
use crate::app::App;
use crate::domain::coach::is_managed_by;
use crate::domain::connection::Action;
use crate::domain::{Caller, Conflict, Error, Result};

/// How long one call may take that only reads.
const BUDGET: Duration = Duration::from_secs(3);
/// How long anyone waits for all of it, a new token included.
const PATIENCE: Duration = Duration::from_secs(4);

/// What came of a inspect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Inspection<T> {
    /// What is there, and since when that is known.
    Read(T, DateTime<Utc>),
    /// It cannot be read before somebody does something.
    NeedsAction { action: Action, message: String },
    /// It cannot be read at present.
    Unavailable { message: String },
}

/// Reads something of a coach's account. The work goes on when nobody waits any more: a token that
/// was renewed for it must not get lost.
///
/// # Errors
/// `NotFound` for a coach whom the caller does not manage. That something cannot be read is an
/// outcome.
pub(super) async fn inspect<T, F>(
    app: &Arc<App>,
    caller: &Caller,
    coach_id: Uuid,
    read: impl FnOnce(Arc<App>, Uuid) -> F,
) -> Result<Inspection<T>>
where
    T: Send + 'static,
    F: Future<Output = Result<T>> + Send + 'static,
{
    if !is_managed_by(caller, coach_id) {
        return Err(Error::NotFound("coach"));
    }
    let work = app.tasks.spawn(read(Arc::clone(app), coach_id));
    let unavailable = |message: &str| {
        Ok(Inspection::Unavailable {
            message: message.to_owned(),
        })
    };
    let Ok(done) = tokio::time::timeout(PATIENCE, work).await else {
        return unavailable("Cal.com does not answer at present; try again later");
    };
    match done.map_err(|error| Error::internal("a inspect into an account", error))? {
        Ok(found) => Ok(Inspection::Read(found, app.clock.now())),
        Err(Error::Conflict(Conflict::Account { message, action })) => {
            Ok(Inspection::NeedsAction {
                action,
                message: message.to_owned(),
            })
        }
        Err(Error::Unavailable(message)) => unavailable(message),
        Err(Error::Conflict(why)) => unavailable(&why.to_string()),
        Err(error) => Err(error),
    }
}

/// An account to read from.
///
/// # Errors
/// `Account` when there is none that works and keeps the coach's time.
pub(super) async fn session(app: &App, coach_id: Uuid) -> Result<AccountSession<'_>> {
    AccountSession::of(app, coach_id, BUDGET).await
}
