//! Hours that are changed here while others are on their way: what Cal.com has in the end is what
//! was said last.

use std::time::Duration;

use entity::sync_state::{self, State};
use entity::{Uuid, schedule};
use sea_orm::EntityTrait;
use serde_json::{Value, json};
use simulators::{Fault, Kind, Point, Times};
use tests::{On, both_bare, soon, until};

use super::lab::{COACH, Lab};
use super::migration::{get, migrated};

both_bare![
    newer_hours_wait_for_those_that_are_under_way,
    newer_hours_that_older_ones_overtake_are_carried_once_more,
    newer_hours_are_carried_when_older_ones_fail,
];

const ONE: &str = "/v2/schedules/{id}";

fn default_hours(lab: &Lab) -> Uuid {
    lab.offer
        .coach
        .default_schedule_id
        .expect("the demo data has hours")
}

/// From now on the coach works on one day of the week.
async fn work_on(lab: &Lab, weekday: &str) {
    let id = courtside::graphql::id::Kind::Schedule.id(default_hours(lab));
    let hours = json!([{ "weekday": weekday, "from": "10:00", "until": "16:00" }]);
    let input = json!({ "scheduleId": id, "weeklyHours": hours });
    let done = lab
        .app
        .coach(COACH)
        .mutate("updateSchedule", input, "schedule { id }")
        .await;
    assert_eq!(done.user_errors(), Vec::<&str>::new(), "{done:?}");
}

/// The first day of each week that was sent, in the order in which they were.
fn sent(lab: &Lab) -> Vec<Value> {
    let changes = lab
        .cal
        .requests()
        .into_iter()
        .filter(|call| call.method == "PATCH");
    changes
        .map(|call| call.body["availability"][0]["days"][0].clone())
        .collect()
}

/// Both sides say that the coach works on Fridays, and know that they say the same.
async fn both_say_friday(lab: &Lab) {
    let theirs =
        get(lab, "/v2/schedules/default", "2024-06-11").await["data"]["availability"].clone();
    assert_eq!(
        theirs,
        json!([{ "days": ["Friday"], "startTime": "10:00", "endTime": "16:00" }])
    );
    let (db, id) = (lab.app.db().read(), default_hours(lab));
    let ours = schedule::Entity::find_by_id(id)
        .one(db)
        .await
        .expect("the database answers")
        .expect("the hours");
    let kept = sync_state::Entity::find_by_id(id)
        .one(db)
        .await
        .expect("the database answers")
        .expect("they are there");
    assert_eq!(
        (kept.state, kept.version),
        (State::Synced, ours.version),
        "{kept:?}"
    );
}

async fn newer_hours_wait_for_those_that_are_under_way(on: On) {
    let lab = migrated(on).await;
    lab.app.run_jobs().await;
    lab.cal.reset_requests();
    let waits = lab.cal.hold(Point::BeforeCommit, ONE);
    work_on(&lab, "TUESDAY").await;
    let older = lab.app.run_jobs();
    let newer = async {
        soon("the older ones are sent", waits.reached(1)).await;
        work_on(&lab, "FRIDAY").await;
        soon("there is nothing that may be done", lab.app.run_jobs()).await;
        assert_eq!(
            sent(&lab),
            ["Tuesday"],
            "the later of two need not arrive as the later one"
        );
        waits.release();
    };
    tokio::join!(older, newer);
    assert_eq!(sent(&lab), ["Tuesday", "Friday"]);
    both_say_friday(&lab).await;
    lab.app.finish().await;
}

async fn newer_hours_that_older_ones_overtake_are_carried_once_more(on: On) {
    let lab = migrated(on).await;
    lab.app.run_jobs().await;
    lab.cal.reset_requests();
    let late = Fault::new(ONE, Kind::Slow(Duration::from_secs(1)))
        .method("PATCH")
        .times(Times::Count(1));
    lab.cal.faults().set(late);
    // Days away are closed in the hours, by work of their own that does not wait for other hours.
    let away = json!({ "firstDay": "2026-12-01", "lastDay": "2026-12-01", "reason": "TRAVEL" });
    let away = lab
        .app
        .coach(COACH)
        .mutate("addAbsence", away, "absence { id }")
        .await;
    assert_eq!(away.user_errors(), Vec::<&str>::new(), "{away:?}");
    let older = lab.app.run_jobs();
    let newer = async {
        let is_sent = || !sent(&lab).is_empty();
        until("the older ones are sent", || async { is_sent() }).await;
        work_on(&lab, "FRIDAY").await;
        lab.app.run_jobs().await;
    };
    tokio::join!(older, newer);
    both_say_friday(&lab).await;
    lab.app.finish().await;
}

async fn newer_hours_are_carried_when_older_ones_fail(on: On) {
    let lab = migrated(on).await;
    lab.app.run_jobs().await;
    lab.cal.reset_requests();
    let lost = Fault::new(ONE, Kind::ServerError)
        .method("PATCH")
        .after_commit()
        .times(Times::Count(2));
    lab.cal.faults().set(lost);
    let waits = lab.cal.hold(Point::BeforeCommit, ONE);
    work_on(&lab, "TUESDAY").await;
    let older = lab.app.run_jobs();
    let newer = async {
        soon("the older ones are sent", waits.reached(1)).await;
        work_on(&lab, "FRIDAY").await;
        waits.release();
    };
    tokio::join!(older, newer);
    both_say_friday(&lab).await;
    lab.app.finish().await;
}
