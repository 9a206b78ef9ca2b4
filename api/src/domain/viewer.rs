//! The caller and their permissions.

use chrono::{DateTime, Utc};
use entity::Uuid;
use entity::booking_event::{ActorKind, Source};
use entity::user::Role;

use crate::error::{Error, Result};
use crate::outbox::Cause;

/// What a token says of its person's address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AddressClaim {
    /// `email` with `email_verified: true`.
    Verified,
    /// `email` with `email_verified: false`.
    Unverified,
    /// `email` without `email_verified`.
    NoVerification,
    /// No `email`.
    NoEmail,
}

/// The person behind a request, if any.
#[derive(Clone, Debug, Default)]
pub enum Viewer {
    /// Not signed in.
    #[default]
    Anonymous,
    /// Signed in.
    Person(Person),
}

/// A person who has signed in.
#[derive(Clone, Debug)]
pub struct Person {
    pub user_id: Uuid,
    pub role: Role,
    /// Their coach profile.
    pub coach_id: Option<Uuid>,
    pub suspended: bool,
    /// What the credential says of their address.
    pub address: AddressClaim,
    /// Id at the identity provider of whoever acts in the person's name.
    pub impersonator: Option<String>,
    /// When the credential expires.
    pub expires_at: DateTime<Utc>,
}

/// The caller of a request, with its correlation id for logs, jobs and history.
#[derive(Clone, Debug, Default)]
pub struct Caller {
    pub viewer: Viewer,
    pub correlation_id: String,
}

impl Caller {
    /// The person who made the request.
    ///
    /// # Errors
    /// `Unauthenticated` when not signed in, `Forbidden` when the person is suspended.
    pub fn require_person(&self) -> Result<&Person> {
        match &self.viewer {
            Viewer::Anonymous => Err(Error::Unauthenticated),
            Viewer::Person(person) if person.suspended => {
                Err(Error::Forbidden("this account is suspended"))
            }
            Viewer::Person(person) => Ok(person),
        }
    }

    /// The person who made the request, unless anonymous or suspended. Public reads show more to a
    /// person than to a visitor.
    #[must_use]
    pub fn find_person(&self) -> Option<&Person> {
        self.require_person().ok()
    }

    /// Requires staff.
    ///
    /// # Errors
    /// As [`Self::require_person`]; `Forbidden` for anyone else.
    pub fn require_admin(&self) -> Result<&Person> {
        let person = self.require_person()?;
        if person.role == Role::Admin {
            Ok(person)
        } else {
            Err(Error::Forbidden("only staff may do this"))
        }
    }

    /// Requires a coach; returns the profile's id too.
    ///
    /// # Errors
    /// As [`Self::require_person`]; `Forbidden` for a person without a coach profile.
    pub fn require_coach(&self) -> Result<(&Person, Uuid)> {
        let person = self.require_person()?;
        person
            .coach_id
            .map(|coach_id| (person, coach_id))
            .ok_or(Error::Forbidden("only coaches may do this"))
    }
}

impl Person {
    /// Whether the person is staff.
    #[must_use]
    pub fn is_admin(&self) -> bool {
        self.role == Role::Admin
    }

    /// Whether this is the person's own coach profile.
    #[must_use]
    pub fn is_coach(&self, coach_id: Uuid) -> bool {
        self.coach_id == Some(coach_id)
    }
}

impl Cause {
    /// The cause of a change that a person makes through this API.
    #[must_use]
    pub fn person(
        by: ActorKind,
        person: &Person,
        correlation_id: &str,
        now: DateTime<Utc>,
    ) -> Self {
        Self {
            by,
            actor_id: Some(person.user_id),
            impersonator: person.impersonator.clone(),
            source: Source::Api,
            correlation_id: correlation_id.to_owned(),
            now,
        }
    }
}
