//! One operation, whatever its transport: prepare, execute, serialise.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_graphql::parser::types::OperationType;
use async_graphql::{Executor, Request, Response, ServerError, Variables};
use bytes::Bytes;
use futures_util::stream::{self, BoxStream};
use futures_util::{FutureExt, StreamExt};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::Instant;
use tracing::{Instrument, error, warn};

use super::endpoint::GraphqlEndpoint;
use super::error::{TransportError, coded};
use super::request::Params;
use super::response::{self, Cost};
use crate::document::Document;
use crate::hooks::{ClientInfo, Execution, Hooks, Outcome, Quota};
use crate::subscription_source::{EventStream, SubscriptionSource};

/// Counts points for work that the response does not show: rows of pre-rendered JSON, calls to a
/// provider. Every execution has its own, in the request's data.
#[derive(Clone, Debug, Default)]
pub struct CostMeter(Arc<AtomicU64>);

impl CostMeter {
    pub fn add(&self, points: u64) {
        self.0.fetch_add(points, Ordering::Relaxed);
    }
}

/// Why an operation is not executed.
pub(super) enum Rejection {
    /// Request errors, which each transport formats in its own way.
    Request(Vec<ServerError>),
    /// Anything else.
    Transport(TransportError),
}

/// An operation that may be executed.
pub(super) struct PreparedOperation<V> {
    pub(super) quota: Option<Quota>,
    document: Arc<Document>,
    variables: Variables,
    viewer: V,
    client: ClientInfo,
    requested: u64,
}

impl<V> PreparedOperation<V> {
    pub(super) fn kind(&self) -> OperationType {
        self.document.analysis.kind
    }

    fn write(&self, response: Response, meter: &CostMeter) -> Bytes {
        write(response, self.requested, meter, self.quota.as_ref())
    }
}

/// The response of a query or a mutation.
pub(super) struct Executed {
    pub(super) body: Bytes,
    /// How long shared caches may keep it.
    pub(super) public_max_age: Option<Duration>,
}

impl<E: Executor, H: Hooks> GraphqlEndpoint<E, H> {
    /// Prepares the document and calls the application's hooks. `check_kind` says whether the
    /// transport can carry this kind of operation; what it refuses is not counted against rate
    /// limits.
    pub(super) async fn prepare(
        &self,
        params: Params,
        viewer: &H::Viewer,
        client: &ClientInfo,
        check_kind: impl FnOnce(OperationType) -> Result<(), Rejection> + Send,
    ) -> Result<PreparedOperation<H::Viewer>, Rejection> {
        let prepared = self
            .documents
            .prepare(params.document, params.variables, &self.engine)
            .await
            .map_err(Rejection::Request)?;
        let analysis = &prepared.document.analysis;
        check_kind(analysis.kind)?;
        self.hooks
            .authorise(viewer, analysis)
            .map_err(|error| Rejection::Request(vec![error.into()]))?;
        let admitted = self
            .hooks
            .admit(viewer, client, analysis, prepared.cost)
            .await;
        let quota = admitted.map_err(|limited| Rejection::Transport(limited.into()))?;
        Ok(PreparedOperation {
            quota,
            variables: prepared.variables,
            viewer: viewer.clone(),
            client: client.clone(),
            requested: prepared.cost,
            document: prepared.document,
        })
    }

    /// Returns the async-graphql request for one execution.
    fn request(
        &self,
        operation: &PreparedOperation<H::Viewer>,
        variables: Variables,
        meter: CostMeter,
    ) -> Request {
        let (document, name) = operation.document.executable();
        let mut request = Request::new(String::new()).variables(variables);
        request.operation_name = name.map(ToString::to_string);
        request.set_parsed_query(document);
        self.hooks.request_data(
            request.data(meter),
            operation.kind(),
            &operation.viewer,
            &operation.client,
        )
    }

    /// # Errors
    /// 503 at the limit of concurrent executions.
    fn permit(&self) -> Result<OwnedSemaphorePermit, TransportError> {
        Arc::clone(&self.executions)
            .try_acquire_owned()
            .map_err(|_| TransportError::overloaded())
    }

    /// Executes a query or a mutation. A mutation runs to its end, even if the client disconnects.
    ///
    /// # Errors
    /// 503 at the limit of concurrent executions; 500 if a resolver panics.
    pub(super) async fn execute(
        &self,
        mut operation: PreparedOperation<H::Viewer>,
    ) -> Result<Executed, TransportError> {
        let permit = self.permit()?;
        let (kind, meter, variables) = (
            operation.kind(),
            CostMeter::default(),
            std::mem::take(&mut operation.variables),
        );
        let request = self.request(&operation, variables, meter.clone());
        let analysis = &operation.document.analysis;
        let began = Instant::now();
        let engine = self.engine.clone();
        let run = async move {
            let _permit = permit;
            AssertUnwindSafe(engine.execute(request))
                .catch_unwind()
                .await
        };
        let finished = if kind == OperationType::Mutation {
            // The inner result is a panic of a resolver, the outer one a panic of the task, which
            // has nothing else that could panic.
            self.lifecycle
                .tracker
                .spawn(run.in_current_span())
                .await
                .unwrap_or_else(|panic| Err(Box::new(panic)))
        } else {
            match tokio::time::timeout(self.limits.execution_timeout, run).await {
                Ok(finished) => finished,
                Err(_) => Ok(Response::from_errors(vec![coded(
                    "EXECUTION_TIMEOUT",
                    "The operation took too long.",
                )])),
            }
        };
        let outcome = match &finished {
            Ok(response) if response.is_ok() => Outcome::Ok,
            _ => Outcome::Error,
        };
        let duration = began.elapsed();
        self.hooks
            .executed(analysis, Execution { duration, outcome });
        let Ok(response) = finished else {
            error!("a resolver panicked");
            return Err(TransportError::new(
                http::StatusCode::INTERNAL_SERVER_ERROR,
                "INTERNAL",
                "Internal server error.",
            ));
        };
        let is_public = kind == OperationType::Query && response.is_ok();
        let public_max_age = self.hooks.public_max_age(analysis).filter(|_| is_public);
        Ok(Executed {
            body: operation.write(response, &meter),
            public_max_age,
        })
    }

    /// Executes any operation as a stream of responses, for sockets and event streams.
    pub(super) fn responses(
        self: &Arc<Self>,
        operation: PreparedOperation<H::Viewer>,
    ) -> BoxStream<'static, Bytes> {
        let endpoint = Arc::clone(self);
        if operation.kind() == OperationType::Subscription {
            let subscription = Subscription::begin(endpoint, operation);
            return stream::unfold(subscription, |mut subscription| async move {
                subscription
                    .next()
                    .await
                    .map(|response| (response, subscription))
            })
            .boxed();
        }
        let response = async move {
            match endpoint.execute(operation).await {
                Ok(executed) => executed.body,
                Err(error) => response::write_errors(&[error.to_server_error()]),
            }
        };
        response.into_stream().boxed()
    }
}

/// A subscription: one serialised response for each source event.
struct Subscription<E, H: Hooks> {
    endpoint: Arc<GraphqlEndpoint<E, H>>,
    operation: PreparedOperation<H::Viewer>,
    execution: Option<EventExecution>,
    /// The source events, while nothing is executed.
    events: Option<EventStream>,
}

/// One execution of a subscription's document: for one event, or for all events if the resolver
/// does not use [`SubscriptionSource`].
struct EventExecution {
    responses: BoxStream<'static, Response>,
    source: SubscriptionSource,
    meter: CostMeter,
}

impl<E: Executor, H: Hooks> Subscription<E, H> {
    fn begin(
        endpoint: Arc<GraphqlEndpoint<E, H>>,
        operation: PreparedOperation<H::Viewer>,
    ) -> Self {
        let mut subscription = Self {
            endpoint,
            operation,
            execution: None,
            events: None,
        };
        subscription.execute(SubscriptionSource::default());
        subscription
    }

    fn execute(&mut self, source: SubscriptionSource) {
        let meter = CostMeter::default();
        let request = self.endpoint.request(
            &self.operation,
            self.operation.variables.clone(),
            meter.clone(),
        );
        let responses = self.endpoint.engine.stream(request.data(source.clone()));
        self.execution = Some(EventExecution {
            responses,
            source,
            meter,
        });
    }

    /// Returns the next response, or `None` at the end. Cancel safe.
    async fn next(&mut self) -> Option<Bytes> {
        match AssertUnwindSafe(self.advance()).catch_unwind().await {
            Ok(response) => response,
            Err(_) => {
                error!("a subscription panicked");
                (self.execution, self.events) = (None, None);
                let response =
                    Response::from_errors(vec![coded("INTERNAL", "Internal server error.")]);
                Some(self.operation.write(response, &CostMeter::default()))
            }
        }
    }

    async fn advance(&mut self) -> Option<Bytes> {
        loop {
            if let Some(execution) = &mut self.execution {
                if let Some(response) = execution.responses.next().await {
                    return Some(self.operation.write(response, &execution.meter));
                }
                let source = self.execution.take().map(|execution| execution.source);
                self.events = source.and_then(|source| source.next_events(self.events.take()));
            }
            let event = self.events.as_mut()?.next().await?;
            self.execute(SubscriptionSource::for_event(event));
        }
    }
}

fn write(
    mut response: Response,
    requested: u64,
    meter: &CostMeter,
    quota: Option<&Quota>,
) -> Bytes {
    response::mask(
        &mut response.errors,
        |error| warn!(error.message, error.path = ?error.path, "a field failed without a code"),
    );
    let metered = meter.0.load(Ordering::Relaxed);
    let cost = Cost {
        requested,
        metered,
        bucket: quota.map(|quota| quota.bucket),
    };
    response::write(&response, cost)
}
