//! Many at once: one gets the slot, and nobody overlaps.

use chrono::{DateTime, TimeDelta, Utc};
use entity::user::Role;
use futures_util::future::join_all;
use sea_orm::{ConnectionTrait, Statement};
use serde_json::json;
use tests::{Actor, Offer, TestApp, at, both};

use super::{BOOKING, create, id_of, reschedule};

both![
    of_two_hundred_concurrent_requests_one_books,
    concurrent_reschedules_and_bookings_never_overlap
];

const CLIENTS: usize = 200;
const ROUNDS: i64 = 3;

/// Clients who have been here before.
async fn crowd(app: &TestApp, count: usize) -> Vec<Actor<'_>> {
    let mut clients = Vec::new();
    for number in 0..count {
        app.enrol(&format!("client-{number}"), Role::Client).await;
        clients.push(app.client(&format!("client-{number}")));
    }
    clients
}

/// Sessions of an hour that may begin at every quarter: four starts that all overlap each other.
async fn overlapping(app: &TestApp) -> Offer {
    let offer = app.offer("nora", "coaching-60").await;
    app.edit_offer(&offer, |row| row.slot_interval_minutes = Some(15))
        .await;
    offer
}

async fn of_two_hundred_concurrent_requests_one_books(app: &TestApp) {
    let clients = crowd(app, CLIENTS).await;
    let offer = overlapping(app).await;
    for round in 0..ROUNDS {
        let first = at("2026-11-24T16:00:00Z") + TimeDelta::days(round);
        let start = |index: usize| first + TimeDelta::minutes(15 * (index as i64 % 4));
        let orders: Vec<_> = (0..clients.len())
            .map(|index| offer.order(start(index)))
            .collect();
        let answers = join_all(
            clients
                .iter()
                .zip(&orders)
                .map(|(client, order)| create(client, order)),
        )
        .await;
        let codes: Vec<_> = answers.iter().map(|answer| answer.user_errors()).collect();
        let won = codes.iter().filter(|codes| codes.is_empty()).count();
        let taken = codes
            .iter()
            .filter(|codes| **codes == ["SLOT_TAKEN"])
            .count();
        assert_eq!((won, taken), (1, CLIENTS - 1), "round {round}: {codes:?}");
    }
    assert_eq!(overlaps(app).await, (0, 0));
}

/// Three days of openings at every quarter of an hour.
fn quarter(number: usize) -> DateTime<Utc> {
    let (day, quarter) = ((number / 29 % 3) as i64, (number % 29) as i64);
    at("2026-11-24T14:00:00Z") + TimeDelta::days(day) + TimeDelta::minutes(15 * quarter)
}

async fn concurrent_reschedules_and_bookings_never_overlap(app: &TestApp) {
    let clients = crowd(app, 60).await;
    let offer = overlapping(app).await;
    // Twelve of them have a booking, five quarters apart.
    let mut ids = Vec::new();
    for (number, client) in clients.iter().take(12).enumerate() {
        ids.push(id_of(
            &create(
                client,
                &offer.order(quarter(number / 4 * 29 + number % 4 * 5)),
            )
            .await,
        ));
    }
    for round in 0..3 {
        let target = |number: usize| quarter(number * 7 + round * 13);
        let moving =
            ids.iter()
                .zip(&clients)
                .enumerate()
                .map(|(number, (id, client))| async move {
                    reschedule(client, id, &target(number).to_rfc3339()).await
                });
        let booking = clients.iter().enumerate().skip(12).map(|(number, client)| {
            let order = offer.order(target(number));
            async move { client.mutate("createBooking", order, BOOKING).await }
        });
        let (moved, booked) = tokio::join!(join_all(moving), join_all(booking));
        for answer in moved.iter().chain(&booked) {
            let codes = answer.user_errors();
            let expected = codes
                .iter()
                .all(|code| ["SLOT_TAKEN", "CLIENT_BUSY", "POLICY_VIOLATION"].contains(code));
            assert!(expected, "round {round}: {codes:?}");
        }
        assert_eq!(overlaps(app).await, (0, 0), "round {round}");
    }
    let answer = app
        .admin()
        .gql("{ admin { bookings(first: 1) { totalCount } } }", json!({}))
        .await;
    assert!(
        answer.at("/admin/bookings/totalCount").as_i64() > Some(12),
        "some were booked in between"
    );
    app.run_jobs().await;
}

/// Pairs of active bookings that overlap: of a coach, and of a client. Asked of the database, not
/// of the program.
async fn overlaps(app: &TestApp) -> (i64, i64) {
    let active = "conflict is null and status in ('INITIATED', 'SCHEDULED', 'PAYMENT_PENDING', 'PAYMENT_FAILED', 'CONFIRMED')";
    let count = |who: &str, from: &str, until: &str| {
        format!(
            "with active as (select * from booking where {active})
             select count(*) as pairs from active a join active b on a.{who} = b.{who} and a.id < b.id
             where a.seat_group <> b.seat_group and a.{from} < b.{until} and b.{from} < a.{until}"
        )
    };
    let db = app.db().read();
    let ask = |sql: String| async move {
        let row = db
            .query_one_raw(Statement::from_string(db.get_database_backend(), sql))
            .await;
        let row = row.expect("a sound query").expect("a count is one row");
        row.try_get::<i64>("", "pairs")
            .expect("a count is a number")
    };
    (
        ask(count("coach_id", "busy_from", "busy_until")).await,
        ask(count("client_id", "starts_at", "ends_at")).await,
    )
}
