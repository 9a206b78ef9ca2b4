//! One error for every provider, sorted by what the caller can do about it.

use std::fmt;
use std::time::Duration;

use crate::cal_com::Refusal;

/// Somebody else's service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Provider {
    /// Cal.com, who keeps calendars.
    CalCom,
    /// Clerk, who signs people in.
    Clerk,
}

impl Provider {
    /// The name in metrics, logs and the database. It never changes.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::CalCom => "calcom",
            Self::Clerk => "clerk",
        }
    }
}

impl fmt::Display for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What went wrong, by what the caller can do about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The credential is missing, wrong, expired or not allowed to do this. Renew it or ask the
    /// person to reconnect.
    Unauthorized,
    /// There is no such thing, or not any more.
    NotFound,
    /// It clashes with what is already there.
    Conflict,
    /// They understood and refuse. The same request will be refused again.
    Rejected,
    /// Too many requests. `retry_after` is what they asked for, if they said.
    RateLimited {
        /// How long to wait before the next request.
        retry_after: Option<Duration>,
    },
    /// They did not answer, or answered that they cannot at the moment. Worth a retry later.
    Unavailable,
    /// They answered something that makes no sense here.
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

/// A provider let us down.
///
/// `detail` is for the operator. It names the request (method, host and path, never the query) or
/// the field, and never quotes a body: upstream validation errors echo what was sent, which may be
/// personal.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{provider}: {}: {detail}", kind.as_str())]
pub struct Error {
    /// Who.
    pub provider: Provider,
    /// What can be done about it.
    pub kind: Kind,
    /// What happened, for the operator's eyes.
    pub detail: String,
    /// Cal.com's reason, where its words are known. `detail` names it too.
    pub refusal: Option<Refusal>,
    never_happened: bool,
    doubtful: bool,
}

impl Error {
    /// An error of `provider`. Keep secrets and bodies out of `detail`.
    pub fn new(provider: Provider, kind: Kind, detail: impl Into<String>) -> Self {
        Self {
            provider,
            kind,
            detail: detail.into(),
            refusal: None,
            never_happened: false,
            doubtful: false,
        }
    }

    /// It is certain that what was asked did not happen: it was not sent, or turned away unread.
    #[must_use]
    pub fn never_happened(mut self) -> Self {
        self.never_happened = true;
        self
    }

    /// It is about a repetition of a write, and an earlier attempt may have happened.
    #[must_use]
    pub(crate) fn doubtful(mut self, doubtful: bool) -> Self {
        self.doubtful = doubtful;
        self
    }

    /// With the reason that the provider gave.
    #[must_use]
    pub(crate) fn with_refusal(mut self, refusal: Option<Refusal>) -> Self {
        self.refusal = refusal;
        self
    }

    pub(crate) fn malformed(provider: Provider, detail: impl Into<String>) -> Self {
        Self::new(provider, Kind::Malformed, detail)
    }

    /// After a write: may it have happened although we got an error?
    ///
    /// True when it was sent and no answer, or no sensible answer, came back. The caller must then
    /// look before it writes again. False when it was not sent at all: there was no connection, or
    /// we did not even try.
    #[must_use]
    pub fn outcome_unknown(&self) -> bool {
        self.doubtful
            || (!self.never_happened && matches!(self.kind, Kind::Unavailable | Kind::Malformed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_silence_and_nonsense_leave_the_outcome_open() {
        let known = [
            Kind::Unauthorized,
            Kind::NotFound,
            Kind::Conflict,
            Kind::Rejected,
            Kind::RateLimited { retry_after: None },
        ];
        for kind in known {
            assert!(
                !Error::new(Provider::CalCom, kind, "").outcome_unknown(),
                "{kind:?}"
            );
        }
        for kind in [Kind::Unavailable, Kind::Malformed] {
            assert!(
                Error::new(Provider::CalCom, kind, "").outcome_unknown(),
                "{kind:?}"
            );
            assert!(
                !Error::new(Provider::CalCom, kind, "")
                    .never_happened()
                    .outcome_unknown(),
                "{kind:?}"
            );
        }
    }

    #[test]
    fn display_reads_alone() {
        let error = Error::new(
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
