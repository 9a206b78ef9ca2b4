//! The library's schema, split in two: one that validates and one that runs.
//!
//! A document is validated once, when it is first seen; what runs afterwards skips the rules, whose
//! answer cannot have changed. The library would walk them again for every request. Both halves are
//! built from one closure, so they cannot differ.

use std::future::Future;
use std::sync::Arc;

use async_graphql::extensions::{Extension, ExtensionContext, ExtensionFactory, NextExecute};
use async_graphql::futures_util::stream::BoxStream;
use async_graphql::parser::types::ExecutableDocument;
use async_graphql::{
    Executor, Name, ObjectType, Request, Response, Schema, SchemaBuilder, ServerError,
    SubscriptionType, ValidationMode, async_trait,
};

use super::document::{Reason, Refusal, TypeTable};

/// The most errors of one document that are told: a document made of mistakes earns no long answer.
const MOST_ERRORS: usize = 5;
/// The library repeats values of the document in its messages, however long they are.
const LONGEST_MESSAGE: usize = 400;
/// The library's own depth guard counts fragments as levels and runs after ours, which is stricter.
const RECURSION: usize = 128;

/// Says what is wrong with a document, without running it.
pub trait Validate: Send + Sync {
    /// # Errors
    /// What the rules of the specification find, as request errors.
    fn validate(
        &self,
        document: ExecutableDocument,
        operation: Option<Name>,
    ) -> impl Future<Output = Result<(), Vec<ServerError>>> + Send;
}

/// A schema that validates and runs documents, with the table of its types.
#[derive(Clone)]
pub struct Engine<E> {
    checker: E,
    runner: E,
    types: Arc<TypeTable>,
    suggestions: bool,
}

/// What differs between a developer's machine and production.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exposure {
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
        exposure: Exposure,
        types: impl FnOnce(TypeTable) -> TypeTable,
    ) -> Self {
        let half = || {
            let mut builder = build().limit_recursive_depth(RECURSION);
            if !exposure.introspection {
                builder = builder.disable_introspection();
            }
            if exposure.suggestions {
                builder
            } else {
                builder.disable_suggestions()
            }
        };
        let runner = half().validation_mode(ValidationMode::Fast).finish();
        let types = types(TypeTable::from_sdl(&runner.sdl()));
        let checker = half().extension(WithoutExecution).finish();
        Self {
            checker,
            runner,
            types: Arc::new(types),
            suggestions: exposure.suggestions,
        }
    }

    /// The schema that runs documents, for printing its SDL.
    pub fn schema(&self) -> &Schema<Q, M, S> {
        &self.runner
    }
}

impl<E: Executor> Engine<E> {
    pub fn types(&self) -> Arc<TypeTable> {
        Arc::clone(&self.types)
    }

    /// Runs a query or a mutation that has been validated.
    pub fn execute(&self, request: Request) -> impl Future<Output = Response> + Send + '_ {
        self.runner.execute(request)
    }

    /// Runs a subscription that has been validated.
    pub fn stream(&self, request: Request) -> BoxStream<'static, Response> {
        self.runner.execute_stream(request, None)
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
        let mut errors = self.checker.execute(request).await.errors;
        if errors.is_empty() {
            return Ok(());
        }
        errors.truncate(MOST_ERRORS);
        Err(errors
            .into_iter()
            .map(|error| self.as_refusal(error))
            .collect())
    }
}

impl<E> Engine<E> {
    fn as_refusal(&self, error: ServerError) -> ServerError {
        let mut message = error.message;
        if !self.suggestions
            && let Some(end) = message.find(" Did you mean")
        {
            message.truncate(end);
        }
        message.truncate(message.floor_char_boundary(LONGEST_MESSAGE));
        let mut refusal = Refusal::new(Reason::ValidationFailed, message);
        refusal.locations = error.locations;
        refusal.into()
    }
}

/// Ends a request where execution would begin.
struct WithoutExecution;

impl ExtensionFactory for WithoutExecution {
    fn create(&self) -> Arc<dyn Extension> {
        Arc::new(Self)
    }
}

#[async_trait::async_trait]
impl Extension for WithoutExecution {
    async fn execute(
        &self,
        _ctx: &ExtensionContext<'_>,
        _operation: Option<&str>,
        _next: NextExecute<'_>,
    ) -> Response {
        Response::default()
    }
}
