//! Webhooks of Cal.com: what is accepted, what an answer promises, and that the recorded deliveries
//! lead to the same bookings in every order.

mod captures;
mod conflicts;
mod endpoint;
mod flows;
mod intake;
mod people;
mod staff;
mod state;

use captures::Capture;
use entity::user::{self, Role};
use entity::{Uuid, booking, booking_event, job, webhook_delivery};
use http::{HeaderMap, Method, StatusCode};
use sea_orm::{ConnectionTrait as _, EntityTrait as _, QueryOrder as _};
use serde_json::json;
use tests::{On, Setup, TestApp, at};

const PATH: &str = "/webhooks/calcom";
const RECEIVED: &str = r#"{"status":"received"}"#;
const DUPLICATE: &str = r#"{"status":"duplicate"}"#;

/// An application without data that knows the secrets of the recorded deliveries. Its clock is
/// behind all of them.
async fn start(on: On) -> TestApp {
    let secrets = captures::secrets().join(",");
    let setup = Setup::default()
        .bare()
        .setting("CALCOM_WEBHOOK_SECRETS", &secrets)
        // Tests send many forgeries at one moment.
        .setting("RATE_LIMIT_FORGED_WEBHOOKS_PER_MINUTE", "0");
    let app = setup.start(on).await;
    app.clock.advance(at("2027-02-01T12:00:00Z") - app.now());
    app
}

/// An answer to a provider.
struct Received {
    status: StatusCode,
    headers: HeaderMap,
    body: String,
}

async fn send(app: &TestApp, method: Method, path: &str, capture: &Capture) -> Received {
    let mut headers = capture.headers.clone();
    for name in ["content-length", "host", "connection"] {
        headers.remove(name);
    }
    let request = app.visitor().request(method, path).headers(headers);
    let answer = request
        .body(capture.body.clone())
        .send()
        .await
        .expect("it serves");
    Received {
        status: answer.status(),
        headers: answer.headers().clone(),
        body: answer.text().await.expect("text"),
    }
}

/// Sends a genuine delivery; whether it was stored, and not a duplicate.
async fn is_stored(app: &TestApp, capture: &Capture) -> bool {
    let answer = send(app, Method::POST, PATH, capture).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    match answer.body.as_str() {
        RECEIVED => true,
        DUPLICATE => false,
        other => panic!("{other}"),
    }
}

/// Sends a genuine delivery, and runs the jobs that follow from it.
async fn deliver(app: &TestApp, capture: &Capture) {
    is_stored(app, capture).await;
    run_jobs(app).await;
}

/// Runs jobs until none is due. Fails when one is retried later.
async fn run_jobs(app: &TestApp) {
    app.run_jobs().await;
    assert_eq!(jobs(app).await, [], "every job runs");
}

/// A person with that verified address signs in, and the jobs that follow from it run.
async fn sign_in(app: &TestApp, email: &str, role: Role) -> user::Model {
    let answer = app
        .person(email, role)
        .gql("{ viewer { id } }", json!({}))
        .await;
    assert!(answer.at("/viewer/id").is_string());
    run_jobs(app).await;
    app.user(email).await
}

async fn jobs(app: &TestApp) -> Vec<job::Model> {
    let all = job::Entity::find().all(app.db().read()).await;
    all.expect("the database answers")
}

/// The bookings that are not merged into another one.
async fn bookings(app: &TestApp) -> Vec<booking::Model> {
    let all = booking::Entity::find_real()
        .order_by_asc(booking::Column::StartsAt)
        .order_by_asc(booking::Column::ClientEmail);
    all.all(app.db().read())
        .await
        .expect("the database answers")
}

async fn deliveries(app: &TestApp) -> Vec<webhook_delivery::Model> {
    let all = webhook_delivery::Entity::find()
        .order_by_asc(webhook_delivery::Column::Id)
        .all(app.db().read())
        .await;
    all.expect("the database answers")
}

async fn history(app: &TestApp, booking_id: Uuid) -> Vec<booking_event::Model> {
    let mut lines = app.history().await;
    lines.retain(|line| line.booking_id == booking_id);
    lines
}

/// How many lines the history of all bookings has.
async fn history_length(app: &TestApp) -> usize {
    app.history().await.len()
}

async fn execute(app: &TestApp, statement: &str) {
    let done = app.db().write_one().execute_unprepared(statement).await;
    done.expect(statement);
}
