//! The services this crate speaks to.

use std::fmt;

/// An external service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Provider {
    /// Cal.com: calendars and bookings.
    CalCom,
    /// Clerk: sign-in.
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
