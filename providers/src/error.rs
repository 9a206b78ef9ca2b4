//! One error type for every provider, classified by what the caller can do about it.

use std::convert::Infallible;
use std::time::Duration;

use crate::provider::Provider;

/// What went wrong, by what the caller can do about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The credential is missing, wrong, expired or not allowed to do this. Renew it or ask the
    /// person to reconnect.
    Unauthorized,
    /// The object does not exist, or no longer does.
    NotFound,
    /// The request conflicts with existing data.
    Conflict,
    /// The provider understood the request and refused it. The same request will be refused again.
    Rejected,
    /// Too many requests.
    RateLimited {
        /// How long to wait before the next request, if known.
        retry_after: Option<Duration>,
    },
    /// There was no response, or one that reports a temporary failure. Retry later.
    Unavailable,
    /// The response could not be understood.
    Malformed,
}

impl Kind {
    /// A stable label for metrics and logs.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unauthorized => "unauthorized",
            Self::NotFound => "not_found",
            Self::Conflict => "conflict",
            Self::Rejected => "rejected",
            Self::RateLimited { .. } => "rate_limited",
            Self::Unavailable => "unavailable",
            Self::Malformed => "malformed",
        }
    }
}

/// A failed call to a provider.
///
/// `R` is the provider's own enum of reasons for a refusal. An error that can carry none, such as
/// one of the transport, has the default, which has no values.
///
/// `detail` is for the operator. It names the request (method, host and path, never the query) or
/// the field, and never quotes a body: validation errors of providers echo what was sent, which may
/// be personal.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{provider}: {}: {detail}", kind.as_str())]
pub struct Error<R = Infallible> {
    /// The provider that was called.
    pub provider: Provider,
    /// What the caller can do about it.
    pub kind: Kind,
    /// What happened, for the operator.
    pub detail: String,
    /// The provider's reason, if it gave one that is known. `detail` names it too.
    pub refusal: Option<R>,
    not_applied: bool,
    earlier_attempt_unknown: bool,
}

impl<R> Error<R> {
    /// An error of `provider`. Keep secrets and bodies out of `detail`.
    pub fn new(provider: Provider, kind: Kind, detail: impl Into<String>) -> Self {
        Self {
            provider,
            kind,
            detail: detail.into(),
            refusal: None,
            not_applied: false,
            earlier_attempt_unknown: false,
        }
    }

    pub(crate) fn malformed(provider: Provider, detail: impl Into<String>) -> Self {
        Self::new(provider, Kind::Malformed, detail)
    }

    /// Marks the request as certainly not applied: it was not sent, or rejected before it was read.
    #[must_use]
    pub fn not_applied(mut self) -> Self {
        self.not_applied = true;
        self
    }

    /// Marks the error of a retried write one of whose earlier attempts may have been applied.
    #[must_use]
    pub(crate) fn after_unknown_attempt(mut self) -> Self {
        self.earlier_attempt_unknown = true;
        self
    }

    /// Adds the provider's reason.
    #[must_use]
    pub(crate) fn with_refusal(mut self, refusal: Option<R>) -> Self {
        self.refusal = refusal;
        self
    }

    /// Whether a write may have been applied although it returned an error.
    ///
    /// True when it was sent and no response, or none that could be understood, came back. The
    /// caller must then look for the result before it writes again. False when it was not sent at
    /// all.
    #[must_use]
    pub fn outcome_unknown(&self) -> bool {
        self.earlier_attempt_unknown
            || (!self.not_applied && matches!(self.kind, Kind::Unavailable | Kind::Malformed))
    }
}

impl<R> Error<R> {
    /// The same error without the provider's reason.
    #[must_use]
    pub fn erased(self) -> Error {
        Error {
            provider: self.provider,
            kind: self.kind,
            detail: self.detail,
            refusal: None,
            not_applied: self.not_applied,
            earlier_attempt_unknown: self.earlier_attempt_unknown,
        }
    }
}

impl Error {
    /// The same error as the type of a provider that has reasons for refusals.
    pub(crate) fn without_refusal<R>(self) -> Error<R> {
        Error {
            provider: self.provider,
            kind: self.kind,
            detail: self.detail,
            refusal: None,
            not_applied: self.not_applied,
            earlier_attempt_unknown: self.earlier_attempt_unknown,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(kind: Kind) -> Error {
        Error::new(Provider::CalCom, kind, "")
    }

    #[test]
    fn outcome_is_unknown_only_without_a_usable_response() {
        let known = [
            Kind::Unauthorized,
            Kind::NotFound,
            Kind::Conflict,
            Kind::Rejected,
            Kind::RateLimited { retry_after: None },
        ];
        for kind in known {
            assert!(!error(kind).outcome_unknown(), "{kind:?}");
            assert!(
                error(kind).after_unknown_attempt().outcome_unknown(),
                "{kind:?}"
            );
        }
        for kind in [Kind::Unavailable, Kind::Malformed] {
            assert!(error(kind).outcome_unknown(), "{kind:?}");
            assert!(!error(kind).not_applied().outcome_unknown(), "{kind:?}");
        }
    }

    #[test]
    fn a_transport_error_keeps_everything_as_a_providers_error() {
        #[derive(Debug, PartialEq)]
        struct Reason;
        let unsent: Error<Reason> = error(Kind::Unavailable).not_applied().without_refusal();
        assert_eq!(
            (unsent.refusal.as_ref(), unsent.outcome_unknown()),
            (None, false)
        );
        let retried: Error<Reason> = error(Kind::Rejected)
            .after_unknown_attempt()
            .without_refusal();
        assert_eq!(
            (retried.kind, retried.outcome_unknown()),
            (Kind::Rejected, true)
        );
    }

    #[test]
    fn display_reads_alone() {
        let error: Error = Error::new(
            Provider::Clerk,
            Kind::Unavailable,
            "GET clerk.example.com/jwks: 503",
        );
        assert_eq!(
            error.to_string(),
            "clerk: unavailable: GET clerk.example.com/jwks: 503"
        );
    }
}
