//! A job that waits for Cal.com delays no other job.

use std::time::{Duration, Instant};

use chrono::TimeDelta;
use courtside::outbox::job::{self, Job};
use courtside::worker::SLOTS;
use entity::webhook_delivery::{self, Status};
use entity::{Provider, connection, event_type, job::Status as JobStatus};
use sea_orm::{ActiveModelTrait, EntityTrait, IntoActiveModel};
use simulators::{Fault, Kind};
use tests::cal_com::WEBHOOK_SECRET;
use tests::{On, PATIENCE, both_bare, until};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::fixture::Fixture;
use super::webhooks::delivered;

both_bare![
    a_delivery_is_processed_while_a_read_from_cal_com_hangs,
    a_hanging_read_delays_no_other_job,
    a_hanging_provider_delays_no_job_of_another_provider
];

async fn a_delivery_is_processed_while_a_read_from_cal_com_hangs(on: On) {
    let (fixture, stop, working) = with_a_reading_that_hangs(on).await;
    let url = fixture.app.url("/webhooks/calcom");
    assert_eq!(delivered(&fixture, &url, WEBHOOK_SECRET).await, 200);
    in_time(&fixture, async || {
        let all = webhook_delivery::Entity::find()
            .all(fixture.app.db().read())
            .await
            .expect("the database answers");
        !all.is_empty()
            && all
                .iter()
                .all(|delivery| delivery.status != Status::Received)
    })
    .await;
    assert!(hangs(&fixture).await);
    end(fixture, stop, working).await;
}

async fn a_hanging_read_delays_no_other_job(on: On) {
    let (fixture, stop, working) = with_a_reading_that_hangs(on).await;
    let connection = connection(&fixture).await;
    let job = Job::new(job::Kind::PullSettings, connection.id, &connection);
    enqueue(&fixture, job).await;
    in_time(&fixture, async || find(&fixture, job).await.is_none()).await;
    assert!(hangs(&fixture).await);
    end(fixture, stop, working).await;
}

async fn a_hanging_provider_delays_no_job_of_another_provider(on: On) {
    let (fixture, stop, working) = with_a_reading_that_hangs(on).await;
    fixture.cal.faults().set(Fault::new("/v2/*", Kind::Hang));
    for number in 0..SLOTS {
        let event_type = event_type::Model {
            id: entity::new_id(),
            slug: format!("hangs-{number}"),
            provider_event_type_id: None,
            ..fixture.offer.event_type.clone()
        };
        let event_type = event_type.into_active_model().reset_all();
        let event_type = event_type.insert(fixture.app.db().write_one()).await;
        let id = event_type.expect("a sound row").id;
        enqueue(
            &fixture,
            Job::new(job::Kind::PushEventType, id, Provider::CalCom),
        )
        .await;
    }
    let has_no_free_slot = async || {
        let all = jobs(&fixture).await;
        let running = all
            .iter()
            .filter(|job| job.status == JobStatus::Running && job.queue == "calcom");
        running.count() == SLOTS
    };
    until("all slots are taken", &has_no_free_slot).await;

    let connection = connection(&fixture).await;
    let waiting = Job::new(job::Kind::PullSettings, connection.id, Provider::CalCom);
    enqueue(&fixture, waiting).await;
    let other = Job::new(job::Kind::PullSettings, entity::new_id(), Provider::Google);
    enqueue(&fixture, other).await;
    in_time(&fixture, async || find(&fixture, other).await.is_none()).await;
    assert!(has_no_free_slot().await);
    let waiting = find(&fixture, waiting).await.expect("nobody has run it");
    assert_eq!(waiting.status, JobStatus::Waiting);
    end(fixture, stop, working).await;
}

async fn enqueue(fixture: &Fixture, job: Job) {
    let job = job.at(fixture.app.now(), "test");
    let enqueued = fixture.app.db().transaction(job, job::enqueue).await;
    enqueued.expect("the database answers");
}

async fn connection(fixture: &Fixture) -> connection::Model {
    connection::Entity::find()
        .one(fixture.app.db().read())
        .await
        .expect("a query")
        .expect("the coach's")
}

/// Waits until a condition holds while both clocks advance: on a busy machine an attempt may fail
/// and be retried.
async fn in_time(fixture: &Fixture, holds: impl AsyncFn() -> bool) {
    let (began, mut last) = (Instant::now(), Instant::now());
    while !holds().await {
        assert!(began.elapsed() < PATIENCE * 3, "{:#?}", jobs(fixture).await);
        tokio::time::sleep(Duration::from_millis(5)).await;
        fixture.advance(TimeDelta::from_std(last.elapsed()).expect("a short time"));
        last = Instant::now();
    }
}

async fn jobs(fixture: &Fixture) -> Vec<entity::job::Model> {
    entity::job::Entity::find()
        .all(fixture.app.db().read())
        .await
        .expect("the database answers")
}

async fn find(fixture: &Fixture, job: Job) -> Option<entity::job::Model> {
    jobs(fixture)
        .await
        .into_iter()
        .find(|row| Job::from_row(row) == Some(job))
}

/// Whether the read that got no answer is still waiting.
async fn hangs(fixture: &Fixture) -> bool {
    let connection = connection(fixture).await;
    let reading = Job::new(job::Kind::ReconcileRecent, connection.id, &connection);
    find(fixture, reading)
        .await
        .is_some_and(|job| job.status == JobStatus::Running)
}

/// A worker whose read of the coach's changed bookings gets no answer.
async fn with_a_reading_that_hangs(on: On) -> (Fixture, CancellationToken, JoinHandle<()>) {
    let fixture = Fixture::patient(on).await;
    fixture
        .cal
        .faults()
        .set(Fault::new("/v2/bookings", Kind::Hang).method("GET"));
    courtside::domain::reconcile::ensure(&fixture.app.app)
        .await
        .expect("the database answers");
    fixture.advance(TimeDelta::minutes(3));
    let stop = CancellationToken::new();
    let working = tokio::spawn(courtside::worker::run(
        fixture.app.app.clone(),
        stop.clone(),
    ));
    let is_asked = || {
        fixture
            .cal
            .requests()
            .iter()
            .any(|call| call.path.starts_with("/v2/bookings"))
    };
    until("the reading hangs", || async { is_asked() }).await;
    (fixture, stop, working)
}

async fn end(fixture: Fixture, stop: CancellationToken, working: JoinHandle<()>) {
    stop.cancel();
    fixture.cal.faults().clear();
    tests::soon("the worker stops", working)
        .await
        .expect("it does not panic");
    fixture.app.run_jobs().await;
    fixture.app.finish().await;
}
