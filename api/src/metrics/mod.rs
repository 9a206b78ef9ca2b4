//! Metrics, exposed at `/metrics` as OpenMetrics text. One typed method per kind of measurement.

mod labels;
mod process;
#[cfg(test)]
mod tests;
mod zone_data;

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::{Duration, Instant};

use http::{Method, StatusCode};
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Metric, Registry, Unit};

use labels::{Build, Call, Delivery, Name, Names, Outcome, Refusal, Request};

type Histograms<L> = Family<L, Histogram, fn() -> Histogram>;

/// Half a millisecond to ten seconds; the latency goals (10, 50, 250 ms) are bucket bounds.
const SECONDS: [f64; 13] = [
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0,
];
/// From the provider's send to our accept: up to a day.
const LAG_SECONDS: [f64; 10] = [
    0.1, 0.25, 0.5, 1.0, 5.0, 30.0, 120.0, 600.0, 3600.0, 86_400.0,
];

fn latency() -> Histogram {
    Histogram::new(SECONDS)
}

fn lag() -> Histogram {
    Histogram::new(LAG_SECONDS)
}

/// Maximum distinct values per label: more than the schema has fields, few enough for Prometheus.
const MAX_NAMES: usize = 300;

/// All metrics of the process. Shared as an `Arc`.
pub struct Metrics {
    registry: Registry,
    started: Instant,
    routes: Names,
    operations: Names,
    fields: Names,
    triggers: Names,
    jobs: Names,
    requests: Family<Request, Counter>,
    request_seconds: Histograms<Request>,
    operation_seconds: Histograms<Outcome>,
    field_seconds: Histograms<Name>,
    webhooks_accepted: Family<Delivery, Counter>,
    webhooks_duplicate: Family<Delivery, Counter>,
    webhooks_refused: Family<Refusal, Counter>,
    webhook_lag: Histograms<Delivery>,
    webhook_projection: Histograms<Delivery>,
    provider_routes: Names,
    provider_calls: Histograms<Call>,
    breakers: Family<labels::Provider, Gauge>,
    jobs_waiting: Family<labels::State, Gauge>,
    job_seconds: Histograms<Outcome>,
    sockets: Gauge,
    subscriptions: Gauge,
    bookings: Family<labels::State, Counter>,
    reconciled: Family<labels::State, Counter>,
    pool: Family<labels::State, Gauge>,
    rate_limited: Family<labels::State, Counter>,
    resident: Gauge,
    files: Gauge,
    uptime: Gauge<f64, AtomicU64>,
}

impl Metrics {
    pub fn new() -> Arc<Self> {
        let mut registry = Registry::with_prefix("courtside");
        let r = &mut registry;
        let build = Info::new(Build {
            version: env!("CARGO_PKG_VERSION"),
        });
        r.register("build", "Running version", build);
        zone_data::register(r);
        let requests = counted(r, "http_requests", "HTTP requests answered");
        let request_seconds = timed(
            r,
            "http_request_duration",
            "From the head of a request to its answer",
            latency,
        );
        let operation_seconds = timed(
            r,
            "graphql_operation_duration",
            "GraphQL operations",
            latency,
        );
        let field_seconds = timed(r, "graphql_field_duration", "GraphQL root fields", latency);
        let webhooks_accepted = counted(r, "webhooks_accepted", "Deliveries stored");
        let webhooks_duplicate = counted(r, "webhooks_duplicate", "Duplicate deliveries");
        let webhooks_refused = counted(r, "webhooks_refused", "Deliveries refused");
        let webhook_lag = timed(
            r,
            "webhook_lag",
            "From a provider's event to the commit of its delivery",
            lag,
        );
        let webhook_projection = timed(
            r,
            "webhook_projection",
            "From the commit of a delivery to its effect",
            lag,
        );
        let provider_calls = timed(
            r,
            "provider_call_duration",
            "Attempts of calls to providers",
            latency,
        );
        let breakers = counted(
            r,
            "provider_breaker",
            "Circuit breaker: 0 closed, 1 half-open, 2 open",
        );
        let jobs_waiting = counted(r, "jobs", "Jobs by state");
        let job_seconds = timed(r, "job_duration", "Runs of jobs", latency);
        let sockets = counted(r, "sockets", "WebSockets open");
        let subscriptions = counted(
            r,
            "subscriptions",
            "Operations on WebSockets and event streams",
        );
        let bookings = counted(r, "bookings", "Changes of bookings by clients");
        let reconciled = counted(
            r,
            "reconciled_bookings",
            "Bookings read, changed and failed in reconciliation",
        );
        let pool = counted(r, "database_connections", "Database connections by state");
        let rate_limited = counted(r, "rate_limited", "Requests refused by a rate limit");
        let resident = measured(r, "process_resident_memory", "Memory in use", Unit::Bytes);
        let files = counted(r, "process_open_files", "Files and sockets open");
        let uptime = measured(r, "process_uptime", "Since the start", Unit::Seconds);
        Arc::new(Self {
            registry,
            started: Instant::now(),
            routes: Names::new(MAX_NAMES),
            operations: Names::new(MAX_NAMES),
            fields: Names::new(MAX_NAMES),
            triggers: Names::new(MAX_NAMES),
            jobs: Names::new(MAX_NAMES),
            requests,
            request_seconds,
            operation_seconds,
            field_seconds,
            webhooks_accepted,
            webhooks_duplicate,
            webhooks_refused,
            webhook_lag,
            webhook_projection,
            provider_routes: Names::new(MAX_NAMES),
            provider_calls,
            breakers,
            jobs_waiting,
            job_seconds,
            sockets,
            subscriptions,
            bookings,
            reconciled,
            pool,
            rate_limited,
            resident,
            files,
            uptime,
        })
    }

    /// `route` is the matched pattern, such as `/webhooks/{provider}`.
    pub fn request(&self, method: &Method, route: &str, status: StatusCode, took: Duration) {
        let labels = Request {
            route: self.routes.get(route),
            method: method_name(method),
            status: class(status),
        };
        self.requests.get_or_create(&labels).inc();
        self.request_seconds
            .get_or_create(&labels)
            .observe(took.as_secs_f64());
    }

    /// `name` is the client's operation name; `outcome` is `ok` or an error code.
    pub fn operation(&self, name: &str, outcome: &'static str, took: Duration) {
        let labels = Outcome {
            name: self.operations.get(name),
            outcome,
        };
        self.operation_seconds
            .get_or_create(&labels)
            .observe(took.as_secs_f64());
    }

    /// Records a root field of the schema.
    pub fn field(&self, name: &str, took: Duration) {
        let labels = Name {
            name: self.fields.get(name),
        };
        self.field_seconds
            .get_or_create(&labels)
            .observe(took.as_secs_f64());
    }

    /// `lag`: time since the provider's event timestamp, if it has one.
    pub fn webhook_accepted(&self, provider: &'static str, trigger: &str, lag: Option<Duration>) {
        let labels = Delivery {
            provider,
            trigger: self.triggers.get(trigger),
        };
        self.webhooks_accepted.get_or_create(&labels).inc();
        if let Some(lag) = lag {
            self.webhook_lag
                .get_or_create(&labels)
                .observe(lag.as_secs_f64());
        }
    }

    /// `took`: from receiving the delivery to the end of its processing.
    pub fn webhook_projected(&self, provider: &'static str, trigger: &str, took: Duration) {
        let labels = Delivery {
            provider,
            trigger: self.triggers.get(trigger),
        };
        self.webhook_projection
            .get_or_create(&labels)
            .observe(took.as_secs_f64());
    }

    pub fn webhook_duplicate(&self, provider: &'static str, trigger: &str) {
        self.webhooks_duplicate
            .get_or_create(&Delivery {
                provider,
                trigger: self.triggers.get(trigger),
            })
            .inc();
    }

    pub fn webhook_refused(&self, provider: &'static str, reason: &'static str) {
        self.webhooks_refused
            .get_or_create(&Refusal { provider, reason })
            .inc();
    }

    /// Records one attempt of a call. `route` is a template such as `GET /v2/bookings/{uid}`;
    /// `outcome` comes from a small fixed set.
    pub fn provider_call(
        &self,
        provider: &'static str,
        route: &str,
        outcome: &'static str,
        took: Duration,
    ) {
        let labels = Call {
            provider,
            route: self.provider_routes.get(&route.replace(' ', ":")),
            outcome,
        };
        self.provider_calls
            .get_or_create(&labels)
            .observe(took.as_secs_f64());
    }

    /// State of a provider's circuit breaker: 0 closed, 1 half-open, 2 open.
    pub fn breaker(&self, provider: &'static str, level: i64) {
        self.breakers
            .get_or_create(&labels::Provider { provider })
            .set(level);
    }

    /// Number of jobs in a state.
    pub fn jobs_in(&self, state: &'static str, count: u64) {
        self.jobs_waiting
            .get_or_create(&labels::State { state })
            .set(gauge(count));
    }

    pub fn job_ran(&self, kind: &str, outcome: &'static str, took: Duration) {
        let labels = Outcome {
            name: self.jobs.get(kind),
            outcome,
        };
        self.job_seconds
            .get_or_create(&labels)
            .observe(took.as_secs_f64());
    }

    /// Open sockets, and operations on sockets and event streams.
    pub fn live(&self, sockets: i64, operations: i64) {
        self.sockets.set(sockets);
        self.subscriptions.set(operations);
    }

    /// Records one reconciliation: bookings read, bookings changed, and bookings that could not be
    /// read or applied.
    pub fn reconciled(&self, read: usize, changed: usize, failed: usize) {
        self.reconciled
            .get_or_create(&labels::State { state: "read" })
            .inc_by(read as u64);
        self.reconciled
            .get_or_create(&labels::State { state: "changed" })
            .inc_by(changed as u64);
        self.reconciled
            .get_or_create(&labels::State { state: "failed" })
            .inc_by(failed as u64);
    }

    /// `event` is one of `created`, `canceled`, `rescheduled` and the like.
    pub fn booking(&self, event: &'static str) {
        self.bookings
            .get_or_create(&labels::State { state: event })
            .inc();
    }

    /// `state` is one of `open`, `idle`, `most`.
    pub fn database_connections(&self, state: &'static str, count: u64) {
        self.pool
            .get_or_create(&labels::State { state })
            .set(gauge(count));
    }

    /// `limit` is the name of the limit, such as `requests` or `bookings`.
    pub fn rate_limited(&self, limit: &'static str) {
        self.rate_limited
            .get_or_create(&labels::State { state: limit })
            .inc();
    }

    /// Renders all metrics as OpenMetrics text.
    pub fn text(&self) -> String {
        if let Some(bytes) = process::resident_bytes() {
            self.resident.set(gauge(bytes));
        }
        if let Some(count) = process::open_files() {
            self.files.set(gauge(count));
        }
        self.uptime.set(self.started.elapsed().as_secs_f64());
        let mut text = String::with_capacity(16 * 1024);
        encode(&mut text, &self.registry).expect("a string takes whatever is written to it");
        text
    }
}

/// Registers a metric without a unit. The registry appends `_total` to counters.
fn counted<M: Metric + Default + Clone>(registry: &mut Registry, name: &str, help: &str) -> M {
    let metric = M::default();
    registry.register(name, help, metric.clone());
    metric
}

fn measured<M: Metric + Default + Clone>(
    registry: &mut Registry,
    name: &str,
    help: &str,
    unit: Unit,
) -> M {
    let metric = M::default();
    registry.register_with_unit(name, help, unit, metric.clone());
    metric
}

fn timed<L>(
    registry: &mut Registry,
    name: &str,
    help: &str,
    histogram: fn() -> Histogram,
) -> Histograms<L>
where
    L: Clone + std::hash::Hash + Eq,
    Histograms<L>: Metric,
{
    let metric = Family::new_with_constructor(histogram);
    registry.register_with_unit(name, help, Unit::Seconds, metric.clone());
    metric
}

fn gauge(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// Maps methods that a client makes up to one label value.
fn method_name(method: &Method) -> &'static str {
    match method.as_str() {
        "GET" => "GET",
        "HEAD" => "HEAD",
        "POST" => "POST",
        "PUT" => "PUT",
        "PATCH" => "PATCH",
        "DELETE" => "DELETE",
        "OPTIONS" => "OPTIONS",
        _ => "other",
    }
}

fn class(status: StatusCode) -> &'static str {
    match status.as_u16() {
        100..200 => "1xx",
        200..300 => "2xx",
        300..400 => "3xx",
        400..500 => "4xx",
        _ => "5xx",
    }
}
