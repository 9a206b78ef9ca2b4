//! Reads a coach's account while a client waits.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use entity::Uuid;

use super::account_session::AccountSession;
use crate::app::App;
use crate::domain::coach::is_managed_by;
use crate::domain::connection::Action;
use crate::domain::{Caller, Conflict, Error, Result};

/// Timeout of one call that only reads.
const BUDGET: Duration = Duration::from_secs(3);
/// Timeout of the whole inspection, including the renewal of a token.
const PATIENCE: Duration = Duration::from_secs(4);

/// The outcome of an inspection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Inspection<T> {
    /// The result, and when it was read.
    Read(T, DateTime<Utc>),
    /// It cannot be read before a person acts.
    NeedsAction { action: Action, message: String },
    /// It cannot be read at present.
    Unavailable { message: String },
}

/// Reads from a coach's account. Continues after a timeout, so that a token renewed for it is not
/// lost.
///
/// # Errors
/// `NotFound` for a coach whom the caller does not manage. A failed read is an outcome.
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

/// Opens an account for reading.
///
/// # Errors
/// `Account` when there is no working account that is the coach's scheduler.
pub(super) async fn session(app: &App, coach_id: Uuid) -> Result<AccountSession<'_>> {
    AccountSession::of(app, coach_id, BUDGET).await
}
