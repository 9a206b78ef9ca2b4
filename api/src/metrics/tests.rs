use super::*;

fn line<'a>(text: &'a str, start: &str) -> &'a str {
    text.lines()
        .find(|line| line.starts_with(start))
        .unwrap_or_else(|| panic!("no `{start}` in:\n{text}"))
}

#[test]
fn all_measurements_are_in_the_text() {
    let metrics = Metrics::new();
    let took = Duration::from_millis(3);
    metrics.request(&Method::POST, "/graphql", StatusCode::OK, took);
    metrics.operation("Slots", "ok", took);
    metrics.field("slots", took);
    metrics.webhook_accepted("calcom", "BOOKING_CREATED", Some(Duration::from_secs(2)));
    metrics.webhook_projected("calcom", "BOOKING_CREATED", Duration::from_secs(3));
    metrics.webhook_duplicate("calcom", "BOOKING_CREATED");
    metrics.webhook_refused("calcom", "signature");
    metrics.jobs_in("waiting", 7);
    metrics.job_ran("process_delivery", "done", took);
    metrics.booking("created");
    metrics.reconciled(5, 2, 1);
    metrics.database_connections("idle", 4);
    metrics.rate_limited("bookings");
    let text = metrics.text();
    for expected in [
        "courtside_http_requests_total{route=\"/graphql\",method=\"POST\",status=\"2xx\"} 1",
        "courtside_graphql_operation_duration_seconds_count{name=\"Slots\",outcome=\"ok\"} 1",
        "courtside_graphql_field_duration_seconds_bucket{le=\"0.005\",name=\"slots\"} 1",
        "courtside_webhooks_accepted_total{provider=\"calcom\",trigger=\"BOOKING_CREATED\"} 1",
        "courtside_webhook_lag_seconds_sum{provider=\"calcom\",trigger=\"BOOKING_CREATED\"} 2",
        "courtside_webhook_projection_seconds_sum{provider=\"calcom\",trigger=\"BOOKING_CREATED\"} 3",
        "courtside_webhooks_duplicate_total{provider=\"calcom\",trigger=\"BOOKING_CREATED\"} 1",
        "courtside_webhooks_refused_total{provider=\"calcom\",reason=\"signature\"} 1",
        "courtside_jobs{state=\"waiting\"} 7",
        "courtside_job_duration_seconds_count{name=\"process_delivery\",outcome=\"done\"} 1",
        "courtside_bookings_total{state=\"created\"} 1",
        "courtside_reconciled_bookings_total{state=\"failed\"} 1",
        "courtside_database_connections{state=\"idle\"} 4",
        "courtside_rate_limited_total{state=\"bookings\"} 1",
        "courtside_build_info{version=\"0.1.0\"} 1",
    ] {
        line(&text, expected);
    }
    assert!(text.ends_with("# EOF\n"));
}

#[test]
fn gauges_show_current_values() {
    let metrics = Metrics::new();
    metrics.live(2, 1);
    let text = metrics.text();
    assert_eq!(line(&text, "courtside_sockets "), "courtside_sockets 2");
    assert_eq!(
        line(&text, "courtside_subscriptions "),
        "courtside_subscriptions 1"
    );
    metrics.live(0, 0);
    let text = metrics.text();
    assert_eq!(line(&text, "courtside_sockets "), "courtside_sockets 0");
    assert_eq!(
        line(&text, "courtside_subscriptions "),
        "courtside_subscriptions 0"
    );
}

#[test]
fn callers_cannot_create_unbounded_series() {
    let metrics = Metrics::new();
    for number in 0..10_000 {
        metrics.operation(&format!("Op{number}"), "ok", Duration::ZERO);
    }
    metrics.operation("evil\"} 1\nfake 1", "ok", Duration::ZERO);
    let text = metrics.text();
    let series = text
        .lines()
        .filter(|line| line.starts_with("courtside_graphql_operation_duration_seconds_count"))
        .count();
    assert_eq!(series, MAX_NAMES + 1);
    let others = line(
        &text,
        "courtside_graphql_operation_duration_seconds_count{name=\"other\"",
    );
    assert!(
        others.ends_with(&format!(" {}", 10_000 - MAX_NAMES + 1)),
        "{others}"
    );
}

#[test]
fn the_process_is_measured() {
    let text = Metrics::new().text();
    let value = |name: &str| {
        line(&text, name)
            .rsplit(' ')
            .next()
            .and_then(|v| v.parse::<f64>().ok())
            .expect("a number")
    };
    assert!(value("courtside_process_uptime_seconds ") >= 0.0);
    if cfg!(target_os = "linux") {
        assert!(value("courtside_process_resident_memory_bytes ") > 1_000_000.0);
        assert!(value("courtside_process_open_files ") > 2.0);
    }
}
