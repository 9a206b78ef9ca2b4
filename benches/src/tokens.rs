//! Signs tokens as the server's local issuer does.

use chrono::{DateTime, Utc};
use courtside::clock::Clock;
use courtside::db::Db;
use courtside::domain::identity::{Identity, LOCAL_ISSUER, LOCAL_TOKEN_LIFE, LocalIssuer};
use entity::user::Role;

use crate::Failure;

/// Signs with the key from the server's database.
pub(crate) struct Issuer(LocalIssuer);

/// The current time, with the precision that the server uses.
pub(crate) fn now() -> DateTime<Utc> {
    Clock::System.now()
}

/// The verified email address of a subject.
pub(crate) fn email(subject: &str) -> String {
    format!("{subject}@bench.example")
}

impl Issuer {
    pub(crate) async fn open(db: &Db) -> Result<Self, Failure> {
        Ok(Self(LocalIssuer::open(db).await?))
    }

    /// A token whose claims equal the stored account, so that signing in updates nothing.
    pub(crate) fn token(&self, subject: &str, role: Role) -> Result<String, Failure> {
        let now = now();
        let identity = Identity {
            issuer: LOCAL_ISSUER.to_owned(),
            subject: subject.to_owned(),
            email: Some(email(subject)),
            email_verified: Some(true),
            name: Some(subject.to_owned()),
            time_zone: Some("UTC".to_owned()),
            role: Some(role),
            impersonation: None,
            expires_at: now + LOCAL_TOKEN_LIFE,
        };
        Ok(self.0.sign(&identity, now)?)
    }
}
