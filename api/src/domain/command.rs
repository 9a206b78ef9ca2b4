//! Commands: what a person wants done, as the transaction that does it gets it.

use chrono::{DateTime, Utc};
use entity::Uuid;
use entity::booking_event::ActorKind;

use super::{Caller, Cause, Person, Result, audit};
use crate::app::App;
use crate::db::Txn;

/// The input of a transaction that a person asked for.
#[derive(Clone, Debug)]
pub(crate) struct Command<I> {
    pub(crate) author: Author,
    pub(crate) input: I,
}

/// Who gave a command, and when.
#[derive(Clone, Debug)]
pub(crate) struct Author {
    pub(crate) person: Person,
    pub(crate) now: DateTime<Utc>,
    pub(crate) correlation_id: String,
}

impl<I> Command<I> {
    /// A command of the caller.
    ///
    /// # Errors
    /// `Unauthenticated` when nobody has signed in, `Forbidden` when the person is suspended.
    pub(crate) fn new(app: &App, caller: &Caller, input: I) -> Result<Self> {
        let author = Author {
            person: caller.require_person()?.clone(),
            now: app.clock.now(),
            correlation_id: caller.correlation_id.clone(),
        };
        Ok(Self { author, input })
    }
}

impl Author {
    /// The cause of what follows in the history of a booking, on which the person acts as `by`.
    pub(crate) fn cause(&self, by: ActorKind) -> Cause {
        Cause::person(by, &self.person, &self.correlation_id, self.now)
    }

    /// Writes an audit entry. `subject` is the global id of what was changed.
    pub(crate) async fn audit(&self, txn: &Txn, action: &str, subject: &str) -> Result<()> {
        let entry = audit::Entry {
            actor_id: Some(self.person.user_id),
            impersonator: self.person.impersonator.clone(),
            action,
            subject,
            correlation_id: &self.correlation_id,
        };
        audit::record(txn, entry, self.now).await
    }

    /// Writes an audit entry when somebody else changes what belongs to a coach: staff, or whoever
    /// acts in the coach's name.
    pub(crate) async fn audit_unless_own(
        &self,
        txn: &Txn,
        coach_id: Uuid,
        action: &str,
        subject: &str,
    ) -> Result<()> {
        if self.person.is_coach(coach_id) && self.person.impersonator.is_none() {
            return Ok(());
        }
        self.audit(txn, action, subject).await
    }
}
