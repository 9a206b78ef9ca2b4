//! How many SQL statements an operation takes: as many for two rows as for twenty.

use chrono::TimeDelta;
use entity::note::Visibility;
use sea_orm::{ActiveModelTrait, IntoActiveModel};
use serde_json::{Value, json};
use tests::{Actor, Answer, TestApp, at, both};

use crate::booking::{cancel, create, id_of, reschedule};

both![
    lists_take_as_many_statements_however_long_they_are,
    slots_take_two_statements,
    a_booking_is_made_moved_and_canceled_in_few_statements,
];

/// An operation, by whom, and the most statements that it may take.
const OPERATIONS: &[(&str, &str, usize)] = &[
    (
        "client",
        "{ viewer { bookings(first: 50) { pageInfo { hasNextPage } edges { cursor } nodes {
            id status startsAt allowedActions cancellationQuote { refund { amount } } coach { id displayName } eventType { id title }
            client { displayName } session { id status notes(first: 3) { nodes { id body author { displayName } } } }
        } } } }",
        9,
    ),
    (
        "client",
        "{ viewer { sessions(first: 50) { nodes { id booking { id coach { id } } notes { nodes { id } } } } } }",
        8,
    ),
    (
        "coach",
        "{ viewer { bookings(role: COACH, first: 50) { totalCount nodes { id client { displayName } session { id } } } } }",
        8,
    ),
    (
        "visitor",
        "{ coaches(first: 50) { nodes { id displayName specialties startingPrice { amount }
            eventTypes(first: 5) { nodes { id title price { amount } } } } } }",
        6,
    ),
    (
        "admin",
        "{ admin { bookings(first: 50) { nodes { id coach { id user: displayName } client { email } eventType { title } } } } }",
        8,
    ),
];

async fn lists_take_as_many_statements_however_long_they_are(app: &TestApp) {
    let few = counts(app).await;
    grow(app).await;
    let many = counts(app).await;
    for (((_, query, most), few), many) in OPERATIONS.iter().zip(&few).zip(&many) {
        assert!(
            few.1 < many.1 || query.contains("coaches("),
            "the list did not grow: {query}"
        );
        assert_eq!(few.0.len(), many.0.len(), "{query}\n{:#?}", many.0);
        assert!(
            many.0.len() <= *most,
            "{} statements for {query}\n{:#?}",
            many.0.len(),
            many.0
        );
    }
}

async fn slots_take_two_statements(app: &TestApp) {
    let query =
        "query($id: ID!, $range: TimeRangeInput!) { slots(eventTypeId: $id, range: $range) {
        freshness slots { startsAt } } }";
    let offer = app.offer("nora", "coaching-60").await;
    let range = json!({ "from": "2026-11-23T00:00:00Z", "until": "2026-11-30T00:00:00Z" });
    let asked = json!({ "id": offer.id(), "range": range });
    let (answer, statements) = fewest(app, &app.visitor(), query, &asked).await;
    assert_ne!(answer.ok().data["slots"]["slots"], json!([]));
    assert_eq!(statements.len(), 2, "{statements:#?}");
}

/// Those that begin and end a transaction are not counted, nor is what follows later and for all
/// writers together: the order of the stream and telling others of it.
async fn a_booking_is_made_moved_and_canceled_in_few_statements(app: &TestApp) {
    let maria = app.client("maria");
    let offer = app.offer("nora", "coaching-60").await;
    let mut fewest = [usize::MAX; 3];
    for day in 24..=26 {
        let start = |hour| format!("2026-11-{day}T{hour}:00:00Z");
        app.app.recent.clear();
        let order = offer.order(at(&start(14)));
        let (made, made_in) = app.statements.of(create(&maria, &order)).await;
        let id = id_of(&made);
        app.app.recent.clear();
        let later = start(19);
        let (moved, moved_in) = app.statements.of(reschedule(&maria, &id, &later)).await;
        moved.ok();
        app.app.recent.clear();
        let (canceled, canceled_in) = app.statements.of(cancel(&maria, &id)).await;
        canceled.ok();
        for (least, ran) in fewest.iter_mut().zip([made_in, moved_in, canceled_in]) {
            *least = ran.iter().filter(|sql| !orders(sql)).count().min(*least);
        }
    }
    let most = [9, 14, 9];
    assert!(
        fewest.iter().zip(&most).all(|(ran, most)| ran <= most),
        "statements to make, move and cancel a booking: {fewest:?}, at most {most:?}"
    );
    app.run_jobs().await;
}

/// Whether a statement orders the stream, reads it or tells others of it.
fn orders(sql: &str) -> bool {
    let is_written = sql.starts_with("INSERT");
    sql.contains("pg_notify")
        || sql.contains("pg_advisory")
        || (sql.contains("booking_event") && !is_written)
}

/// The answer to an operation, and the statements that it takes: the fewest of a few runs, because
/// caches that expire meanwhile, and batches that a busy machine splits, add some.
async fn fewest(
    app: &TestApp,
    actor: &Actor<'_>,
    query: &str,
    asked: &Value,
) -> (Answer, Vec<String>) {
    let mut found: Vec<(Answer, Vec<String>)> = Vec::new();
    for _ in 0..4 {
        // The cache of recent sign-ins expires after a moment: cleared, its read counts in every
        // run.
        app.app.recent.clear();
        found.push(app.statements.of(actor.gql(query, asked.clone())).await);
    }
    found
        .into_iter()
        .min_by_key(|(_, statements)| statements.len())
        .expect("it was asked")
}

/// The statements of each operation, and how many nodes it returned.
async fn counts(app: &TestApp) -> Vec<(Vec<String>, usize)> {
    let mut counts = Vec::new();
    for (who, query, _) in OPERATIONS {
        let actor = match *who {
            "client" => app.client("maria"),
            "coach" => app.coach("nora"),
            "admin" => app.admin(),
            _ => app.visitor(),
        };
        // A first run fills the caches that all requests share.
        actor.gql(query, json!({})).await.ok();
        let (answer, statements) = fewest(app, &actor, query, &json!({})).await;
        counts.push((
            statements,
            answer.ok().data.to_string().matches("\"id\"").count(),
        ));
    }
    counts
}

/// Ten more bookings of maria with nora, each with a session and notes of both.
async fn grow(app: &TestApp) {
    let (maria, nora) = (app.client("maria"), app.coach("nora"));
    let offer = app.offer("nora", "coaching-60").await;
    for number in 0..10 {
        let start = at("2026-11-24T14:00:00Z")
            + TimeDelta::days(number / 4)
            + TimeDelta::hours(2 * (number % 4));
        let id = id_of(&create(&maria, &offer.order(start)).await);
        for actor in [&maria, &nora] {
            note(app, actor, &id).await;
        }
    }
}

async fn note(app: &TestApp, author: &Actor<'_>, booking: &str) {
    let name = author
        .gql("{ viewer { user { displayName } } }", json!({}))
        .await
        .text("/viewer/user/displayName");
    let author = app
        .user(&name.split(' ').next().unwrap_or_default().to_lowercase())
        .await;
    let session = app
        .session_of(booking)
        .await
        .expect("a confirmed booking has a session");
    let row = entity::note::Model {
        id: entity::new_id(),
        session_id: session.id,
        author_id: author.id,
        visibility: Visibility::Shared,
        body: "What we talked about.".to_owned(),
        body_key: None,
        version: 1,
        created_at: app.now(),
        updated_at: app.now(),
    };
    row.into_active_model()
        .reset_all()
        .insert(app.db().write_one())
        .await
        .expect("a sound row");
}
