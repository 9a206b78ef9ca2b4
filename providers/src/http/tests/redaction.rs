//! Logs and errors name the route and the outcome and contain no data of the request.

use std::fmt::Write;
use std::sync::atomic::{AtomicU64, Ordering};

use ::http::{HeaderValue, header};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

use super::server::{Action, Server, respond};
use super::*;

/// Records every span and event of this crate and its dependencies, as text.
#[derive(Clone, Default)]
struct Log {
    text: Arc<Mutex<String>>,
    spans: Arc<AtomicU64>,
}

struct Fields<'a>(&'a mut String);

impl Visit for Fields<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        write!(self.0, " {}={value:?}", field.name()).expect("a string takes everything");
    }
}

impl Log {
    fn line(&self, name: &str, record: impl FnOnce(&mut Fields<'_>)) {
        let mut text = self.text.lock().expect("no holder panics");
        text.push_str(name);
        record(&mut Fields(&mut text));
        text.push('\n');
    }

    fn text(&self) -> String {
        self.text.lock().expect("no holder panics").clone()
    }
}

impl Subscriber for Log {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        self.line(span.metadata().name(), |fields| span.record(fields));
        Id::from_u64(self.spans.fetch_add(1, Ordering::Relaxed) + 1)
    }

    fn record(&self, _: &Id, values: &Record<'_>) {
        self.line("+", |fields| values.record(fields));
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        self.line("event", |fields| event.record(fields));
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

/// A retry, a success, and two failures that open the breaker. Returns all results as text.
async fn provoke_failures() -> String {
    let cut = Action::Send(
        "HTTP/1.1 200 OK\r\nx-hush: hush\r\ncontent-length: 50\r\n\r\n{\"hush\":".to_owned(),
    );
    let responses = [
        respond(503, "x-hush: hush\r\n", "hush"),
        respond(200, "x-hush: hush\r\n", "hush"),
        Action::ResetRead,
        cut,
    ];
    let server = Server::sequence(responses).await;
    let breaker = Breaker {
        consecutive: 2,
        ..Breaker::default()
    };
    let (client, _) = client(Policy {
        breaker,
        ..policy()
    });
    let mut shown = String::new();
    for safety in [Safety::Idempotent, Safety::Once, Safety::Once, Safety::Once] {
        let mut call = call(&server.url(), safety);
        call.headers.insert(
            header::AUTHORIZATION,
            HeaderValue::from_static("Bearer hush"),
        );
        writeln!(shown, "{:?}", client.send(call).await).expect("a string takes everything");
    }
    shown
}

/// Runs a single test in a process of its own.
fn run_in_own_process(test: &str) {
    let this = std::env::current_exe().expect("tests are a program");
    let output = std::process::Command::new(this)
        .args(["--exact", test])
        .output();
    let output = output.expect("a program can be run twice");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && text.contains("1 passed"),
        "{text}"
    );
}

#[tokio::test]
async fn spans_contain_route_and_outcome_and_no_data_of_the_request() {
    // tracing caches callsite interest per process and tests run in parallel, so this test needs
    // its own process.
    if !std::env::args().any(|argument| argument == "--exact") {
        return run_in_own_process(
            "http::tests::redaction::spans_contain_route_and_outcome_and_no_data_of_the_request",
        );
    }
    let log = Log::default();
    let here = tracing::subscriber::set_default(log.clone());
    let shown = provoke_failures().await;
    drop(here);
    let text = log.text();
    let first = "provider_call provider=\"calcom\" route=\"POST /v2/things/{uid}\"\n+ attempt=1\n";
    assert!(text.starts_with(first), "{text}");
    for line in ["+ attempt=2\n", "+ status=200\n", "+ duration_ms="] {
        assert!(
            text.contains(&format!("\n{line}")),
            "{line} is missing: {text}"
        );
    }
    assert!(
        text.contains("circuit breaker opened: the provider does not respond provider=calcom\n"),
        "{text}"
    );
    assert_eq!(
        text.matches("provider_call").count(),
        4,
        "one for each call: {text}"
    );
    for secret in ["hush", "s3cret"] {
        assert!(
            !text.contains(secret) && !shown.contains(secret),
            "{text}{shown}"
        );
    }
}
