//! Mutation payloads: the changed object or the user errors.

use async_graphql::{Enum, SimpleObject};

use super::error::{Error, Result, sentence};
use super::scalars::DateTime;
use crate::domain::connection::Action;
use crate::domain::{self, Conflict};

/// Stable codes of user errors. More may be added: treat one that you do not know like INVALID_STATE.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub enum UserErrorCode {
    /// A value is missing, malformed, too long or out of range.
    Invalid,
    /// The object does not exist, or the caller may not see it.
    NotFound,
    /// The value is already in use.
    Taken,
    /// The object has changed since the version the caller gave.
    VersionConflict,
    /// The object's state does not allow this, for example cancelling a cancelled booking.
    InvalidState,
    /// The time is no longer free.
    SlotTaken,
    /// The coach does not offer this time.
    SlotNotOffered,
    /// The caller has another booking at that time.
    ClientBusy,
    /// The caller already has an active verification booking.
    VerificationExists,
    /// The hold on the slot has expired.
    HoldExpired,
    /// A rule of the coach or of the marketplace forbids it.
    PolicyViolation,
    /// The key was used before with another input.
    IdempotencyKeyReused,
    /// Another absence of the coach has some of these days.
    AbsenceOverlap,
    /// The coach's account at the scheduler is missing or broken, or does not keep their time; `action` says what mends it.
    AccountNotUsable,
    /// An app has to be connected first, for example a Google calendar for Google Meet.
    AppNotConnected,
    /// The coach's scheduler has understood, and refuses.
    ProviderRefused,
    /// The caller has no verified e-mail address, which a booking needs. The message names the missing claim of the session token and what to do.
    EmailNotVerified,
}

/// A reason why a mutation did nothing that the caller, or the person behind it, can mend.
#[derive(Clone, Debug, SimpleObject)]
pub struct UserError {
    /// Stable code to branch on.
    pub code: UserErrorCode,
    /// Text for people. Not stable.
    pub message: String,
    /// Path of the input field at fault, from the input down; null when no single field is.
    pub field: Option<Vec<String>>,
    /// Until when it was, or from when it is, allowed; only with POLICY_VIOLATION.
    pub boundary: Option<DateTime>,
    /// What mends it; only with ACCOUNT_NOT_USABLE.
    pub action: Option<Action>,
}

/// Converts a result to a payload: errors that the user can correct become user errors, all others
/// go to `errors`.
pub(crate) fn outcome<T>(
    result: domain::Result<T>,
) -> Result<std::result::Result<T, Vec<UserError>>> {
    match result {
        Ok(value) => Ok(Ok(value)),
        Err(error) => match user_errors(&error) {
            Some(errors) => Ok(Err(errors)),
            None => Err(Error::from(error)),
        },
    }
}

fn user_errors(error: &domain::Error) -> Option<Vec<UserError>> {
    let one = |code| {
        let message = sentence(&error.to_string());
        Some(vec![UserError {
            code,
            message,
            field: None,
            boundary: None,
            action: None,
        }])
    };
    match error {
        domain::Error::Invalid(violations) => Some(
            violations
                .iter()
                .map(|violation| UserError {
                    code: UserErrorCode::Invalid,
                    message: sentence(&violation.message),
                    field: Some(violation.field.clone()),
                    boundary: None,
                    action: None,
                })
                .collect(),
        ),
        domain::Error::NotFound(_) => one(UserErrorCode::NotFound),
        domain::Error::Conflict(conflict) => {
            let mut errors = one(match conflict {
                Conflict::SlotTaken => UserErrorCode::SlotTaken,
                Conflict::SlotNotOffered => UserErrorCode::SlotNotOffered,
                Conflict::ClientBusy => UserErrorCode::ClientBusy,
                Conflict::VerificationExists => UserErrorCode::VerificationExists,
                Conflict::HoldExpired => UserErrorCode::HoldExpired,
                Conflict::Stale => UserErrorCode::VersionConflict,
                Conflict::InvalidState(_) => UserErrorCode::InvalidState,
                Conflict::Policy { .. } => UserErrorCode::PolicyViolation,
                Conflict::Taken(_) => UserErrorCode::Taken,
                Conflict::IdempotencyKeyReused => UserErrorCode::IdempotencyKeyReused,
                Conflict::AbsenceOverlap => UserErrorCode::AbsenceOverlap,
                Conflict::Account { .. } => UserErrorCode::AccountNotUsable,
                Conflict::AppMissing(_) => UserErrorCode::AppNotConnected,
                Conflict::EmailNotVerified(_) => UserErrorCode::EmailNotVerified,
                Conflict::Refused(_) => UserErrorCode::ProviderRefused,
            })?;
            match conflict {
                Conflict::Taken(field) => errors[0].field = Some(field.clone()),
                Conflict::Policy { boundary, .. } => errors[0].boundary = boundary.map(DateTime),
                Conflict::Account { action, .. } => errors[0].action = Some(*action),
                _ => {}
            }
            Some(errors)
        }
        domain::Error::Unauthenticated
        | domain::Error::Forbidden(_)
        | domain::Error::Unavailable(_)
        | domain::Error::Provider { .. }
        | domain::Error::LostRace(_)
        | domain::Error::Internal { .. } => None,
    }
}

/// Defines the payload of a mutation: the changed object and the user errors.
///
/// `payload!(CancelBookingPayload, "Result of cancelBooking.", booking: Booking, "The booking.")`
macro_rules! payload {
    ($name:ident, $doc:literal, $field:ident: $type:ty, $field_doc:literal) => {
        #[doc = $doc]
        #[derive(async_graphql::SimpleObject)]
        pub struct $name {
            #[doc = $field_doc]
            $field: Option<$type>,
            /// Why nothing was done; empty on success. The operation happened in full or not at all.
            user_errors: Vec<$crate::graphql::payload::UserError>,
        }

        impl $name {
            fn new<T>(
                result: $crate::domain::Result<T>,
                node: impl FnOnce(T) -> $type,
            ) -> $crate::graphql::error::Result<Self> {
                Ok(match $crate::graphql::payload::outcome(result)? {
                    Ok(value) => Self {
                        $field: Some(node(value)),
                        user_errors: Vec::new(),
                    },
                    Err(user_errors) => Self {
                        $field: None,
                        user_errors,
                    },
                })
            }
        }
    };
}

pub(crate) use payload;
