//! Applications whose tokens come from the stand-in for Clerk.

use simulators::Clock;
use simulators::clerk::{self, Options, StandIn, Subject};

use crate::app::{START, Setup, at};

/// Starts a stand-in whose clock begins with the test, and whose tokens live for a day.
///
/// # Panics
/// When there is no free port.
pub async fn start() -> StandIn {
    let options = Options {
        clock: Clock::at(at(START)),
        lifetime: 24 * 60 * 60,
        ..Options::default()
    };
    clerk::start(options).await.expect("a free loopback port")
}

/// Somebody of whom tokens say nothing but the id.
#[must_use]
pub fn subject(id: &str) -> Subject {
    Subject {
        id: id.to_owned(),
        email: None,
        email_verified: None,
        name: None,
        role: None,
    }
}

/// Somebody with a verified address, and this role.
#[must_use]
pub fn verified(id: &str, role: &str) -> Subject {
    Subject {
        email: Some(format!("{}@example.com", id.trim_start_matches("user_"))),
        email_verified: Some(true),
        name: Some(id.to_owned()),
        role: Some(role.to_owned()),
        ..subject(id)
    }
}

impl Setup {
    /// Accepts the tokens of a stand-in.
    #[must_use]
    pub fn clerk(self, clerk: &StandIn) -> Self {
        self.setting("ENVIRONMENT", "development")
            .setting("CLERK_ISSUER", &clerk.issuer())
            .setting("CLERK_AUTHORIZED_PARTIES", clerk.origin())
    }

    /// Reads persons from a stand-in too.
    #[must_use]
    pub fn clerk_directory(self, clerk: &StandIn) -> Self {
        self.setting("CLERK_API_URL", &clerk.issuer())
            .setting("CLERK_SECRET_KEY", &Options::default().secret_key)
    }
}
