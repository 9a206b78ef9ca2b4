//! Request errors: a stable code, a message for the client's developer, and positions in the
//! document.

use std::borrow::Cow;

use async_graphql::{ErrorExtensionValues, Pos, ServerError};

/// What is wrong with a request. The text of a code never changes: clients branch on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorCode {
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
    /// The document selects a field that needs an authenticated viewer.
    Unauthenticated,
    /// The document selects a field that this viewer may not use.
    Forbidden,
}

impl ErrorCode {
    /// The value of `extensions.code`.
    pub const fn as_str(self) -> &'static str {
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

/// An error that prevents a document from being executed (specification, section 7.1.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestError {
    pub code: ErrorCode,
    pub message: Cow<'static, str>,
    pub locations: Vec<Pos>,
}

impl RequestError {
    pub fn new(code: ErrorCode, message: impl Into<Cow<'static, str>>) -> Self {
        Self {
            code,
            message: message.into(),
            locations: Vec::new(),
        }
    }

    /// Adds a position in the document.
    #[must_use]
    pub fn at(mut self, pos: Pos) -> Self {
        self.locations.push(pos);
        self
    }
}

impl From<RequestError> for ServerError {
    fn from(error: RequestError) -> Self {
        let mut extensions = ErrorExtensionValues::default();
        extensions.set("code", error.code.as_str());
        let mut server_error = ServerError::new(error.message, None);
        server_error.locations = error.locations;
        server_error.extensions = Some(extensions);
        server_error
    }
}
