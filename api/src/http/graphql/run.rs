//! One operation, whichever way it came: admitted, made ready, run, written.

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
use super::fault::{Fault, coded};
use super::gate::{Allowance, Caller, Gate};
use super::request::Params;
use super::response::{self, Cost};
use crate::graphql::document::Document;
use crate::graphql::source::{Handover, Source};

/// Points that resolvers add for work that cannot be seen in the answer: rows of a leaf they
/// rendered themselves, calls to a provider. It is among the request's data, one for each answer.
#[derive(Clone, Debug, Default)]
pub struct CostMeter(Arc<AtomicU64>);

impl CostMeter {
    pub fn add(&self, points: u64) {
        self.0.fetch_add(points, Ordering::Relaxed);
    }
}

/// Why an operation is not run.
pub(super) enum Stopped {
    /// The document or its variables: request errors, which each transport has its own way to say.
    Refused(Vec<ServerError>),
    /// Anything else.
    Fault(Fault),
}

/// An operation that may run.
pub(super) struct Ready<V> {
    pub(super) allowance: Option<Allowance>,
    document: Arc<Document>,
    variables: Variables,
    viewer: V,
    caller: Caller,
    requested: u64,
}

impl<V> Ready<V> {
    pub(super) fn kind(&self) -> OperationType {
        self.document.analysis.kind
    }

    fn write(&self, response: Response, meter: &CostMeter) -> Bytes {
        write(response, self.requested, meter, self.allowance.as_ref())
    }
}

/// The answer of a query or a mutation.
pub(super) struct Answer {
    pub(super) body: Bytes,
    /// How long anyone may keep it.
    pub(super) public_for: Option<Duration>,
}

impl<E: Executor, G: Gate> GraphqlEndpoint<E, G> {
    /// Finds and judges the document, then asks the gate. `fits` says whether the way it came may
    /// carry this kind of operation: what it refuses is not counted against any limit.
    pub(super) async fn ready(
        &self,
        params: Params,
        viewer: &G::Viewer,
        caller: &Caller,
        fits: impl FnOnce(OperationType) -> Result<(), Stopped> + Send,
    ) -> Result<Ready<G::Viewer>, Stopped> {
        let prepared = self
            .documents
            .prepare(params.asked, params.variables, &self.engine)
            .await
            .map_err(Stopped::Refused)?;
        let analysis = &prepared.document.analysis;
        fits(analysis.kind)?;
        self.gate
            .authorise(viewer, analysis)
            .map_err(|refusal| Stopped::Refused(vec![refusal.into()]))?;
        let admitted = self
            .gate
            .admit(viewer, caller, analysis, prepared.cost)
            .await;
        let allowance = admitted.map_err(|limited| Stopped::Fault(limited.into()))?;
        Ok(Ready {
            allowance,
            variables: prepared.variables,
            viewer: viewer.clone(),
            caller: caller.clone(),
            requested: prepared.cost,
            document: prepared.document,
        })
    }

    /// What the library is given for one execution.
    fn request(&self, ready: &Ready<G::Viewer>, variables: Variables, meter: CostMeter) -> Request {
        let (document, name) = ready.document.executable();
        let mut request = Request::new(String::new()).variables(variables);
        request.operation_name = name.map(ToString::to_string);
        request.set_parsed_query(document);
        self.gate.equip(
            request.data(meter),
            ready.kind(),
            &ready.viewer,
            &ready.caller,
        )
    }

    /// # Errors
    /// 503 where too much is running already.
    fn permit(&self) -> Result<OwnedSemaphorePermit, Fault> {
        Arc::clone(&self.executing)
            .try_acquire_owned()
            .map_err(|_| Fault::overloaded())
    }

    /// Runs a query or a mutation to its answer. A mutation goes on when whoever waits for it goes
    /// away.
    ///
    /// # Errors
    /// 503 where too much is running already; 500 where a resolver panicked.
    pub(super) async fn execute(&self, mut ready: Ready<G::Viewer>) -> Result<Answer, Fault> {
        let permit = self.permit()?;
        let (kind, meter, variables) = (
            ready.kind(),
            CostMeter::default(),
            std::mem::take(&mut ready.variables),
        );
        let request = self.request(&ready, variables, meter.clone());
        let analysis = &ready.document.analysis;
        let began = Instant::now();
        let engine = self.engine.clone();
        let run = async move {
            let _permit = permit;
            AssertUnwindSafe(engine.execute(request))
                .catch_unwind()
                .await
        };
        let finished = if kind == OperationType::Mutation {
            // The inner result is the panic of a resolver, the outer one that of the task, which
            // has nothing else to panic.
            self.lifecycle
                .tracker
                .spawn(run.in_current_span())
                .await
                .unwrap_or_else(|gone| Err(Box::new(gone)))
        } else {
            match tokio::time::timeout(self.bounds.execution_time, run).await {
                Ok(finished) => finished,
                Err(_) => Ok(Response::from_errors(vec![coded(
                    "EXECUTION_TIMEOUT",
                    "The operation took too long.",
                )])),
            }
        };
        self.gate.ran(
            analysis,
            began.elapsed(),
            finished.as_ref().is_ok_and(Response::is_ok),
        );
        let Ok(response) = finished else {
            error!("a resolver panicked");
            return Err(Fault::new(
                http::StatusCode::INTERNAL_SERVER_ERROR,
                "INTERNAL",
                "Internal server error.",
            ));
        };
        let is_public = kind == OperationType::Query && response.is_ok();
        let public_for = self.gate.public_for(analysis).filter(|_| is_public);
        Ok(Answer {
            body: ready.write(response, &meter),
            public_for,
        })
    }

    /// Runs any operation as a stream of answers, as sockets and event streams carry them.
    pub(super) fn answers(self: &Arc<Self>, ready: Ready<G::Viewer>) -> BoxStream<'static, Bytes> {
        let endpoint = Arc::clone(self);
        if ready.kind() == OperationType::Subscription {
            let subscription = Subscription::begin(endpoint, ready);
            return stream::unfold(subscription, |mut subscription| async move {
                subscription
                    .next()
                    .await
                    .map(|answer| (answer, subscription))
            })
            .boxed();
        }
        let answer = async move {
            match endpoint.execute(ready).await {
                Ok(answer) => answer.body,
                Err(fault) => response::write_errors(&[fault.as_error()]),
            }
        };
        answer.into_stream().boxed()
    }
}

/// A subscription: one written answer for each event of its source.
struct Subscription<E, G: Gate> {
    endpoint: Arc<GraphqlEndpoint<E, G>>,
    ready: Ready<G::Viewer>,
    execution: Option<Execution>,
    /// What it waits for when nothing is being executed.
    source: Option<Source>,
}

/// One execution of a subscription's document: for one event, or, where the resolver keeps its
/// source to itself, for all there are.
struct Execution {
    answers: BoxStream<'static, Response>,
    handover: Handover,
    meter: CostMeter,
}

impl<E: Executor, G: Gate> Subscription<E, G> {
    fn begin(endpoint: Arc<GraphqlEndpoint<E, G>>, ready: Ready<G::Viewer>) -> Self {
        let mut subscription = Self {
            endpoint,
            ready,
            execution: None,
            source: None,
        };
        subscription.execute(Handover::default());
        subscription
    }

    fn execute(&mut self, handover: Handover) {
        let meter = CostMeter::default();
        let request =
            self.endpoint
                .request(&self.ready, self.ready.variables.clone(), meter.clone());
        let answers = self.endpoint.engine.stream(request.data(handover.clone()));
        self.execution = Some(Execution {
            answers,
            handover,
            meter,
        });
    }

    /// The next answer; `None` when there is nothing more to come. May be dropped and called again
    /// at any time.
    async fn next(&mut self) -> Option<Bytes> {
        match AssertUnwindSafe(self.advance()).catch_unwind().await {
            Ok(answer) => answer,
            Err(_) => {
                error!("a subscription panicked");
                (self.execution, self.source) = (None, None);
                let response =
                    Response::from_errors(vec![coded("INTERNAL", "Internal server error.")]);
                Some(self.ready.write(response, &CostMeter::default()))
            }
        }
    }

    async fn advance(&mut self) -> Option<Bytes> {
        loop {
            if let Some(execution) = &mut self.execution {
                if let Some(response) = execution.answers.next().await {
                    return Some(self.ready.write(response, &execution.meter));
                }
                let handover = self.execution.take().map(|execution| execution.handover);
                self.source = handover.and_then(|handover| handover.go_on(self.source.take()));
            }
            let event = self.source.as_mut()?.next().await?;
            self.execute(Handover::of(event));
        }
    }
}

fn write(
    mut response: Response,
    requested: u64,
    meter: &CostMeter,
    allowance: Option<&Allowance>,
) -> Bytes {
    response::mask(
        &mut response.errors,
        |error| warn!(error.message, error.path = ?error.path, "a field failed without a code"),
    );
    let metered = meter.0.load(Ordering::Relaxed);
    let cost = Cost {
        requested,
        metered,
        bucket: allowance.map(|allowance| allowance.bucket),
    };
    response::write(&response, cost)
}
