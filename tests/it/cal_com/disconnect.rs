//! A client who disconnects at any moment of a booking: it is made as a whole or not at all, on
//! both sides, and no request stays open.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use entity::booking::Status;
use entity::scheduler_request;
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, PaginatorTrait, QueryFilter, Statement};
use serde_json::{Value, json};
use simulators::{Fault, Kind};
use tests::{On, TestApp, at, both_bare};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

use super::fixture::Fixture;

both_bare![
    a_client_disconnect_leaves_no_half_made_booking,
    a_client_disconnect_leaves_no_half_made_booking_at_cal_com
];

const BOOK: &str =
    "mutation($input: CreateBookingInput!) { createBooking(input: $input) { booking { id } } }";
/// How long after the request the client stays.
const STEP_MS: u64 = 20;
const LAST_MS: u64 = 500;

/// Sends an order and hangs up after a while, whatever has come back by then. Nothing of an answer
/// is read.
async fn order_and_disconnect(app: &TestApp, order: Value, after: Duration) {
    let token = app
        .client("maria")
        .token()
        .expect("she has signed in")
        .to_owned();
    let body = json!({ "query": BOOK, "variables": { "input": order } }).to_string();
    let head = format!(
        "POST /graphql HTTP/1.1\r\nhost: {}\r\ncontent-type: application/json\r\nauthorization: Bearer {token}\r\n\
         content-length: {}\r\n\r\n",
        app.address,
        body.len()
    );
    let mut socket = TcpStream::connect(app.address).await.expect("it listens");
    socket.set_nodelay(true).expect("an open socket");
    socket
        .write_all(format!("{head}{body}").as_bytes())
        .await
        .expect("it reads");
    tokio::time::sleep(after).await;
    // A reset, as of a phone that has lost its network: no polite end.
    socket.set_zero_linger().expect("an open socket");
    drop(socket);
}

fn delays() -> impl Iterator<Item = Duration> {
    (0..=LAST_MS / STEP_MS).map(|step| Duration::from_millis(step * STEP_MS))
}

/// Hours from nine to five in New York on weekdays, each once.
fn starts() -> impl Iterator<Item = DateTime<Utc>> {
    let days = [
        "2026-11-24",
        "2026-11-25",
        "2026-11-27",
        "2026-11-30",
        "2026-12-01",
        "2026-12-02",
        "2026-12-03",
    ];
    days.into_iter().flat_map(|day| {
        let first = at(&format!("{day}T14:00:00Z"));
        (0..4).map(move |hour| first + TimeDelta::hours(hour * 2))
    })
}

/// No connection was left inside a transaction: writes go on, and PostgreSQL lists no idle
/// transaction.
async fn pool_is_sound(app: &TestApp) {
    let james = app.client("james");
    // Each is a transaction, though there is nothing to release.
    let id = courtside::graphql::id::Kind::Hold.id(entity::new_id());
    let writes =
        (0..24).map(|_| james.mutate("releaseHold", json!({ "holdId": id }), "releasedHoldId"));
    for answer in futures_util::future::join_all(writes).await {
        assert_eq!(answer.user_errors(), ["NOT_FOUND"]);
    }
    let db = app.db();
    if db.is_postgres() {
        let left = "select count(*) from pg_stat_activity where datname = current_database() \
            and state like 'idle in transaction%' and state_change < now() - interval '1 second'";
        let statement = Statement::from_string(db.read().get_database_backend(), left);
        let row = db
            .read()
            .query_one_raw(statement)
            .await
            .expect("the database answers")
            .expect("a count has a row");
        let count: i64 = row.try_get_by_index(0).expect("a number");
        assert_eq!(count, 0, "connections are left in a transaction");
    }
}

async fn a_client_disconnect_leaves_no_half_made_booking(on: On) {
    if !on.is_here() {
        return;
    }
    let app = TestApp::start_on(on).await;
    let offer = app.offer("grace", "intro-20").await;
    let before = app.bookings().await.len();
    // A day for each, so that none overlaps another.
    for (number, delay) in delays().enumerate() {
        let start =
            at("2026-12-01T00:00:00Z") + TimeDelta::days(i64::try_from(number).expect("few"));
        let range = json!({ "from": start, "until": start + TimeDelta::days(7) });
        let query = "query($id: ID!, $range: TimeRangeInput!) { slots(eventTypeId: $id, range: $range) { slots { startsAt } } }";
        let free = app
            .client("maria")
            .gql(query, json!({ "id": offer.id(), "range": range }))
            .await;
        let start = at(free.text("/slots/slots/0/startsAt").as_str());
        order_and_disconnect(&app, offer.order(start), delay / 10).await;
    }
    tests::until("what was begun ends", || async { app.app.tasks.is_empty() }).await;
    app.run_jobs().await;
    let rows = app.bookings().await;
    assert!(rows.len() > before, "some were in time");
    let half: Vec<_> = rows
        .iter()
        .filter(|row| row.status == Status::Initiated)
        .collect();
    assert!(half.is_empty(), "{half:?}");
    pool_is_sound(&app).await;
    app.finish().await;
}

async fn a_client_disconnect_leaves_no_half_made_booking_at_cal_com(on: On) {
    let fixture = Fixture::start(on).await;
    // So that the way to a booking is long enough to hang up at every step of it.
    fixture.cal.faults().set(Fault::new(
        "/v2/bookings",
        Kind::Slow(Duration::from_millis(150)),
    ));
    fixture.cal.faults().set(Fault::new(
        "/v2/slots",
        Kind::Slow(Duration::from_millis(50)),
    ));
    let cases = delays().zip(starts()).collect::<Vec<_>>();
    assert_eq!(cases.len(), 26);
    for (delay, start) in cases {
        order_and_disconnect(&fixture.app, fixture.offer.order(start), delay).await;
    }
    fixture.settle(TimeDelta::minutes(5)).await;
    assert_eq!(fixture.agree().await, Ok(()));
    let made = fixture.live_there();
    assert!(made.len() > 10, "most were in time: {}", made.len());
    let mut starts: Vec<_> = made.iter().map(|booking| booking.start).collect();
    starts.sort();
    starts.dedup();
    assert_eq!(starts.len(), made.len(), "each once");
    let open = scheduler_request::Entity::find()
        .filter(scheduler_request::Column::Status.eq(scheduler_request::Status::Open))
        .count(fixture.app.db().read())
        .await
        .expect("the database answers");
    assert_eq!(open, 0);
    pool_is_sound(&fixture.app).await;
    fixture.cal.faults().clear();
    fixture.app.finish().await;
}
