//! One operation, whichever way it came: admitted, made ready, run, written.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_graphql::parser::types::OperationType;
use async_graphql::{Executor, Request, Response, ServerError};
use bytes::Bytes;
use futures_util::stream::BoxStream;
use futures_util::{FutureExt, Stream, StreamExt};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::Instant;
use tracing::{Instrument, error, warn};

use super::endpoint::GraphqlEndpoint;
use super::fault::{Fault, coded};
use super::gate::{Allowance, Caller, Gate};
use super::request::Params;
use super::response::{self, Cost};
use crate::graphql::document::Document;

/// Points that resolvers add for work that cannot be seen in the answer: rows of a leaf they rendered themselves, calls to a provider.
/// It is among the request's data.
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
pub(super) struct Ready {
    pub(super) kind: OperationType,
    pub(super) allowance: Option<Allowance>,
    document: Arc<Document>,
    request: Request,
    public_for: Option<Duration>,
    requested: u64,
    meter: CostMeter,
}

/// The answer of a query or a mutation.
pub(super) struct Answer {
    pub(super) body: Bytes,
    /// How long anyone may keep it.
    pub(super) public_for: Option<Duration>,
}

impl<E: Executor, G: Gate> GraphqlEndpoint<E, G> {
    /// Finds and judges the document, then asks the gate. `fits` says whether the way it came may carry this kind of operation: what it
    /// refuses is not counted against any limit.
    pub(super) async fn ready(
        &self,
        params: Params,
        viewer: &G::Viewer,
        caller: &Caller,
        fits: impl FnOnce(OperationType) -> Result<(), Stopped> + Send,
    ) -> Result<Ready, Stopped> {
        let prepared =
            self.documents.prepare(params.asked, params.variables, &self.engine).await.map_err(Stopped::Refused)?;
        let analysis = &prepared.document.analysis;
        fits(analysis.kind)?;
        self.gate.authorise(viewer, analysis).map_err(|refusal| Stopped::Refused(vec![refusal.into()]))?;
        let admitted = self.gate.admit(viewer, caller, analysis, prepared.cost).await;
        let allowance = admitted.map_err(|limited| Stopped::Fault(limited.into()))?;
        let (document, name) = prepared.document.executable();
        let mut request = Request::new(String::new()).variables(prepared.variables);
        request.operation_name = name.map(ToString::to_string);
        request.set_parsed_query(document);
        let meter = CostMeter::default();
        let request = self.gate.equip(request.data(meter.clone()), analysis.kind, viewer, caller);
        let public_for = self.gate.public_for(analysis);
        let (kind, requested, document) = (analysis.kind, prepared.cost, prepared.document);
        Ok(Ready { kind, allowance, document, request, public_for, requested, meter })
    }

    /// # Errors
    /// 503 where too much is running already.
    fn permit(&self) -> Result<OwnedSemaphorePermit, Fault> {
        Arc::clone(&self.executing).try_acquire_owned().map_err(|_| Fault::overloaded())
    }

    /// Runs a query or a mutation to its answer. A mutation goes on when whoever waits for it goes away.
    ///
    /// # Errors
    /// 503 where too much is running already; 500 where a resolver panicked.
    pub(super) async fn execute(&self, ready: Ready) -> Result<Answer, Fault> {
        let permit = self.permit()?;
        let Ready { kind, allowance, document, request, public_for, requested, meter } = ready;
        let began = Instant::now();
        let engine = self.engine.clone();
        let run = async move {
            let _permit = permit;
            AssertUnwindSafe(engine.execute(request)).catch_unwind().await
        };
        let finished = if kind == OperationType::Mutation {
            // The inner result is the panic of a resolver, the outer one that of the task, which has nothing else to panic.
            self.lifecycle.tracker.spawn(run.in_current_span()).await.unwrap_or_else(|gone| Err(Box::new(gone)))
        } else {
            match tokio::time::timeout(self.bounds.execution_time, run).await {
                Ok(finished) => finished,
                Err(_) => Ok(Response::from_errors(vec![coded("EXECUTION_TIMEOUT", "The operation took too long.")])),
            }
        };
        self.gate.ran(&document.analysis, began.elapsed(), finished.as_ref().is_ok_and(Response::is_ok));
        let Ok(response) = finished else {
            error!("a resolver panicked");
            return Err(Fault::new(http::StatusCode::INTERNAL_SERVER_ERROR, "INTERNAL", "Internal server error."));
        };
        let public_for = public_for.filter(|_| kind == OperationType::Query && response.is_ok());
        Ok(Answer { body: write(response, requested, &meter, allowance.as_ref()), public_for })
    }

    /// Runs a subscription: one written answer for each event.
    pub(super) fn events(&self, ready: Ready) -> impl Stream<Item = Bytes> + Send + use<E, G> {
        let Ready { request, requested, meter, allowance, .. } = ready;
        let stream = AssertUnwindSafe(self.engine.stream(request)).catch_unwind().map(|event| {
            event.unwrap_or_else(|_| {
                error!("a subscription panicked");
                Response::from_errors(vec![coded("INTERNAL", "Internal server error.")])
            })
        });
        stream.map(move |response| write(response, requested, &meter, allowance.as_ref()))
    }

    /// Runs any operation as a stream of answers, as sockets and event streams carry them.
    pub(super) fn answers(self: &Arc<Self>, ready: Ready) -> BoxStream<'static, Bytes> {
        if ready.kind == OperationType::Subscription {
            return self.events(ready).boxed();
        }
        let endpoint = Arc::clone(self);
        let answer = async move {
            match endpoint.execute(ready).await {
                Ok(answer) => answer.body,
                Err(fault) => response::write_errors(&[fault.as_error()]),
            }
        };
        answer.into_stream().boxed()
    }
}

fn write(mut response: Response, requested: u64, meter: &CostMeter, allowance: Option<&Allowance>) -> Bytes {
    response::mask(
        &mut response.errors,
        |error| warn!(error.message, error.path = ?error.path, "a field failed without a code"),
    );
    let metered = meter.0.load(Ordering::Relaxed);
    let cost = Cost { requested, metered, bucket: allowance.map(|allowance| allowance.bucket) };
    response::write(&response, cost)
}
