//! A leased credential, what it is read for, and why there may be none.

use chrono::TimeDelta;
use entity::Uuid;
use entity::connection::{HealthReason, Kind};
use secrecy::SecretString;

use super::invalid_state;
use crate::domain::Error;
use crate::vault::VaultError;

/// A token is renewed this long before it expires: a call may take 20 s, and clocks differ.
pub(super) const EARLY: TimeDelta = TimeDelta::seconds(90);

/// The purpose of reading a credential; stored in the audit log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Purpose {
    Booking,
    Slots,
    Reconcile,
    Schedule,
    EventType,
    Calendar,
    Webhook,
    Health,
    /// Renewing or revoking a pair of tokens.
    Renewal,
}

impl Purpose {
    /// Its name in the audit log.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Booking => "booking",
            Self::Slots => "slots",
            Self::Reconcile => "reconcile",
            Self::Schedule => "schedule",
            Self::EventType => "event_type",
            Self::Calendar => "calendar",
            Self::Webhook => "webhook",
            Self::Health => "health",
            Self::Renewal => "renewal",
        }
    }
}

/// A purpose, and the person who caused it; none for background work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Reason {
    pub(super) purpose: Purpose,
    pub(super) actor_id: Option<Uuid>,
}

impl Purpose {
    /// Adds the person, if one is known.
    #[must_use]
    pub fn asked_by(self, actor_id: Option<Uuid>) -> Reason {
        Reason {
            purpose: self,
            actor_id,
        }
    }
}

impl From<Purpose> for Reason {
    fn from(purpose: Purpose) -> Self {
        Self {
            purpose,
            actor_id: None,
        }
    }
}

/// A credential for calls. A caller that has it refused calls [`report`](super::report).
#[derive(Clone, Debug)]
pub struct Lease {
    pub connection_id: Uuid,
    pub coach_id: Uuid,
    pub provider: String,
    /// The account's id at the provider.
    pub external_id: String,
    pub kind: Kind,
    pub token: SecretString,
    /// The version of its pair of tokens.
    pub(super) version: i64,
}

/// Why a provider refused a credential.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenRefusal {
    /// The token has expired or was revoked: a renewed one may be accepted.
    Ended,
    /// The API key is not accepted.
    KeyRefused,
}

/// Why there is no credential.
#[derive(Debug, thiserror::Error)]
pub enum CredentialError {
    /// The coach has no account connected.
    #[error("no account is connected")]
    NotConnected,
    /// The coach must act first.
    #[error("the connection is broken")]
    Broken(HealthReason),
    /// A new token is needed, and the provider issues none at present. Retry later.
    #[error("the provider issues no new token at present: {0}")]
    Unavailable(String),
    #[error(transparent)]
    Internal(#[from] Error),
}

impl From<sea_orm::DbErr> for CredentialError {
    fn from(error: sea_orm::DbErr) -> Self {
        Self::Internal(error.into())
    }
}

impl From<HealthReason> for CredentialError {
    fn from(reason: HealthReason) -> Self {
        Self::Broken(reason)
    }
}

impl From<CredentialError> for Error {
    fn from(why: CredentialError) -> Self {
        match why {
            CredentialError::NotConnected => invalid_state("this coach has no account connected"),
            CredentialError::Broken(_) => invalid_state("this coach's connection is broken"),
            CredentialError::Unavailable(_) => {
                Self::Unavailable("the provider does not answer at present; try again later")
            }
            CredentialError::Internal(error) => error,
        }
    }
}

/// The global id of a connection, for the audit log.
pub(in crate::domain) fn subject(connection_id: Uuid) -> String {
    format!("connection_{}", connection_id.simple())
}

/// A value that cannot be decrypted is a server fault, not the coach's: the key may be configured
/// again.
pub(super) fn unreadable(error: &VaultError) -> CredentialError {
    CredentialError::Internal(Error::internal("opening a token", error.clone()))
}
