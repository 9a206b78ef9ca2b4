//! Killed at any moment: whatever was answered is there after the restart, once.

use std::collections::BTreeMap;
use std::time::Duration;

use base64::Engine as _;
use entity::{job, webhook_delivery};
use futures_util::future::join_all;
use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};
use serde_json::{Value, json};
use tests::cal_com::signature;
use tests::process::{Served, Settings};
use tests::{On, PATIENCE, Scratch, TestDb, both_bare, until};
use tokio::sync::{Mutex, Notify};

use super::{token, usual};

both_bare![acknowledged_writes_survive_a_kill];

pub(super) const SECRET: &str = "a-secret-of-this-test";
/// How often the server is killed. `COURTSIDE_CRASH_ROUNDS` asks for more.
const ROUNDS: usize = 3;
/// The server is killed after so many answers, more each round.
const ANSWERS: usize = 15;
/// In each round.
const WEBHOOKS: usize = 40;
pub(super) const BOOK: &str =
    "mutation($input: CreateBookingInput!) { createBooking(input: $input) {
    booking { id } userErrors { code } } }";

/// What the senders know.
#[derive(Default)]
struct Ledger {
    /// The booking of each key that was answered.
    bookings: Mutex<BTreeMap<String, String>>,
    /// The uids of the deliveries that were answered.
    deliveries: Mutex<Vec<String>>,
    /// Notified at every answer.
    answered: Notify,
}

impl Ledger {
    async fn answers(&self) -> usize {
        self.bookings.lock().await.len() + self.deliveries.lock().await.len()
    }
}

async fn acknowledged_writes_survive_a_kill(on: On) {
    let scratch = Scratch::new();
    let database = TestDb::migrated(on).await;
    let mut all = usual(&scratch);
    all.insert("DATABASE_URL".to_owned(), database.url().to_owned());
    all.insert("CALCOM_WEBHOOK_SECRETS".to_owned(), SECRET.to_owned());
    let rounds = std::env::var("COURTSIDE_CRASH_ROUNDS")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(ROUNDS);
    let (ledger, mut served) = (Ledger::default(), Served::start(&all).await);
    let orders = orders(&served, &all).await;
    for round in 0..rounds {
        let enough = ledger.answers().await + ANSWERS + round;
        tokio::select! {
            () = send_everything(&served, &orders, round, &ledger) => {}
            () = async { while ledger.answers().await < enough { ledger.answered.notified().await } } => {}
        }
        served.kill().await;
        served = Served::start(&all).await;
    }
    // Everything that was never answered is sent again, as clients and Cal.com do.
    for round in 0..rounds {
        send_everything(&served, &orders, round, &ledger).await;
    }
    check(&served, &orders, &ledger, &database, rounds).await;
    assert_eq!(served.terminate().await.0, Some(0));
    database.remove().await;
}

/// Orders of three clients with a coach each, so that none overlaps another: token and input by
/// key.
pub(super) async fn orders(served: &Served, all: &Settings) -> BTreeMap<String, (String, Value)> {
    let coaches = "{ coaches(first: 50) { nodes { displayName eventTypes(first: 9) { nodes { id slug } } } } }";
    let coaches = served
        .gql(None, coaches, json!({}))
        .await
        .expect("it serves");
    let mut orders = BTreeMap::new();
    for (client, coach) in [
        ("maria", "Grace Kim"),
        ("james", "Nora Whitfield"),
        ("aiko", "Priya Raman"),
    ] {
        let bearer = token(all, "client", client).await;
        let nodes = coaches.at("/coaches/nodes").as_array().expect("a list");
        let offers = nodes
            .iter()
            .find(|node| node["displayName"] == coach)
            .expect("the demo data has the coach");
        let offers = offers["eventTypes"]["nodes"].as_array().expect("a list");
        let id = offers
            .iter()
            .find(|offer| offer["slug"] == "intro-20")
            .expect("everyone has it")["id"]
            .clone();
        let now = chrono::Utc::now();
        let range = json!({ "from": now + chrono::TimeDelta::days(3), "until": now + chrono::TimeDelta::days(9) });
        let slots = "query($id: ID!, $range: TimeRangeInput!) { slots(eventTypeId: $id, range: $range) { slots { startsAt } } }";
        let slots = served
            .gql(None, slots, json!({ "id": id, "range": range }))
            .await
            .expect("it serves");
        let taken = served
            .gql(
                Some(&bearer),
                "{ viewer { bookings(first: 50) { nodes { startsAt } } } }",
                json!({}),
            )
            .await
            .expect("it serves");
        let busy: Vec<_> = taken
            .at("/viewer/bookings/nodes")
            .as_array()
            .expect("a list")
            .iter()
            .collect();
        let day = |starts: &Value| starts.as_str().expect("an instant is text")[..10].to_owned();
        let free = slots
            .at("/slots/slots")
            .as_array()
            .expect("a list")
            .iter()
            .map(|slot| &slot["startsAt"]);
        let free = free.filter(|start| {
            !busy
                .iter()
                .any(|taken| day(&taken["startsAt"]) == day(start))
        });
        for (number, start) in free.take(25).enumerate() {
            let key = format!("crash-{client}-{number:04}-key");
            let input = json!({ "idempotencyKey": key, "eventTypeId": id, "startsAt": start, "timeZone": "UTC" });
            orders.insert(key, (bearer.clone(), input));
        }
    }
    assert!(
        orders.len() > 40,
        "the demo data has {} free slots",
        orders.len()
    );
    orders
}

async fn send_everything(
    served: &Served,
    orders: &BTreeMap<String, (String, Value)>,
    round: usize,
    ledger: &Ledger,
) {
    let book = join_all(orders.iter().map(|(key, (bearer, input))| async move {
        if ledger.bookings.lock().await.contains_key(key) {
            return;
        }
        let Some(answer) = served
            .gql(Some(bearer), BOOK, json!({ "input": input }))
            .await
        else {
            return;
        };
        ledger
            .bookings
            .lock()
            .await
            .insert(key.clone(), answer.text("/createBooking/booking/id"));
        ledger.answered.notify_one();
    }));
    let deliver = join_all((0..WEBHOOKS).map(|number| async move {
        let uid = format!("crash-{round}-{number}");
        if ledger.deliveries.lock().await.contains(&uid) {
            return;
        }
        let body = delivery(&uid, round * WEBHOOKS + number);
        let signature = signature(SECRET, &body);
        let request = served
            .request(http::Method::POST, "/webhooks/calcom")
            .header("x-cal-signature-256", signature);
        let request = request
            .header("content-type", "application/json")
            .body(body);
        if let Ok(response) = request.send().await {
            assert_eq!(response.status(), 200, "{:?}", response.text().await);
            ledger.deliveries.lock().await.push(uid);
            ledger.answered.notify_one();
        }
    }));
    tokio::join!(book, deliver);
}

/// A delivery that Cal.com once sent, about another booking.
pub(super) fn delivery(uid: &str, number: usize) -> Vec<u8> {
    let recorded = include_str!(
        "../../../providers/fixtures/calcom/webhooks/001-step500-BOOKING_CREATED-oauth-client.json"
    );
    let recorded: Value = serde_json::from_str(recorded).expect("the fixture is JSON");
    let body = recorded["request"]["body_base64"]
        .as_str()
        .expect("the fixture has its bytes");
    let body = base64::engine::general_purpose::STANDARD
        .decode(body)
        .expect("the fixture has its bytes");
    let mut body: Value = serde_json::from_slice(&body).expect("Cal.com writes JSON");
    body["payload"]["uid"] = json!(uid);
    body["payload"]["iCalUID"] = json!(format!("{uid}@Cal.com"));
    body["payload"]["bookingId"] = json!(100_000 + number);
    // Each at a time of its own, so that none overlaps another.
    let start = tests::at("2031-03-03T00:00:00Z") + chrono::TimeDelta::hours(number as i64);
    body["payload"]["startTime"] = json!(start);
    body["payload"]["endTime"] = json!(start + chrono::TimeDelta::minutes(30));
    serde_json::to_vec(&body).expect("it was JSON")
}

async fn check(
    served: &Served,
    orders: &BTreeMap<String, (String, Value)>,
    ledger: &Ledger,
    database: &TestDb,
    rounds: usize,
) {
    let bookings = ledger.bookings.lock().await.clone();
    assert_eq!(
        bookings.len(),
        orders.len(),
        "everything was answered in the end"
    );
    for (key, (bearer, input)) in orders {
        let again = served
            .gql(Some(bearer), BOOK, json!({ "input": input }))
            .await
            .expect("it serves");
        assert_eq!(
            again.text("/createBooking/booking/id"),
            bookings[key],
            "{key}: the same key, the same booking"
        );
    }
    let db = database.connect().await;
    let rows = entity::booking::Entity::find()
        .all(db.read())
        .await
        .expect("the database answers");
    let first = orders
        .values()
        .map(|(_, input)| input["startsAt"].as_str().expect("text"))
        .min()
        .expect("many");
    let ours = rows
        .iter()
        .filter(|row| row.lineage_key.is_none() && row.starts_at >= tests::at(first));
    let ours = ours
        .filter(|row| row.ends_at - row.starts_at == chrono::TimeDelta::minutes(20))
        .count();
    assert_eq!(ours, orders.len(), "one booking for each key");
    let answered = ledger.deliveries.lock().await.clone();
    assert_eq!(answered.len(), WEBHOOKS * rounds);
    // The leases of the killed worker would end in a minute, which need not be waited for.
    job::Entity::update_many()
        .col_expr(
            job::Column::LeasedUntil,
            Expr::value(chrono::DateTime::<chrono::Utc>::UNIX_EPOCH),
        )
        .filter(job::Column::Status.eq(job::Status::Running))
        .exec(db.write_one())
        .await
        .expect("the database answers");
    let worked_off = until("deliveries are worked off", || async {
        let rows = webhook_delivery::Entity::find()
            .all(db.read())
            .await
            .expect("the database answers");
        assert_eq!(rows.len(), answered.len(), "each delivery is stored once");
        rows.iter()
            .all(|row| row.status != webhook_delivery::Status::Received)
    });
    if tokio::time::timeout(PATIENCE - Duration::from_secs(1), worked_off)
        .await
        .is_err()
    {
        let left = job::Entity::find()
            .all(db.read())
            .await
            .expect("the database answers");
        panic!(
            "work is left after the restart: {left:#?}\n{}",
            served.log()
        );
    }
    let rows = webhook_delivery::Entity::find()
        .all(db.read())
        .await
        .expect("the database answers");
    for uid in &answered {
        let found = rows
            .iter()
            .filter(|row| row.uid.as_deref() == Some(uid))
            .count();
        assert_eq!(found, 1, "{uid} was answered");
    }
    let dead: Vec<_> = rows
        .iter()
        .filter(|row| row.status == webhook_delivery::Status::Dead)
        .collect();
    assert!(dead.is_empty(), "{dead:?}");
}
