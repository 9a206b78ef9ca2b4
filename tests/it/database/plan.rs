//! Every statement that the program runs finds its rows by an index.

use std::collections::BTreeSet;

use sea_orm::{
    ConnectOptions, ConnectionTrait, Database, DatabaseConnection, DbBackend, Statement,
};
use serde_json::{Value, json};
use tests::{TestApp, at, both};

use crate::booking::{MINE, cancel, create, id_of, reschedule};

both![no_statement_reads_a_whole_table];

/// Tables that grow with use. The others hold what a marketplace offers.
const GROWING: [&str; 12] = [
    "audit_log",
    "booking",
    "booking_event",
    "idempotency_key",
    "job",
    "note",
    "provider_booking",
    "session",
    "slot_hold",
    "payment",
    "user",
    "webhook_delivery",
];

/// An index of only the bookings in conflict, which are few: all of them are looked at.
const SEEN_WHOLE: &str = " USING INDEX booking_conflict";

async fn no_statement_reads_a_whole_table(app: &TestApp) {
    let ((), ran) = app.statements.of(everything(app)).await;
    let statements: BTreeSet<_> = ran.into_iter().filter(|sql| reads(sql)).collect();
    assert!(
        statements.len() > 40,
        "few statements were run: {statements:#?}"
    );
    let mut options = ConnectOptions::new(app.database_url());
    options.max_connections(1).sqlx_logging(false);
    let db = Database::connect(options)
        .await
        .expect("the database answers");
    let mut slow = Vec::new();
    for sql in &statements {
        let found = match db.get_database_backend() {
            DbBackend::Sqlite => scans_of_sqlite(&db, sql).await,
            _ => scans_of_postgres(&db, sql).await,
        };
        slow.extend(found.into_iter().map(|scan| format!("{scan}\n    {sql}")));
    }
    db.close().await.expect("nobody else uses it");
    assert!(
        slow.is_empty(),
        "{} statements read a whole table:\n{}",
        slow.len(),
        slow.join("\n")
    );
}

/// Whether a statement looks for rows. Counting everything is asked for as such.
fn reads(sql: &str) -> bool {
    let verb = sql
        .split_whitespace()
        .next()
        .unwrap_or_default()
        .to_ascii_uppercase();
    ["SELECT", "UPDATE", "DELETE"].contains(&verb.as_str())
        && !sql.contains("COUNT(*)")
        && !sql.contains("pg_")
}

/// Uses the program in every way that lists, finds or changes something.
async fn everything(app: &TestApp) {
    let (maria, nora, admin) = (app.client("maria"), app.coach("nora"), app.admin());
    let offer = app.offer("nora", "coaching-60").await;
    let mut live = maria.subscribe(MINE, json!({})).await;
    let id = id_of(&create(&maria, &offer.order(at("2026-11-25T14:00:00Z"))).await);
    reschedule(&maria, &id, "2026-11-25T19:00:00Z").await.ok();
    live.next().await;
    live.close().await;
    for (actor, query) in [
        (
            &maria,
            "{ viewer { verificationBooking { id } bookings { nodes { history { nodes { kind } } } }
            sessions { nodes { notes { nodes { body } } } } holds { id } } }",
        ),
        (
            &maria,
            "{ viewer { bookings(role: CLIENT, filter: { statuses: [CONFIRMED], startsFrom: \"2026-01-01T00:00:00Z\" })
            { nodes { coach { id } eventType { id } session { id } client { id } } } } }",
        ),
        (&nora, "{ viewer { bookings(role: COACH, last: 5) { nodes { id } } } }"),
        (&nora, "{ viewer { coach { schedules { id overrides { date } } eventTypes { nodes { hosts { id } } } } } }"),
        (&admin, "{ admin { bookings(filter: { inConflict: true }) { nodes { id } } } }"),
        (&admin, "{ admin { bookings(filter: { updatedFrom: \"2026-01-01T00:00:00Z\" }) { nodes { id } } } }"),
        (&admin, "{ admin { bookings(filter: { clientEmail: \"maria@courtside.example\" }) { nodes { id } } } }"),
        (&admin, "{ admin { webhookDeliveries { nodes { id } } deadJobs { nodes { id } } } }"),
        (&admin, "{ admin { bookings { nodes { id } } sessions { nodes { id } } users { nodes { id } } } }"),
        (
            &maria,
            "{ viewer { bookings { nodes { id coach { id } session { notes(first: 3) { nodes { body } } } } } } }",
        ),
        (&maria, "{ coaches { nodes { id eventTypes(first: 5) { nodes { title } } } } }"),
        (&maria, "{ coaches { nodes { startingPrice { amount } } } specialties }"),
    ] {
        actor.gql(query, json!({})).await.ok();
    }
    let slots = "query($id: ID!) { slots(eventTypeId: $id, range: { from: \"2026-11-24T00:00:00Z\",
        until: \"2026-12-05T00:00:00Z\" }) { slots { startsAt } } }";
    nora.gql(slots, json!({ "id": offer.id() })).await.ok();
    cancel(&maria, &id).await.ok();
    app.client("newcomer")
        .gql("{ viewer { id } }", json!({}))
        .await
        .ok();
    app.clock.advance(chrono::TimeDelta::days(4));
    app.sweep().await;
}

async fn ask(db: &DatabaseConnection, sql: &str) -> Vec<sea_orm::QueryResult> {
    let rows = db
        .query_all_raw(Statement::from_string(db.get_database_backend(), sql))
        .await;
    rows.unwrap_or_else(|error| panic!("{sql}: {error}"))
}

/// `SCAN` goes through a table or a whole index; that is fine where the first rows of an order are
/// all that is wanted.
async fn scans_of_sqlite(db: &DatabaseConnection, sql: &str) -> Vec<String> {
    let rows = ask(db, &format!("explain query plan {sql}")).await;
    let lines = rows
        .iter()
        .map(|row| row.try_get::<String>("", "detail").expect("a plan is text"));
    let in_order = sql.contains(" LIMIT ") && !rows_are_sorted(&rows);
    lines
        .filter(|line| {
            let table = line
                .strip_prefix("SCAN ")
                .and_then(|rest| rest.split(' ').next());
            table.is_some_and(|table| GROWING.contains(&table))
                && !in_order
                && !line.ends_with(SEEN_WHOLE)
        })
        .collect()
}

fn rows_are_sorted(rows: &[sea_orm::QueryResult]) -> bool {
    rows.iter().any(|row| {
        row.try_get::<String>("", "detail")
            .is_ok_and(|line| line.contains("TEMP B-TREE"))
    })
}

/// With sequential scans made dear, one is left only where no index helps. The plan is the one for
/// any values.
async fn scans_of_postgres(db: &DatabaseConnection, sql: &str) -> Vec<String> {
    let count = (1..100)
        .take_while(|number| sql.contains(&format!("${number}")))
        .count();
    let values = if count == 0 {
        String::new()
    } else {
        format!("({})", vec!["null"; count].join(", "))
    };
    for setting in [
        "set enable_seqscan = off",
        "set plan_cache_mode = force_generic_plan",
    ] {
        db.execute_unprepared(setting)
            .await
            .expect("a setting of PostgreSQL");
    }
    db.execute_unprepared(&format!("prepare asked as {sql}"))
        .await
        .unwrap_or_else(|error| panic!("{sql}: {error}"));
    let rows = ask(db, &format!("explain (format json) execute asked{values}")).await;
    db.execute_unprepared("deallocate asked")
        .await
        .expect("it was prepared a moment ago");
    let plan: Value = rows[0].try_get("", "QUERY PLAN").expect("a plan in JSON");
    let mut found = Vec::new();
    walk(&plan[0]["Plan"], false, &mut found);
    found
}

fn walk(node: &Value, limited: bool, found: &mut Vec<String>) {
    let kind = node["Node Type"].as_str().unwrap_or_default();
    let table = node["Relation Name"].as_str().unwrap_or_default();
    let whole = kind == "Seq Scan"
        || (kind.starts_with("Index") && node["Index Cond"].is_null() && !limited);
    if GROWING.contains(&table) && whole {
        found.push(format!("{kind} on {table}"));
    }
    // Only what comes in the order of an index may stop at a limit; a sort reads everything.
    let limited = (limited && !["Sort", "Aggregate", "Hash"].contains(&kind)) || kind == "Limit";
    for child in node["Plans"].as_array().into_iter().flatten() {
        walk(child, limited, found);
    }
}
