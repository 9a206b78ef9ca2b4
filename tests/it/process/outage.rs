//! The database goes away under load and comes back: a pause, and no loss.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use http::{Method, StatusCode};
use serde_json::{Value, json};
use tests::cal_com::signature;
use tests::process::{Served, Settings};
use tests::{OwnCluster, Scratch, until};

use super::crash::{BOOK, SECRET, delivery, orders};
use super::usual;

/// How long the database is away. `COURTSIDE_OUTAGE_SECONDS` asks for another time.
const OUTAGE_SECONDS: u64 = 4;
/// How long anything may take to be answered meanwhile, if only to be refused.
const LONGEST: Duration = Duration::from_secs(15);
/// After the database is back.
const RECOVERY: Duration = Duration::from_secs(10);

/// The answer to a booking.
#[derive(Debug, PartialEq, Eq)]
enum Told {
    Booked(String),
    /// An honest error of ours: try again.
    Refused,
}

async fn book(served: &Served, (bearer, input): &(String, Value)) -> Told {
    let began = Instant::now();
    let answer = served
        .gql(Some(bearer), BOOK, json!({ "input": input }))
        .await
        .expect("the process lives on");
    assert!(began.elapsed() < LONGEST, "{:?}", began.elapsed());
    match answer.code() {
        None => Told::Booked(answer.text("/createBooking/booking/id")),
        Some("AUTHENTICATION_UNAVAILABLE" | "INTERNAL") => Told::Refused,
        Some(_) => panic!("not what an outage is told as: {answer:?}"),
    }
}

async fn deliver(served: &Served, number: usize) -> StatusCode {
    let body = delivery(&format!("outage-{number}"), number);
    let request = served
        .request(Method::POST, "/webhooks/calcom")
        .header("x-cal-signature-256", signature(SECRET, &body));
    let request = request
        .header("content-type", "application/json")
        .body(body);
    let began = Instant::now();
    let status = request.send().await.expect("the process lives on").status();
    assert!(began.elapsed() < LONGEST, "{:?}", began.elapsed());
    status
}

async fn ready(served: &Served) -> StatusCode {
    served
        .request(Method::GET, "/readyz")
        .send()
        .await
        .expect("the process lives on")
        .status()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_server_survives_a_database_restart() {
    let Some(mut cluster) = OwnCluster::start() else {
        return;
    };
    cluster.create("outage").await;
    let scratch = Scratch::new();
    let mut all: Settings = usual(&scratch);
    all.insert("DATABASE_URL".to_owned(), cluster.url("outage"));
    all.insert("CALCOM_WEBHOOK_SECRETS".to_owned(), SECRET.to_owned());
    let served = Served::start(&all).await;
    let orders: Vec<(String, (String, Value))> = orders(&served, &all).await.into_iter().collect();
    until("being ready", || async { ready(&served).await == 200 }).await;

    let mut booked = BTreeMap::new();
    let (mut refused, mut number) = (0, 0);
    let (mut accepted, mut turned_away) = (Vec::new(), Vec::new());
    let outage = Duration::from_secs(
        std::env::var("COURTSIDE_OUTAGE_SECONDS")
            .ok()
            .and_then(|text| text.parse().ok())
            .unwrap_or(OUTAGE_SECONDS),
    );
    let began = Instant::now();
    let (mut stopped, mut back, mut recovered) = (None, None, None);
    let mut saw_unready = false;
    // Clients and Cal.com keep sending; a refused request is sent again with the same key.
    while booked.len() < orders.len() {
        if stopped.is_none() && booked.len() >= 10 {
            cluster.stop();
            stopped = Some(Instant::now());
        }
        if back.is_none() && stopped.is_some_and(|at: Instant| at.elapsed() >= outage) {
            cluster.start_again();
            back = Some(Instant::now());
        }
        let (key, order) = orders
            .iter()
            .find(|(key, _)| !booked.contains_key(key))
            .expect("some are left");
        match book(&served, order).await {
            Told::Booked(id) => {
                booked.insert(key.clone(), id);
                if back.is_some() {
                    recovered.get_or_insert_with(Instant::now);
                }
            }
            Told::Refused => {
                refused += 1;
                saw_unready |= ready(&served).await == StatusCode::SERVICE_UNAVAILABLE;
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
        number += 1;
        match deliver(&served, number).await {
            StatusCode::OK => accepted.push(number),
            status => {
                assert_eq!(
                    status,
                    StatusCode::SERVICE_UNAVAILABLE,
                    "so that it is sent again"
                );
                turned_away.push(number);
            }
        }
        assert!(
            began.elapsed() < outage + Duration::from_secs(60),
            "{} of {} booked",
            booked.len(),
            orders.len()
        );
    }
    assert!(
        refused > 0 && saw_unready,
        "the outage was felt, and told to whoever watches"
    );
    let recovery = recovered
        .zip(back)
        .map(|(recovered, back)| recovered - back)
        .expect("it went away and came back");
    assert!(recovery < RECOVERY, "{recovery:?}");
    until("being ready again", || async {
        ready(&served).await == 200
    })
    .await;
    for number in &turned_away {
        assert_eq!(deliver(&served, *number).await, 200);
    }
    nothing_is_lost(
        &served,
        &orders,
        &booked,
        &cluster,
        accepted.len() + turned_away.len(),
    )
    .await;
    let (code, log) = served.terminate().await;
    assert_eq!(code, Some(0), "{log}");
}

/// Every acknowledged write is there, once; and the worker has gone on by itself.
async fn nothing_is_lost(
    served: &Served,
    orders: &[(String, (String, Value))],
    booked: &BTreeMap<String, String>,
    cluster: &OwnCluster,
    deliveries: usize,
) {
    for (key, order) in orders {
        assert_eq!(
            book(served, order).await,
            Told::Booked(booked[key].clone()),
            "{key}: the same key, the same booking"
        );
    }
    let mut ids: Vec<_> = booked.values().collect();
    ids.sort();
    ids.dedup();
    assert_eq!(
        ids.len(),
        orders.len(),
        "each order has a booking of its own"
    );
    until("deliveries are worked off", || async {
        let done = "select count(*) from webhook_delivery where status not in ('RECEIVED', 'DEAD')";
        cluster.count("outage", done).await == i64::try_from(deliveries).expect("few")
    })
    .await;
    let open = "select count(*) from booking where status = 'INITIATED'";
    assert_eq!(cluster.count("outage", open).await, 0);
}
