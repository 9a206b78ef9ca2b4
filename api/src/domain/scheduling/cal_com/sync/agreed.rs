//! What a push or a pull has come to: how the object came to be there, the state that both sides
//! agree on, or why it stopped.

use chrono::{DateTime, Utc};
use entity::Uuid;
use entity::coach::Scheduler;
use entity::sync_state::{self as row, State, Subject};
use providers::cal_com::Error as Fault;

use crate::db::Txn;
use crate::domain::scheduling::settings::{self, find, put};
use crate::domain::{Error, Result};

/// How a pushed object came to exist there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum How {
    Created,
    /// It existed under the same slug, from an interrupted run or made by the coach.
    Adopted,
    Updated,
}

/// Why a push stopped.
pub(crate) enum Stopped {
    There(Fault),
    Here(Error),
}

impl From<Fault> for Stopped {
    fn from(fault: Fault) -> Self {
        Self::There(fault)
    }
}

impl From<Error> for Stopped {
    fn from(error: Error) -> Self {
        Self::Here(error)
    }
}

/// The sync state of an object after a push or a pull of `version`.
#[derive(Clone)]
pub(super) struct Synced {
    pub(super) id: Uuid,
    pub(super) coach_id: Uuid,
    pub(super) version: i64,
    pub(super) external_id: String,
    /// The fingerprint of the remote state.
    pub(super) theirs: String,
    pub(super) message: Option<String>,
    pub(super) now: DateTime<Utc>,
}

impl Synced {
    /// Stores the sync state. `is_latest`: `version` is still the object's version here.
    pub(super) async fn put(self, txn: &Txn, subject: Subject, is_latest: bool) -> Result<()> {
        let found = find(&**txn, self.id).await?;
        let before = found.unwrap_or_else(|| {
            settings::blank(subject, self.id, self.coach_id, Scheduler::CalCom, self.now)
        });
        let agreed = Agreed {
            external_id: self.external_id,
            theirs: self.theirs,
            version: self.version,
            is_latest,
        };
        put(txn, agreed.over(before, self.message, self.now)).await
    }
}

/// The state that both sides agree on.
pub(super) struct Agreed {
    pub(super) external_id: String,
    pub(super) theirs: String,
    pub(super) version: i64,
    /// The object has not changed here in the meantime.
    pub(super) is_latest: bool,
}

impl Agreed {
    pub(super) fn over(
        self,
        before: row::Model,
        message: Option<String>,
        now: DateTime<Utc>,
    ) -> row::Model {
        row::Model {
            external_id: Some(self.external_id),
            theirs: Some(self.theirs),
            version: self.version,
            state: if self.is_latest {
                State::Synced
            } else {
                State::Pending
            },
            message,
            looked_at: Some(now),
            synced_at: Some(now),
            updated_at: now,
            ..before
        }
    }
}
