//! Errors of the domain, classified by who can act on them.

use chrono::{DateTime, Utc};
use sea_orm::{DbErr, SqlErr};

/// The result of a domain function.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a domain function failed; it changed nothing.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The caller must sign in.
    #[error("sign in first")]
    Unauthenticated,
    /// The caller may not do this at all. Another person's object is `NotFound` instead.
    #[error("not allowed: {0}")]
    Forbidden(&'static str),
    /// It does not exist, or the caller may not know of it.
    #[error("no such {0}")]
    NotFound(&'static str),
    /// Invalid values of the input.
    #[error("{}", .0.iter().map(|violation| violation.message.as_str()).collect::<Vec<_>>().join("; "))]
    Invalid(Vec<Violation>),
    /// The current state does not allow it.
    #[error("{0}")]
    Conflict(#[from] Conflict),
    /// A provider does not answer; nothing was done, and the caller may retry.
    #[error("{0}")]
    Unavailable(&'static str),
    /// A provider failed unexpectedly. The fault is logged and never shown to the caller.
    #[error("{what}: {fault}")]
    Provider {
        /// What was being done.
        what: &'static str,
        /// What went wrong.
        fault: ProviderFault,
    },
    /// The database, or a version check, aborted this transaction in favour of another one; a retry
    /// may succeed.
    #[error("lost a race: {0}")]
    LostRace(String),
    /// A server fault. The cause is logged and never shown to the caller.
    #[error("{what}: {cause}")]
    Internal {
        /// What was being done.
        what: &'static str,
        /// What went wrong.
        cause: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// A fault of a provider, for the log.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{provider}: {kind}: {detail}")]
pub struct ProviderFault {
    /// The provider's name.
    pub provider: &'static str,
    /// The name of the fault's kind.
    pub kind: &'static str,
    /// What happened. Contains no body, as bodies may hold personal data.
    pub detail: String,
}

/// An invalid value of the input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Path in the input, in the API's spelling.
    pub field: Vec<String>,
    /// Message for people.
    pub message: String,
}

impl Violation {
    /// A violation at a path given with dots, for example `answers.0.values`.
    #[must_use]
    pub fn at(path: &str, message: impl Into<String>) -> Self {
        Self {
            field: path.split('.').map(str::to_owned).collect(),
            message: message.into(),
        }
    }

    /// The path with dots, as [`Self::at`] takes it.
    #[must_use]
    pub fn path(&self) -> String {
        self.field.join(".")
    }
}

impl std::fmt::Display for Violation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.path(), self.message)
    }
}

/// The current state does not allow it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Conflict {
    /// Another booking has the time.
    #[error("this time is no longer free")]
    SlotTaken,
    /// The coach does not offer this start.
    #[error("the coach does not offer this time")]
    SlotNotOffered,
    /// The client has another booking at that time.
    #[error("you already have a booking at that time")]
    ClientBusy,
    /// The client already has an active verification booking.
    #[error("you already have an active verification booking")]
    VerificationExists,
    /// The hold has expired.
    #[error("the hold on this slot has expired")]
    HoldExpired,
    /// It was changed since the caller read it.
    #[error("it has changed since you read it")]
    Stale,
    /// Its state does not allow this.
    #[error("{0}")]
    InvalidState(String),
    /// A rule of the coach forbids it.
    #[error("{message}")]
    Policy {
        /// Message for people.
        message: String,
        /// The time until which, or from which, it is allowed.
        boundary: Option<DateTime<Utc>>,
    },
    /// The name is in use.
    #[error("this is already in use")]
    Taken(Vec<String>),
    /// The key was used with another input.
    #[error("this idempotency key was used with another input")]
    IdempotencyKeyReused,
    /// The coach is already away on some of these days.
    #[error("another absence has some of these days")]
    AbsenceOverlap,
    /// The coach's account at the provider needs an action first.
    #[error("{message}")]
    Account {
        /// Message for people.
        message: &'static str,
        /// The action that repairs it.
        action: Action,
    },
    /// An app must be connected first.
    #[error("{0} has to be connected first")]
    AppMissing(String),
    /// The person has no verified address.
    #[error("{0}")]
    EmailNotVerified(&'static str),
    /// The provider understood the request and refused it.
    #[error("{0}")]
    Refused(&'static str),
}

/// What mends a coach's account elsewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, async_graphql::Enum)]
#[graphql(name = "ConnectionAction")]
pub enum Action {
    /// Connect an account: `startConnection`, `connectWithApiKey` or `provisionCoach`.
    Connect,
    /// Connect the account again: the coach gives their consent once more.
    Reconnect,
    /// Make a new key at Cal.com, and connect with it.
    ReplaceKey,
    /// Have a new account made.
    Provision,
    /// Have the coach's time kept there: `migrateCoach`.
    Migrate,
}

impl Error {
    /// A server fault.
    pub fn internal(
        what: &'static str,
        cause: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        Self::Internal {
            what,
            cause: cause.into(),
        }
    }

    /// A fault of a provider.
    pub fn provider(what: &'static str, fault: impl Into<ProviderFault>) -> Self {
        Self::Provider {
            what,
            fault: fault.into(),
        }
    }

    /// An invalid value of the input.
    pub fn invalid(path: &str, message: impl Into<String>) -> Self {
        Self::Invalid(vec![Violation::at(path, message)])
    }

    /// `Taken` with the field at `path` when a unique index of `column` was violated; any other
    /// error is converted as usual. `column` is the part of the index's name that both databases
    /// share.
    pub(crate) fn or_taken(error: DbErr, column: &str, path: &str) -> Self {
        match error.sql_err() {
            Some(SqlErr::UniqueConstraintViolation(guard)) if guard.contains(column) => {
                Conflict::Taken(path.split('.').map(str::to_owned).collect()).into()
            }
            _ => error.into(),
        }
    }

    /// Another transaction changed the row first.
    pub(crate) fn lost_race() -> Self {
        Self::LostRace("a booking was changed by another transaction".to_owned())
    }
}

/// `Ok` when there are no violations.
///
/// # Errors
/// `Invalid` with all of them.
pub fn check(violations: Vec<Violation>) -> Result<()> {
    if violations.is_empty() {
        Ok(())
    } else {
        Err(Error::Invalid(violations))
    }
}

/// The paths of all violations that a check has found.
#[cfg(test)]
pub(crate) fn violation_paths<T>(checked: Result<T>) -> Vec<String> {
    match checked {
        Err(Error::Invalid(violations)) => violations.iter().map(Violation::path).collect(),
        _ => Vec::new(),
    }
}

/// Conflicts that a database constraint detects, by its name, which both databases share.
const GUARDS: [(&str, Conflict); 2] = [
    ("booking_coach_overlap", Conflict::SlotTaken),
    ("booking_client_overlap", Conflict::ClientBusy),
];

/// SQLSTATEs of deadlock and serialization failure.
const LOST_RACES: [&str; 2] = ["40P01", "40001"];

impl From<DbErr> for Error {
    fn from(error: DbErr) -> Self {
        let text = error.to_string();
        if let Some((_, conflict)) = GUARDS.iter().find(|(guard, _)| text.contains(guard)) {
            return Self::Conflict(conflict.clone());
        }
        if let Some(SqlErr::UniqueConstraintViolation(constraint)) = error.sql_err() {
            // SQLite reports the columns, PostgreSQL the index.
            if constraint.contains("booking_one_verification")
                || constraint.contains("booking.client_id")
            {
                return Self::Conflict(Conflict::VerificationExists);
            }
        }
        if sqlstate(&error).is_some_and(|state| LOST_RACES.contains(&state.as_str())) {
            return Self::LostRace(text);
        }
        Self::internal("the database", error)
    }
}

fn sqlstate(error: &DbErr) -> Option<String> {
    match error {
        DbErr::Conn(runtime) | DbErr::Exec(runtime) | DbErr::Query(runtime) => match runtime {
            sea_orm::RuntimeErr::SqlxError(sqlx) => sqlx
                .as_database_error()
                .and_then(|error| error.code())
                .map(|code| code.into_owned()),
            sea_orm::RuntimeErr::Internal(_) => None,
        },
        _ => None,
    }
}
