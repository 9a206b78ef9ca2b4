//! Why a document is not run: a stable code, a sentence for the client's developer, and where in
//! the text.

use std::borrow::Cow;

use async_graphql::{ErrorExtensionValues, Pos, ServerError};

/// What is wrong with a document, its variables or the way it was named. The text of a code never
/// changes: clients branch on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reason {
    ParseFailed,
    ValidationFailed,
    BadUserInput,
    OperationNotResolved,
    PersistedQueryNotFound,
    PersistedQueryNotSupported,
    PersistedQueryMismatch,
    DocumentNotAllowed,
    IntrospectionDisabled,
    TooDeep,
    TooManyFields,
    TooManyAliases,
    TooManyDirectives,
    TooManyTokens,
    TooManyOperations,
    TooManyDuplicates,
    TooManyProviderMutations,
    TooCostly,
    TransportMismatch,
    /// It asks for something that only those who have signed in may read or do.
    Unauthenticated,
    /// It asks for something that this caller may not read or do.
    Forbidden,
}

impl Reason {
    /// The value of `extensions.code`.
    pub const fn code(self) -> &'static str {
        match self {
            Self::ParseFailed => "GRAPHQL_PARSE_FAILED",
            Self::ValidationFailed => "GRAPHQL_VALIDATION_FAILED",
            Self::BadUserInput => "BAD_USER_INPUT",
            Self::OperationNotResolved => "OPERATION_RESOLUTION_FAILURE",
            Self::PersistedQueryNotFound => "PERSISTED_QUERY_NOT_FOUND",
            Self::PersistedQueryNotSupported => "PERSISTED_QUERY_NOT_SUPPORTED",
            Self::PersistedQueryMismatch => "PERSISTED_QUERY_HASH_MISMATCH",
            Self::DocumentNotAllowed => "DOCUMENT_NOT_ALLOWED",
            Self::IntrospectionDisabled => "INTROSPECTION_DISABLED",
            Self::TooDeep => "QUERY_TOO_DEEP",
            Self::TooManyFields => "QUERY_TOO_MANY_FIELDS",
            Self::TooManyAliases => "QUERY_TOO_MANY_ALIASES",
            Self::TooManyDirectives => "QUERY_TOO_MANY_DIRECTIVES",
            Self::TooManyTokens => "QUERY_TOO_MANY_TOKENS",
            Self::TooManyOperations => "QUERY_TOO_MANY_OPERATIONS",
            Self::TooManyDuplicates => "QUERY_TOO_MANY_DUPLICATE_FIELDS",
            Self::TooManyProviderMutations => "QUERY_TOO_MANY_PROVIDER_MUTATIONS",
            Self::TooCostly => "QUERY_TOO_COSTLY",
            Self::TransportMismatch => "OPERATION_NOT_SUPPORTED_HERE",
            Self::Unauthenticated => "UNAUTHENTICATED",
            Self::Forbidden => "FORBIDDEN",
        }
    }
}

/// A document that will not be run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    pub reason: Reason,
    pub message: Cow<'static, str>,
    pub locations: Vec<Pos>,
}

impl Refusal {
    pub fn new(reason: Reason, message: impl Into<Cow<'static, str>>) -> Self {
        Self {
            reason,
            message: message.into(),
            locations: Vec::new(),
        }
    }

    /// The same refusal, pointing at a place in the document.
    #[must_use]
    pub fn at(mut self, pos: Pos) -> Self {
        self.locations.push(pos);
        self
    }
}

impl From<Refusal> for ServerError {
    fn from(refusal: Refusal) -> Self {
        let mut extensions = ErrorExtensionValues::default();
        extensions.set("code", refusal.reason.code());
        let mut error = ServerError::new(refusal.message, None);
        error.locations = refusal.locations;
        error.extensions = Some(extensions);
        error
    }
}
