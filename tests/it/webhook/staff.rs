//! Staff look at deliveries and jobs that were given up, and replay them.

use chrono::TimeDelta;
use courtside::graphql::id::Kind;
use courtside::outbox::job::MAX_ATTEMPTS;
use courtside::worker::run_due;
use entity::webhook_delivery::Status;
use entity::{audit_log, webhook_delivery};
use sea_orm::EntityTrait;
use serde_json::{Value, json};
use tests::{On, TestApp, both_bare};

use super::captures::numbered;
use super::{bookings, deliveries, execute, history, is_stored, jobs, run_jobs, start};

both_bare![
    a_delivery_that_always_fails_is_given_up_and_delays_no_other,
    of_deliveries_in_one_transaction_only_the_failing_one_fails,
    a_replayed_job_does_its_work_once,
    a_replayed_delivery_takes_effect_once,
    only_staff_may_list_and_replay,
    deliveries_are_listed_by_status,
];

const HIDE: &str = "alter table provider_booking rename to hidden";
const SHOW: &str = "alter table hidden rename to provider_booking";
const DEAD_JOBS: &str = "{ admin { deadJobs { nodes { id kind status } } } }";
const DELIVERIES: &str = "query($status: WebhookDeliveryStatus) {
    admin { webhookDeliveries(status: $status) { nodes { id status failure } } } }";

/// An application with a delivery whose job failed until it was given up.
async fn given_up(on: On) -> TestApp {
    let app = start(on).await;
    is_stored(&app, &numbered(&["001"]).remove(0)).await;
    execute(&app, HIDE).await;
    for _ in 0..MAX_ATTEMPTS {
        run_due(&app.app).await.expect("jobs can be read");
        app.clock.advance(TimeDelta::hours(1));
    }
    execute(&app, SHOW).await;
    app
}

/// The ids of the jobs that were given up.
async fn dead_jobs(app: &TestApp) -> Vec<Value> {
    let answer = app.admin().gql(DEAD_JOBS, json!({})).await;
    let nodes = answer.at("/admin/deadJobs/nodes").as_array();
    let nodes = nodes.expect("a list").iter();
    nodes.map(|job| job["id"].clone()).collect()
}

async fn replay_job(app: &TestApp, id: &Value) -> Vec<String> {
    let answer = app
        .admin()
        .mutate("replayJob", json!({ "jobId": id }), "job { status }")
        .await;
    answer
        .user_errors()
        .into_iter()
        .map(str::to_owned)
        .collect()
}

fn global_id(delivery: &webhook_delivery::Model) -> Value {
    Kind::WebhookDelivery.id(delivery.id).to_string().into()
}

async fn a_delivery_that_always_fails_is_given_up_and_delays_no_other(on: On) {
    let app = given_up(on).await;
    let delivery = deliveries(&app).await.remove(0);
    assert_eq!(delivery.status, Status::Dead);
    assert!(
        delivery
            .failure
            .is_some_and(|failure| failure.contains("provider_booking"))
    );
    let dead = dead_jobs(&app).await;
    assert_eq!(dead.len(), 1);
    is_stored(&app, &numbered(&["026"]).remove(0)).await;
    app.run_jobs().await;
    assert_eq!(
        bookings(&app).await.len(),
        1,
        "another delivery takes effect meanwhile"
    );
    assert_eq!(replay_job(&app, &dead[0]).await, Vec::<String>::new());
    run_jobs(&app).await;
    app.finish().await;
}

async fn of_deliveries_in_one_transaction_only_the_failing_one_fails(on: On) {
    let app = start(on).await;
    for delivery in numbered(&["001", "026", "004"]) {
        is_stored(&app, &delivery).await;
    }
    let refused = deliveries(&app)
        .await
        .into_iter()
        .find(|row| row.trigger == "BOOKING_CREATED")
        .expect("one of them");
    execute(&app, &refusing(&app, &refused)).await;
    assert_eq!(run_due(&app.app).await.expect("jobs can be read"), 3);
    for delivery in deliveries(&app).await {
        let is_refused = delivery.id == refused.id;
        assert_eq!(
            delivery.status == Status::Received,
            is_refused,
            "{}",
            delivery.trigger
        );
    }
    let left = jobs(&app).await;
    assert_eq!(
        left.iter()
            .map(|job| (job.subject_id, job.attempts))
            .collect::<Vec<_>>(),
        [(refused.id, 1)]
    );
    assert!(
        left[0]
            .last_error
            .as_ref()
            .is_some_and(|error| error.contains("refused_here")),
        "{left:?}"
    );
    app.finish().await;
}

/// Has the database refuse to record the end of a delivery.
fn refusing(app: &TestApp, delivery: &webhook_delivery::Model) -> String {
    let is_it = format!(
        "new.dedupe_key = '{}' and new.status <> 'RECEIVED'",
        delivery.dedupe_key
    );
    if app.db().is_postgres() {
        let is_it = is_it.replace("new.", "");
        return format!(
            "alter table webhook_delivery add constraint refused_here check (not ({is_it}))"
        );
    }
    let refusal = "select raise(abort, 'refused_here')";
    format!(
        "create trigger refused before update on webhook_delivery when {is_it} begin {refusal}; end"
    )
}

async fn a_replayed_job_does_its_work_once(on: On) {
    let app = given_up(on).await;
    let dead = dead_jobs(&app).await.remove(0);
    assert_eq!(replay_job(&app, &dead).await, Vec::<String>::new());
    run_jobs(&app).await;
    assert_eq!(deliveries(&app).await[0].status, Status::Processed);
    assert_eq!(bookings(&app).await.len(), 1);
    assert_eq!(
        replay_job(&app, &dead).await,
        ["NOT_FOUND"],
        "it is not dead any more"
    );
    let audit = audit_log::Entity::find()
        .one(app.db().read())
        .await
        .expect("the database answers")
        .expect("an entry");
    assert_eq!(audit.action, "job.replay");
    app.finish().await;
}

async fn a_replayed_delivery_takes_effect_once(on: On) {
    let app = given_up(on).await;
    let id = global_id(&deliveries(&app).await[0]);
    for _ in 0..2 {
        let input = json!({ "webhookDeliveryId": id });
        let answer = app
            .admin()
            .mutate("replayWebhook", input, "webhookDelivery { status }")
            .await;
        assert_eq!(
            answer.at("/replayWebhook/webhookDelivery/status"),
            "RECEIVED"
        );
        run_jobs(&app).await;
        assert_eq!(deliveries(&app).await[0].status, Status::Processed);
    }
    let booking = bookings(&app).await.remove(0);
    assert_eq!(
        history(&app, booking.id).await.len(),
        3,
        "the second time changes nothing"
    );
    app.finish().await;
}

async fn only_staff_may_list_and_replay(on: On) {
    let app = given_up(on).await;
    let delivery = deliveries(&app).await.remove(0);
    let dead = dead_jobs(&app).await.remove(0);
    for (caller, refusal) in [
        (app.client("maria"), "FORBIDDEN"),
        (app.coach("nora"), "FORBIDDEN"),
        (app.visitor(), "UNAUTHENTICATED"),
    ] {
        let input = json!({ "webhookDeliveryId": global_id(&delivery) });
        let answers = [
            caller.gql(DELIVERIES, json!({})).await,
            caller.gql(DEAD_JOBS, json!({})).await,
            caller
                .mutate("replayWebhook", input, "webhookDelivery { id }")
                .await,
            caller
                .mutate("replayJob", json!({ "jobId": dead }), "job { id }")
                .await,
        ];
        for answer in answers {
            assert_eq!(answer.refusal().as_deref(), Some(refusal), "{answer:?}");
        }
    }
    assert_eq!(deliveries(&app).await, [delivery]);
    assert_eq!(replay_job(&app, &dead).await, Vec::<String>::new());
    run_jobs(&app).await;
    app.finish().await;
}

async fn deliveries_are_listed_by_status(on: On) {
    let app = given_up(on).await;
    for delivery in numbered(&["026", "004"]) {
        is_stored(&app, &delivery).await;
    }
    app.run_jobs().await;
    for (status, expected) in [
        (None, 3),
        (Some("DEAD"), 1),
        (Some("PROCESSED"), 1),
        (Some("UNKNOWN"), 1),
    ] {
        let answer = app
            .admin()
            .gql(DELIVERIES, json!({ "status": status }))
            .await;
        let nodes = answer.at("/admin/webhookDeliveries/nodes").as_array();
        assert_eq!(nodes.map(Vec::len), Some(expected), "{status:?}");
    }
    let dead = dead_jobs(&app).await.remove(0);
    assert_eq!(replay_job(&app, &dead).await, Vec::<String>::new());
    run_jobs(&app).await;
    app.finish().await;
}
