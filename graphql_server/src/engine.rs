//! An async-graphql schema in two halves: one validates, the other executes.
//!
//! A document is validated once, when it is first seen; its executions skip validation, which would
//! return the same result. async-graphql would validate again for every request. Both halves are
//! built by one closure, so they cannot differ.

use std::future::Future;
use std::sync::Arc;

use async_graphql::extensions::{Extension, ExtensionContext, ExtensionFactory, NextExecute};
use async_graphql::futures_util::stream::BoxStream;
use async_graphql::parser::types::ExecutableDocument;
use async_graphql::{
    Executor, Name, ObjectType, Request, Response, Schema, SchemaBuilder, ServerError,
    SubscriptionType, ValidationMode, async_trait,
};

use crate::document::{ErrorCode, RequestError, TypeTable};

/// The most validation errors that a response reports.
const MAX_ERRORS: usize = 5;
/// async-graphql repeats values of the document in its messages, however long they are.
const MAX_MESSAGE: usize = 400;
/// async-graphql's own limit of depth counts fragments as levels and is checked after ours, which
/// is stricter.
const RECURSION_LIMIT: usize = 128;

/// Validates a document without executing it.
pub(crate) trait Validate: Send + Sync {
    /// # Errors
    /// The violations of the specification's validation rules, as request errors.
    fn validate(
        &self,
        document: ExecutableDocument,
        operation: Option<Name>,
    ) -> impl Future<Output = Result<(), Vec<ServerError>>> + Send;
}

/// A schema that validates and executes documents, with the table of its types.
#[derive(Clone)]
pub struct Engine<E> {
    validator: E,
    executor: E,
    types: Arc<TypeTable>,
    suggestions: bool,
}

/// What clients may learn of the schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EngineOptions {
    pub introspection: bool,
    /// "Did you mean" in validation errors.
    pub suggestions: bool,
}

impl<Q, M, S> Engine<Schema<Q, M, S>>
where
    Q: ObjectType + 'static,
    M: ObjectType + 'static,
    S: SubscriptionType + 'static,
{
    /// Builds both halves. `types` may add scalar checks to the table
    /// ([`TypeTable::check_scalar`]).
    pub fn new(
        build: impl Fn() -> SchemaBuilder<Q, M, S>,
        options: EngineOptions,
        types: impl FnOnce(TypeTable) -> TypeTable,
    ) -> Self {
        let half = || {
            let mut builder = build().limit_recursive_depth(RECURSION_LIMIT);
            if !options.introspection {
                builder = builder.disable_introspection();
            }
            if options.suggestions {
                builder
            } else {
                builder.disable_suggestions()
            }
        };
        let executor = half().validation_mode(ValidationMode::Fast).finish();
        let types = types(TypeTable::from_sdl(&executor.sdl()));
        let validator = half().extension(SkipExecution).finish();
        Self {
            validator,
            executor,
            types: Arc::new(types),
            suggestions: options.suggestions,
        }
    }
}

impl<E: Executor> Engine<E> {
    pub(crate) fn types(&self) -> Arc<TypeTable> {
        Arc::clone(&self.types)
    }

    /// Executes a query or a mutation that has been validated.
    pub(crate) fn execute(&self, request: Request) -> impl Future<Output = Response> + Send + '_ {
        self.executor.execute(request)
    }

    /// Executes a subscription that has been validated.
    pub(crate) fn stream(&self, request: Request) -> BoxStream<'static, Response> {
        self.executor.execute_stream(request, None)
    }
}

impl<E: Executor> Validate for Engine<E> {
    async fn validate(
        &self,
        document: ExecutableDocument,
        operation: Option<Name>,
    ) -> Result<(), Vec<ServerError>> {
        let mut request = Request::new(String::new());
        request.operation_name = operation.map(|name| name.to_string());
        request.set_parsed_query(document);
        let mut errors = self.validator.execute(request).await.errors;
        if errors.is_empty() {
            return Ok(());
        }
        errors.truncate(MAX_ERRORS);
        Err(errors
            .into_iter()
            .map(|error| self.request_error(error))
            .collect())
    }
}

impl<E> Engine<E> {
    fn request_error(&self, error: ServerError) -> ServerError {
        let mut message = error.message;
        if !self.suggestions
            && let Some(end) = message.find(" Did you mean")
        {
            message.truncate(end);
        }
        message.truncate(message.floor_char_boundary(MAX_MESSAGE));
        let mut invalid = RequestError::new(ErrorCode::ValidationFailed, message);
        invalid.locations = error.locations;
        invalid.into()
    }
}

/// Ends a request after validation, where execution would begin.
struct SkipExecution;

impl ExtensionFactory for SkipExecution {
    fn create(&self) -> Arc<dyn Extension> {
        Arc::new(Self)
    }
}

#[async_trait::async_trait]
impl Extension for SkipExecution {
    async fn execute(
        &self,
        _ctx: &ExtensionContext<'_>,
        _operation: Option<&str>,
        _next: NextExecute<'_>,
    ) -> Response {
        Response::default()
    }
}
