//! What can go wrong in a rule, sorted by who must cause.

use std::fmt;

use chrono::{DateTime, Utc};
use sea_orm::{DbErr, SqlErr};

/// The result of a domain function.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a domain function did nothing.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The caller must sign in.
    #[error("sign in first")]
    Unauthenticated,
    /// The caller may not do this at all. Somebody else's object is `NotFound` instead.
    #[error("not allowed: {0}")]
    Forbidden(&'static str),
    /// There is no such thing, or the caller may not know of it.
    #[error("no such {0}")]
    NotFound(&'static str),
    /// Values of the input that cannot stand.
    #[error("{}", .0.iter().map(|violation| violation.message.as_str()).collect::<Vec<_>>().join("; "))]
    Invalid(Vec<Violation>),
    /// The state of things does not allow it.
    #[error("{0}")]
    Conflict(#[from] Conflict),
    /// Somebody else's service does not answer. Nothing was done; it may be tried again.
    #[error("{0}")]
    Unavailable(&'static str),
    /// A fault of ours. What it is goes to the log, never to the caller.
    #[error("{what}: {cause}")]
    Internal {
        /// What was being done.
        what: &'static str,
        /// What went wrong.
        cause: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// One value of the input that cannot stand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Path from the input down, in the API's spelling.
    pub field: Vec<String>,
    /// For people.
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
}

/// The state of things does not allow it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Conflict {
    /// Somebody else has the time.
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
    /// The hold has ended.
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
        /// For people.
        message: String,
        /// Until when, or from when, it is allowed.
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
    /// Something has to be done about the coach's account elsewhere first.
    #[error("{message}")]
    Account {
        /// For people.
        message: &'static str,
        /// What mends it.
        action: Action,
    },
    /// An app has to be connected first.
    #[error("{0} has to be connected first")]
    AppMissing(String),
    /// Somebody else's service has understood, and refuses.
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
    /// A fault of ours.
    pub fn internal(
        what: &'static str,
        cause: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        Self::Internal {
            what,
            cause: cause.into(),
        }
    }

    /// One value of the input that cannot stand.
    pub fn invalid(path: &str, message: impl Into<String>) -> Self {
        Self::Invalid(vec![Violation::at(path, message)])
    }

    /// The refusal of a second use of a name, as a conflict about the field at `path`; any other
    /// fault stays what it is. `column` is the part of the name of the guard that both databases
    /// have in common.
    pub(crate) fn or_taken(error: DbErr, column: &str, path: &str) -> Self {
        match error.sql_err() {
            Some(SqlErr::UniqueConstraintViolation(guard)) if guard.contains(column) => {
                Conflict::Taken(path.split('.').map(str::to_owned).collect()).into()
            }
            _ => error.into(),
        }
    }

    /// Somebody else changed the row first: the transaction is to be run again.
    pub(crate) fn lost_race() -> Self {
        Self::internal(
            "a booking",
            LostRace("it was changed by another transaction".to_owned()),
        )
    }

    /// Whether the database gave this transaction up in favour of another: run again, it may
    /// succeed.
    pub(crate) fn is_lost_race(&self) -> bool {
        matches!(self, Self::Internal { cause, .. } if cause.downcast_ref::<LostRace>().is_some())
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

/// The database gave this transaction up in favour of another.
#[derive(Debug)]
struct LostRace(String);

impl fmt::Display for LostRace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl std::error::Error for LostRace {}

/// What the database itself refuses, by the name of the guard that both databases use.
const GUARDS: [(&str, Conflict); 2] = [
    ("booking_coach_overlap", Conflict::SlotTaken),
    ("booking_client_overlap", Conflict::ClientBusy),
];

/// SQLSTATE of a deadlock and of a serialisation failure.
const LOST_RACES: [&str; 2] = ["40P01", "40001"];

impl From<DbErr> for Error {
    fn from(error: DbErr) -> Self {
        let text = error.to_string();
        if let Some((_, conflict)) = GUARDS.iter().find(|(guard, _)| text.contains(guard)) {
            return Self::Conflict(conflict.clone());
        }
        if let Some(SqlErr::UniqueConstraintViolation(constraint)) = error.sql_err() {
            // SQLite names the columns, PostgreSQL the index.
            if constraint.contains("booking_one_verification")
                || constraint.contains("booking.client_id")
            {
                return Self::Conflict(Conflict::VerificationExists);
            }
        }
        if sqlstate(&error).is_some_and(|state| LOST_RACES.contains(&state.as_str())) {
            return Self::internal("the database", LostRace(text));
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
