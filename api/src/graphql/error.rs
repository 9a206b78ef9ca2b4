//! Maps domain errors to GraphQL errors.

use std::sync::Arc;

use async_graphql::{ErrorExtensionValues, Value};

use crate::domain;

/// The error of a resolver.
///
/// It deliberately does not implement `Display`: async-graphql turns every `Display` error into the
/// client's message, so that a stray `?` on a database error would leak SQL. With this type such a
/// `?` does not compile.
#[derive(Clone, Debug)]
pub struct Error(Arc<domain::Error>);

/// The result of a resolver.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl From<domain::Error> for Error {
    fn from(error: domain::Error) -> Self {
        Self(Arc::new(error))
    }
}

impl Error {
    /// A validation error at one input path.
    pub(crate) fn invalid(path: &str, message: &str) -> Self {
        domain::Error::invalid(path, message).into()
    }
}

/// The stable error code for clients.
#[must_use]
pub fn code(error: &domain::Error) -> &'static str {
    match error {
        domain::Error::Unauthenticated => "UNAUTHENTICATED",
        domain::Error::Forbidden(_) => "FORBIDDEN",
        domain::Error::NotFound(_) => "NOT_FOUND",
        domain::Error::Invalid(_) => "BAD_USER_INPUT",
        domain::Error::Conflict(_) => "CONFLICT",
        domain::Error::Unavailable(_) => "PROVIDER_UNAVAILABLE",
        domain::Error::Provider { .. }
        | domain::Error::LostRace(_)
        | domain::Error::Internal { .. } => "INTERNAL",
    }
}

impl From<Error> for async_graphql::Error {
    fn from(Error(error): Error) -> Self {
        let mut extensions = ErrorExtensionValues::default();
        extensions.set("code", code(&error));
        let message = match &*error {
            domain::Error::Provider { .. }
            | domain::Error::LostRace(_)
            | domain::Error::Internal { .. } => {
                // Logged once, here, where it is answered.
                tracing::error!(%error, "a request failed");
                "Something went wrong on our side.".to_owned()
            }
            domain::Error::Invalid(violations) => {
                let fields = violations
                    .iter()
                    .map(|violation| Value::from(violation.path()));
                extensions.set("fields", Value::List(fields.collect()));
                sentence(&error.to_string())
            }
            error => sentence(&error.to_string()),
        };
        let mut answer = Self::new(message);
        answer.extensions = Some(extensions);
        answer
    }
}

/// Capitalizes the message and ends it with a full stop.
pub(crate) fn sentence(message: &str) -> String {
    let mut letters = message.chars();
    let capital = letters
        .next()
        .map(|first| first.to_uppercase().chain(letters).collect::<String>())
        .unwrap_or_default();
    if capital.ends_with(['.', '!', '?']) {
        capital
    } else {
        format!("{capital}.")
    }
}
