//! Work that waits for Cal.com holds up no other work.

use std::time::{Duration, Instant};

use chrono::TimeDelta;
use courtside::outbox::job::{self, Job};
use courtside::worker::SLOTS;
use entity::webhook_delivery::{self, Status};
use entity::{Provider, connection, event_type, job::Status as JobStatus};
use sea_orm::{ActiveModelTrait, EntityTrait, IntoActiveModel};
use simulators::{Fault, Kind};
use tests::{On, PATIENCE, both_bare, until};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::lab::{Lab, SECRET};
use super::webhooks::delivered;

both_bare![
    a_webhook_is_worked_off_while_a_reading_hangs,
    one_reading_that_hangs_holds_up_no_other,
    a_provider_that_hangs_holds_up_no_other
];

async fn a_webhook_is_worked_off_while_a_reading_hangs(on: On) {
    let (lab, stop, working) = with_a_reading_that_hangs(on).await;
    assert_eq!(delivered(&lab, SECRET).await, 200);
    in_time(&lab, async || {
        let all = webhook_delivery::Entity::find()
            .all(lab.app.db().read())
            .await
            .expect("the database answers");
        !all.is_empty()
            && all
                .iter()
                .all(|delivery| delivery.status != Status::Received)
    })
    .await;
    assert!(hangs(&lab).await);
    end(lab, stop, working).await;
}

async fn one_reading_that_hangs_holds_up_no_other(on: On) {
    let (lab, stop, working) = with_a_reading_that_hangs(on).await;
    let connection = connection(&lab).await;
    let job = Job::new(job::Kind::PullSettings, connection.id, &connection);
    enqueue(&lab, job).await;
    in_time(&lab, async || find(&lab, job).await.is_none()).await;
    assert!(hangs(&lab).await);
    end(lab, stop, working).await;
}

async fn a_provider_that_hangs_holds_up_no_other(on: On) {
    let (lab, stop, working) = with_a_reading_that_hangs(on).await;
    lab.cal.faults().set(Fault::new("/v2/*", Kind::Hang));
    for number in 0..SLOTS {
        let event_type = event_type::Model {
            id: entity::new_id(),
            slug: format!("hangs-{number}"),
            provider_event_type_id: None,
            ..lab.offer.event_type.clone()
        };
        let event_type = event_type.into_active_model().reset_all();
        let event_type = event_type.insert(lab.app.db().write_one()).await;
        let id = event_type.expect("a sound row").id;
        enqueue(
            &lab,
            Job::new(job::Kind::PushEventType, id, Provider::CalCom),
        )
        .await;
    }
    let has_no_free_slot = async || {
        let all = jobs(&lab).await;
        let running = all
            .iter()
            .filter(|job| job.status == JobStatus::Running && job.queue == "calcom");
        running.count() == SLOTS
    };
    until("all slots are taken", &has_no_free_slot).await;

    let connection = connection(&lab).await;
    let waits = Job::new(job::Kind::PullSettings, connection.id, Provider::CalCom);
    enqueue(&lab, waits).await;
    let other = Job::new(job::Kind::PullSettings, entity::new_id(), Provider::Google);
    enqueue(&lab, other).await;
    in_time(&lab, async || find(&lab, other).await.is_none()).await;
    assert!(has_no_free_slot().await);
    let waits = find(&lab, waits).await.expect("nobody has run it");
    assert_eq!(waits.status, JobStatus::Waiting);
    end(lab, stop, working).await;
}

async fn enqueue(lab: &Lab, job: Job) {
    let job = job.at(lab.app.now(), "lanes");
    let enqueued = lab.app.db().transaction(job, job::enqueue).await;
    enqueued.expect("the database answers");
}

async fn connection(lab: &Lab) -> connection::Model {
    connection::Entity::find()
        .one(lab.app.db().read())
        .await
        .expect("a query")
        .expect("the coach's")
}

/// Waits until something holds, in a world where time goes on: on a machine that has much else to
/// do an attempt may fail, and be made again.
async fn in_time(lab: &Lab, holds: impl AsyncFn() -> bool) {
    let (began, mut last) = (Instant::now(), Instant::now());
    while !holds().await {
        assert!(began.elapsed() < PATIENCE * 3, "{:#?}", jobs(lab).await);
        tokio::time::sleep(Duration::from_millis(5)).await;
        lab.advance(TimeDelta::from_std(last.elapsed()).expect("a short time"));
        last = Instant::now();
    }
}

async fn jobs(lab: &Lab) -> Vec<entity::job::Model> {
    entity::job::Entity::find()
        .all(lab.app.db().read())
        .await
        .expect("the database answers")
}

async fn find(lab: &Lab, job: Job) -> Option<entity::job::Model> {
    jobs(lab)
        .await
        .into_iter()
        .find(|row| Job::from_row(row) == Some(job))
}

/// Whether the reading that got no answer at first has none yet.
async fn hangs(lab: &Lab) -> bool {
    let connection = connection(lab).await;
    let reading = Job::new(job::Kind::ReconcileRecent, connection.id, &connection);
    find(lab, reading)
        .await
        .is_some_and(|job| job.status == JobStatus::Running)
}

/// A worker that has begun to read what has changed in the coach's calendar, and gets no answer.
async fn with_a_reading_that_hangs(on: On) -> (Lab, CancellationToken, JoinHandle<()>) {
    let lab = Lab::patient(on).await;
    lab.cal
        .faults()
        .set(Fault::new("/v2/bookings", Kind::Hang).method("GET"));
    courtside::domain::reconcile::ensure(&lab.app.app)
        .await
        .expect("the database answers");
    lab.advance(TimeDelta::minutes(3));
    let stop = CancellationToken::new();
    let working = tokio::spawn(courtside::worker::run(lab.app.app.clone(), stop.clone()));
    let is_asked = || {
        lab.cal
            .requests()
            .iter()
            .any(|call| call.path.starts_with("/v2/bookings"))
    };
    until("the reading hangs", || async { is_asked() }).await;
    (lab, stop, working)
}

async fn end(lab: Lab, stop: CancellationToken, working: JoinHandle<()>) {
    stop.cancel();
    lab.cal.faults().clear();
    tests::soon("the worker stops", working)
        .await
        .expect("it does not panic");
    lab.app.run_jobs().await;
    lab.app.finish().await;
}
