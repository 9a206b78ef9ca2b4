//! A server whose schema has one field per behaviour, and whose hooks have one token per outcome.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_graphql::parser::types::OperationType;
use async_graphql::{
    Context, ContextSelectionSet, ErrorExtensions, Object, OutputType, Positioned, Request, Schema,
    ServerResult, Subscription, Value,
};
use axum::Router;
use axum::body::Body;
use bytes::Bytes;
use futures_util::future::BoxFuture;
use futures_util::stream::{self, Stream, StreamExt};
use http::{HeaderMap, StatusCode};
use http_body_util::BodyExt;
use tokio::io::DuplexStream;
use tokio::sync::{Notify, Semaphore};
use tower::ServiceExt;

use crate::document::{Analysis, Limits, Policy};
use crate::{
    AuthError, ClientInfo, ConnectionPermit, CostMeter, Engine, EngineOptions, Gauges,
    GraphqlEndpoint, Hooks, Lifecycle, Origins, Quota, RateLimited, SessionEnd, SubscriptionSource,
    TransportLimits, router,
};

/// Counters and signals by which tests observe and control resolvers.
#[derive(Clone, Default)]
pub(super) struct Controls {
    pub(super) bumps: Arc<AtomicUsize>,
    /// Lets a mutation finish.
    pub(super) finish: Arc<Notify>,
    /// Ends the sessions with the token `short`.
    pub(super) expire: Arc<Notify>,
    pub(super) revoke: Arc<Notify>,
    pub(super) produced: Arc<AtomicUsize>,
}

pub(super) struct Query;

/// JSON that the resolver has rendered.
struct Raw(&'static str);

impl OutputType for Raw {
    fn type_name() -> std::borrow::Cow<'static, str> {
        "Raw".into()
    }

    fn create_type_info(registry: &mut async_graphql::registry::Registry) -> String {
        <async_graphql::Json<()> as OutputType>::create_type_info(registry)
    }

    async fn resolve(
        &self,
        _: &ContextSelectionSet<'_>,
        _: &Positioned<async_graphql::parser::types::Field>,
    ) -> ServerResult<Value> {
        Ok(Value::Binary(Bytes::from_static(self.0.as_bytes())))
    }
}

#[Object]
impl Query {
    async fn hello(&self) -> &str {
        "world"
    }

    async fn cached(&self) -> i32 {
        1
    }

    async fn greet(&self, name: String) -> String {
        format!("Hi {name}")
    }

    async fn never(&self) -> i32 {
        std::future::pending().await
    }

    async fn leak(&self) -> Option<Result<i32, async_graphql::Error>> {
        Some(Err("UNIQUE constraint failed: user.email".into()))
    }

    async fn panic(&self, really: bool) -> i32 {
        assert!(!really, "a resolver with an error");
        0
    }

    async fn raw(&self, ctx: &Context<'_>) -> Raw {
        ctx.data_unchecked::<CostMeter>().add(41);
        Raw("{\"rendered\": [1,\n2]}")
    }

    async fn who(&self, ctx: &Context<'_>) -> String {
        format!(
            "{} {}",
            ctx.data_unchecked::<Viewer>().0,
            ctx.data_unchecked::<ClientInfo>().request_id
        )
    }
}

pub(super) struct Mutation(Controls);

#[Object]
impl Mutation {
    async fn bump(&self) -> i32 {
        self.0.finish.notified().await;
        self.0.bumps.fetch_add(1, Ordering::SeqCst);
        1
    }
}

pub(super) struct Events(Controls);

#[Subscription]
impl Events {
    async fn greetings(&self) -> impl Stream<Item = &'static str> {
        stream::iter(["Hi", "Bonjour", "Hola"])
    }

    async fn forever(&self) -> impl Stream<Item = i32> {
        stream::pending()
    }

    /// Numbers, each in a message of `size` bytes.
    async fn flood(&self, count: usize, size: usize) -> impl Stream<Item = String> {
        let produced = Arc::clone(&self.0.produced);
        stream::iter(0..count).map(move |number| {
            produced.fetch_add(1, Ordering::SeqCst);
            format!("{number}:{}", "x".repeat(size))
        })
    }

    /// An endless source: 0, then one execution per number. 2 has no response, and 4 is the last.
    async fn sourced(
        &self,
        ctx: &Context<'_>,
        panic_at: Option<i32>,
    ) -> impl Stream<Item = async_graphql::Result<i32>> + use<> {
        ctx.data_unchecked::<CostMeter>().add(41);
        let handover = ctx.data_unchecked::<SubscriptionSource>();
        let event = handover.event::<i32>();
        assert!(
            event.is_none() || event != panic_at,
            "a source with an error"
        );
        stream::iter(match event {
            None => {
                handover.follow(stream::iter(1..));
                Some(Ok(0))
            }
            Some(2) => None,
            Some(4) => {
                handover.end();
                Some(Err("no".extend_with(|_, extensions| {
                    extensions.set("code", "FORBIDDEN")
                })))
            }
            Some(number) => Some(Ok(number)),
        })
    }

    async fn failing(&self) -> async_graphql::Result<impl Stream<Item = i32>> {
        let refused: Result<stream::Empty<i32>, _> =
            Err("no".extend_with(|_, extensions| extensions.set("code", "FORBIDDEN")));
        refused
    }
}

#[derive(Clone)]
pub(super) struct Viewer(&'static str);

pub(super) struct TestHooks {
    controls: Controls,
    permits: Arc<Semaphore>,
    auth: Arc<Notify>,
}

impl Hooks for TestHooks {
    type Viewer = Viewer;

    async fn authenticate(
        &self,
        bearer: Option<&str>,
        _: &ClientInfo,
    ) -> Result<Viewer, AuthError> {
        match bearer {
            None => Ok(Viewer("nobody")),
            Some("good") => Ok(Viewer("somebody")),
            Some("short") => Ok(Viewer("short")),
            Some("slow") => {
                self.auth.notified().await;
                Ok(Viewer("slow"))
            }
            Some("down") => Err(AuthError::Unavailable),
            Some(_) => Err(AuthError::Invalid),
        }
    }

    fn session_end(&self, viewer: &Viewer) -> BoxFuture<'static, SessionEnd> {
        let (expire, revoke, ends) = (
            Arc::clone(&self.controls.expire),
            Arc::clone(&self.controls.revoke),
            viewer.0 == "short",
        );
        Box::pin(async move {
            tokio::select! {
                () = expire.notified(), if ends => SessionEnd::Expired,
                () = revoke.notified(), if ends => SessionEnd::Revoked,
                () = std::future::pending() => unreachable!("never"),
            }
        })
    }

    async fn admit(
        &self,
        _: &Viewer,
        _: &ClientInfo,
        analysis: &Analysis,
        _: u64,
    ) -> Result<Option<Quota>, RateLimited> {
        let quota = Quota {
            bucket: "toys",
            limit: 10,
            remaining: 4,
            reset: Duration::from_millis(1_500),
        };
        if analysis.name.as_deref() == Some("Limited") {
            return Err(RateLimited {
                retry_after: Duration::from_secs(7),
                quota: Some(quota),
            });
        }
        Ok((analysis.name.as_deref() == Some("Counted")).then_some(quota))
    }

    fn request_data(
        &self,
        request: Request,
        _: OperationType,
        viewer: &Viewer,
        client: &ClientInfo,
    ) -> Request {
        request.data(viewer.clone()).data(client.clone())
    }

    fn public_max_age(&self, analysis: &Analysis) -> Option<Duration> {
        (analysis.root_fields == ["cached"]).then_some(Duration::from_secs(60))
    }

    fn connection_permit(
        &self,
        viewer: Option<&Viewer>,
        _: &ClientInfo,
    ) -> Result<ConnectionPermit, RateLimited> {
        if viewer.is_none() {
            return Ok(ConnectionPermit(None));
        }
        match Arc::clone(&self.permits).try_acquire_owned() {
            Ok(permit) => Ok(ConnectionPermit(Some(Box::new(permit)))),
            Err(_) => Err(RateLimited {
                retry_after: Duration::from_secs(1),
                quota: None,
            }),
        }
    }
}

/// A server, and the controls of its resolvers.
pub(super) struct TestServer {
    app: Router,
    pub(super) controls: Controls,
    pub(super) gauges: Gauges,
    pub(super) lifecycle: Lifecycle,
}

pub(super) struct Reply {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) text: String,
}

impl Reply {
    pub(super) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }

    pub(super) fn code(&self) -> String {
        self.json()["errors"][0]["extensions"]["code"]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    }

    pub(super) fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().expect("ASCII"))
    }
}

impl TestServer {
    pub(super) fn new() -> Self {
        Self::with(
            TransportLimits::default(),
            EngineOptions {
                introspection: true,
                suggestions: true,
            },
        )
    }

    pub(super) fn with(limits: TransportLimits, options: EngineOptions) -> Self {
        let controls = Controls::default();
        let (mutation, events) = (controls.clone(), controls.clone());
        let build =
            move || Schema::build(Query, Mutation(mutation.clone()), Events(events.clone()));
        let engine = Engine::new(build, options, |types| types);
        let hooks = TestHooks {
            controls: controls.clone(),
            permits: Arc::new(Semaphore::new(3)),
            auth: Arc::default(),
        };
        let policy = Policy {
            limits: Limits::default(),
            introspection: options.introspection,
            persisted_queries: true,
            allow_list: None,
        };
        let (gauges, lifecycle) = (Gauges::default(), Lifecycle::default());
        let endpoint = GraphqlEndpoint::new(engine, hooks, policy)
            .with_limits(limits)
            .with_origins(Origins::new(["https://app.example.com"]))
            .with_gauges(gauges.clone())
            .with_lifecycle(lifecycle.clone());
        Self {
            app: router(endpoint),
            controls,
            gauges,
            lifecycle,
        }
    }

    pub(super) fn request(
        &self,
        request: http::Request<Body>,
    ) -> BoxFuture<'static, Result<axum::response::Response, Infallible>> {
        Box::pin(self.app.clone().oneshot(request))
    }

    pub(super) async fn send(&self, request: http::Request<Body>) -> Reply {
        let (parts, body) = self
            .request(request)
            .await
            .unwrap_or_else(|never| match never {})
            .into_parts();
        let text = String::from_utf8(
            body.collect()
                .await
                .expect("a whole body")
                .to_bytes()
                .into(),
        )
        .expect("UTF-8");
        Reply {
            status: parts.status,
            headers: parts.headers,
            text,
        }
    }

    pub(super) async fn post(&self, headers: &[(&str, &str)], body: impl Into<Body>) -> Reply {
        self.send(post("/graphql", headers, body)).await
    }

    pub(super) async fn query(&self, query: &str) -> Reply {
        self.post(&[], serde_json::json!({ "query": query }).to_string())
            .await
    }

    /// Connects to the server through a pipe.
    pub(super) fn connect(&self, buffer: usize) -> DuplexStream {
        let (ours, theirs) = tokio::io::duplex(buffer);
        let service = hyper_util::service::TowerToHyperService::new(self.app.clone());
        let connection = hyper::server::conn::http1::Builder::new()
            .serve_connection(hyper_util::rt::TokioIo::new(theirs), service);
        tokio::spawn(connection.with_upgrades());
        ours
    }

    /// Waits until all sockets and operations have ended.
    pub(super) async fn settled(&self) {
        self.lifecycle.tracker.close();
        self.lifecycle.tracker.wait().await;
        while self.gauges.sockets.load(Ordering::SeqCst) != 0
            || self.gauges.operations.load(Ordering::SeqCst) != 0
        {
            tokio::task::yield_now().await;
        }
    }
}

pub(super) fn post(
    path: &str,
    headers: &[(&str, &str)],
    body: impl Into<Body>,
) -> http::Request<Body> {
    let mut request = http::Request::post(path);
    if !headers.iter().any(|(name, _)| *name == "content-type") {
        request = request.header("content-type", "application/json");
    }
    for (name, value) in headers.iter().filter(|(_, value)| *value != "-") {
        request = request.header(*name, *value);
    }
    request.body(body.into()).expect("a request")
}
