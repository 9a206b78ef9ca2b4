//! Jobs are leased: one worker at a time runs one.

use chrono::TimeDelta;
use courtside::db::Txn;
use courtside::domain::Result;
use courtside::outbox::job::{self, Job, Kind, LEASE, Queue, Scheduled};
use entity::Uuid;
use entity::job::{Entity, Model, Status};
use sea_orm::EntityTrait;
use tests::{TestApp, both};

both![
    a_leased_job_is_not_claimed_again,
    a_worker_that_lost_its_lease_cannot_finish_the_job,
    a_job_enqueued_while_it_runs_runs_again,
    a_due_job_is_not_delayed_by_a_planned_one,
];

async fn enqueue<const N: usize>(app: &TestApp, jobs: [Job; N]) {
    let jobs = jobs.map(|job| job.at(app.now(), "test"));
    app.db()
        .transaction(jobs.to_vec(), enqueue_in)
        .await
        .expect("the database answers");
}

async fn enqueue_in(txn: &Txn, jobs: Vec<Scheduled>) -> Result<()> {
    job::enqueue_all(txn, &jobs).await
}

fn database(kind: Kind, subject_id: Uuid) -> Job {
    Job::new(kind, subject_id, Queue::Database)
}

async fn plan(txn: &Txn, job: Scheduled) -> Result<()> {
    job::enqueue_if_absent(txn, &[job]).await
}

/// Three jobs that need the database only, claimed by a worker.
async fn taken(app: &TestApp) -> Vec<Model> {
    enqueue(
        app,
        [0; 3].map(|_| database(Kind::ClaimBookings, entity::new_id())),
    )
    .await;
    let taken = claim(app, TimeDelta::zero()).await;
    assert_eq!(taken.len(), 3);
    taken
}

async fn claim(app: &TestApp, later: TimeDelta) -> Vec<Model> {
    job::claim(app.db().write_one(), app.now() + later, Queue::Database, 8)
        .await
        .expect("the database answers")
}

async fn renew(app: &TestApp, jobs: &[Model], later: TimeDelta) {
    job::renew_leases(app.db().write_one(), jobs, app.now() + later)
        .await
        .expect("the database answers");
}

async fn a_leased_job_is_not_claimed_again(app: &TestApp) {
    let mine = taken(app).await;
    assert_eq!(claim(app, LEASE / 2).await, []);
    renew(app, &mine[..2], LEASE / 2).await;
    let moment = TimeDelta::milliseconds(1);
    let lost = claim(app, LEASE + moment).await;
    assert_eq!(
        lost.iter().map(|job| job.id).collect::<Vec<_>>(),
        [mine[2].id],
        "nobody has said a word about it"
    );
    assert_eq!(claim(app, LEASE / 2 + LEASE).await, []);
    let abandoned = claim(app, LEASE / 2 + LEASE + moment).await;
    assert_eq!(abandoned.len(), 2);
    assert!(
        abandoned
            .iter()
            .all(|job| job.attempts == 2 && job.status == Status::Running)
    );
    let left = lost.iter().chain(&abandoned);
    job::complete(app.db().write_one(), left)
        .await
        .expect("the database answers");
}

async fn a_worker_that_lost_its_lease_cannot_finish_the_job(app: &TestApp) {
    let slow = taken(app).await;
    let theirs = claim(app, LEASE * 2).await;
    assert_eq!(theirs.len(), 3);
    renew(app, &slow, LEASE * 9).await;
    job::complete(app.db().write_one(), &slow)
        .await
        .expect("the database answers");
    let mut there = Entity::find()
        .all(app.db().read())
        .await
        .expect("the database answers");
    there.sort_by_key(|job| job.id);
    let mut held = theirs.clone();
    held.sort_by_key(|job| job.id);
    assert_eq!(there, held, "neither gone nor held any longer");
    job::complete(app.db().write_one(), &theirs)
        .await
        .expect("the database answers");
    assert_eq!(
        Entity::find()
            .all(app.db().read())
            .await
            .expect("the database answers"),
        []
    );
}

async fn a_job_enqueued_while_it_runs_runs_again(app: &TestApp) {
    let user_id = entity::new_id();
    let same = database(Kind::ClaimBookings, user_id);
    enqueue(app, [same]).await;
    let first = claim(app, TimeDelta::zero()).await;
    enqueue(app, [same, database(Kind::SettleConflicts, user_id)]).await;
    let other = claim(app, TimeDelta::zero()).await;
    assert_eq!(
        other
            .iter()
            .map(|job| job.kind.as_str())
            .collect::<Vec<_>>(),
        ["settle_conflicts"]
    );
    // A job whose worker died is claimed again before the one that waits for it.
    let again = claim(app, LEASE * 2).await;
    assert_eq!(
        again.iter().map(|job| job.attempts).collect::<Vec<_>>(),
        [2, 2]
    );
    job::complete(app.db().write_one(), &again)
        .await
        .expect("the database answers");
    let second = claim(app, LEASE * 2).await;
    assert_eq!(
        second
            .iter()
            .map(|job| (job.subject_id, job.attempts))
            .collect::<Vec<_>>(),
        [(user_id, 1)]
    );
    assert_ne!(second[0].id, first[0].id);
    job::complete(app.db().write_one(), &second)
        .await
        .expect("the database answers");
}

async fn a_due_job_is_not_delayed_by_a_planned_one(app: &TestApp) {
    let same = database(Kind::ClaimBookings, entity::new_id());
    enqueue(app, [same]).await;
    let tomorrow = app.now() + TimeDelta::days(1);
    let plan = |job: Job| app.db().transaction(job.at(tomorrow, "test"), plan);
    plan(same).await.expect("the database answers");
    let due = claim(app, TimeDelta::zero()).await;
    assert_eq!(
        due.iter().map(Job::from_row).collect::<Vec<_>>(),
        [Some(same)]
    );
    job::complete(app.db().write_one(), &due)
        .await
        .expect("the database answers");
    // A planned job runs at once when it is enqueued.
    plan(same).await.expect("the database answers");
    assert_eq!(claim(app, TimeDelta::zero()).await, []);
    enqueue(app, [same]).await;
    let due = claim(app, TimeDelta::zero()).await;
    assert_eq!(due.len(), 1);
    job::complete(app.db().write_one(), &due)
        .await
        .expect("the database answers");
}
