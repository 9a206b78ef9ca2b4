//! Deliveries and jobs that were given up, in the hands of staff.

use chrono::TimeDelta;
use entity::user::Role;
use entity::webhook_delivery::Status;
use entity::{audit_log, job, webhook_delivery};
use sea_orm::{ConnectionTrait, EntityTrait};

use super::captures::numbered;
use super::lab::Lab;
use crate::domain::page::PageInput;
use crate::domain::{Caller, Error, webhook};
use crate::outbox::job::MAX_ATTEMPTS;
use crate::worker::run_due;

const HIDE: &str = "alter table provider_booking rename to hidden";
const SHOW: &str = "alter table hidden rename to provider_booking";

async fn sql(lab: &Lab, statement: &str) {
    lab.app
        .db
        .write_one()
        .execute_unprepared(statement)
        .await
        .expect(statement);
}

/// A delivery whose job fails until it is given up.
async fn given_up() -> (Lab, Caller) {
    let lab = Lab::open().await;
    let admin = lab.sign_in("admin@example.com", Role::Admin).await;
    lab.receive(&numbered(&["001"]).remove(0)).await;
    sql(&lab, HIDE).await;
    for _ in 0..MAX_ATTEMPTS {
        run_due(&lab.app).await.expect("jobs can be read");
        lab.clock.advance(TimeDelta::hours(1));
    }
    sql(&lab, SHOW).await;
    (lab, admin)
}

#[tokio::test]
async fn a_poisoned_delivery_is_given_up_and_blocks_nobody() {
    let (lab, admin) = given_up().await;
    let delivery = lab.deliveries().await.remove(0);
    assert_eq!(delivery.status, Status::Dead);
    assert!(
        delivery
            .failure
            .is_some_and(|failure| failure.contains("provider_booking"))
    );
    let dead = crate::domain::job::list_dead(&lab.app, &admin, &PageInput::default())
        .await
        .expect("staff");
    assert_eq!(dead.edges.len(), 1);
    lab.receive(&numbered(&["026"]).remove(0)).await;
    run_due(&lab.app).await.expect("jobs can be read");
    assert_eq!(
        lab.bookings().await.len(),
        1,
        "another delivery is done meanwhile"
    );
}

#[tokio::test]
async fn of_deliveries_that_are_taken_together_one_that_fails_fails_for_itself() {
    let lab = Lab::open().await;
    for delivery in numbered(&["001", "026", "004"]) {
        lab.receive(&delivery).await;
    }
    let refused = lab
        .deliveries()
        .await
        .into_iter()
        .find(|row| row.trigger == "BOOKING_CREATED")
        .expect("one of them");
    sql(&lab, &refuse(&lab, &refused)).await;
    assert_eq!(run_due(&lab.app).await.expect("jobs can be read"), 3);
    for delivery in lab.deliveries().await {
        let is_refused = delivery.id == refused.id;
        assert_eq!(
            delivery.status == Status::Received,
            is_refused,
            "{}",
            delivery.trigger
        );
    }
    let left = job::Entity::find()
        .all(lab.app.db.read())
        .await
        .expect("jobs can be read");
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
}

/// Has the database refuse to note the end of a delivery.
fn refuse(lab: &Lab, delivery: &webhook_delivery::Model) -> String {
    let is_it = format!(
        "new.dedupe_key = '{}' and new.status <> 'RECEIVED'",
        delivery.dedupe_key
    );
    if lab.app.db.is_postgres() {
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

#[tokio::test]
async fn a_job_that_is_replayed_does_its_work_once() {
    let (lab, admin) = given_up().await;
    let dead = job::Entity::find()
        .one(lab.app.db.read())
        .await
        .expect("a query")
        .expect("a dead job");
    crate::domain::job::replay(&lab.app, &admin, dead.id)
        .await
        .expect("staff");
    lab.run_jobs().await;
    assert_eq!(lab.deliveries().await[0].status, Status::Processed);
    assert_eq!(lab.bookings().await.len(), 1);
    let again = crate::domain::job::replay(&lab.app, &admin, dead.id).await;
    assert!(
        matches!(again, Err(Error::NotFound("job"))),
        "it is not dead any more"
    );
    let audit = audit_log::Entity::find()
        .one(lab.app.db.read())
        .await
        .expect("a query")
        .expect("an entry");
    assert_eq!(audit.action, "job.replay");
}

#[tokio::test]
async fn a_delivery_that_is_replayed_takes_effect_once() {
    let (lab, admin) = given_up().await;
    let id = lab.deliveries().await[0].id;
    for _ in 0..2 {
        webhook::replay(&lab.app, &admin, id).await.expect("staff");
        lab.run_jobs().await;
        assert_eq!(lab.deliveries().await[0].status, Status::Processed);
    }
    let booking = lab.bookings().await.remove(0);
    assert_eq!(
        lab.history(booking.id).await.len(),
        3,
        "the second time says nothing new"
    );
}

#[tokio::test]
async fn only_staff_may_look_and_replay() {
    let (lab, _) = given_up().await;
    let delivery = lab.deliveries().await.remove(0);
    let dead = job::Entity::find()
        .one(lab.app.db.read())
        .await
        .expect("a query")
        .expect("a dead job");
    let client = lab.sign_in_only("client@example.com", Role::Client).await;
    let coach = lab.sign_in_only("coach@example.com", Role::Coach).await;
    for caller in [client, coach] {
        let page = PageInput::default();
        let results = [
            webhook::list(&lab.app, &caller, None, &page).await.err(),
            webhook::replay(&lab.app, &caller, delivery.id).await.err(),
            crate::domain::job::list_dead(&lab.app, &caller, &page)
                .await
                .err(),
            crate::domain::job::replay(&lab.app, &caller, dead.id)
                .await
                .err(),
        ];
        assert!(
            results
                .iter()
                .all(|error| matches!(error, Some(Error::Forbidden(_)))),
            "{results:?}"
        );
    }
    let nobody = Caller::default();
    let result = webhook::list(&lab.app, &nobody, None, &PageInput::default()).await;
    assert!(matches!(result, Err(Error::Unauthenticated)));
    assert_eq!(lab.deliveries().await.remove(0), delivery);
}

#[tokio::test]
async fn deliveries_are_listed_by_status() {
    let (lab, admin) = given_up().await;
    for delivery in numbered(&["026", "004"]) {
        lab.receive(&delivery).await;
    }
    run_due(&lab.app).await.expect("jobs can be read");
    for (status, expected) in [
        (None, 3),
        (Some(Status::Dead), 1),
        (Some(Status::Processed), 1),
        (Some(Status::Unknown), 1),
    ] {
        let page = webhook::list(&lab.app, &admin, status, &PageInput::default())
            .await
            .expect("staff");
        assert_eq!(page.edges.len(), expected, "{status:?}");
    }
}
