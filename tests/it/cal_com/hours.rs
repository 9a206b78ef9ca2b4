//! Hours that are changed here while an older push is in progress: Cal.com ends with the latest.

use std::time::Duration;

use entity::sync_state::{self, State};
use entity::{Uuid, schedule};
use sea_orm::EntityTrait;
use serde_json::{Value, json};
use simulators::{Fault, Kind, Point, Times};
use tests::{On, both_bare, soon, until};

use super::fixture::{COACH, Fixture};
use super::migration::{get, migrated};

both_bare![
    newer_hours_wait_for_a_push_in_progress,
    newer_hours_that_older_ones_overtake_are_pushed_again,
    newer_hours_are_pushed_when_older_ones_fail,
];

const ONE: &str = "/v2/schedules/{id}";

fn default_hours(fixture: &Fixture) -> Uuid {
    fixture
        .offer
        .coach
        .default_schedule_id
        .expect("the demo data has hours")
}

/// From now on the coach works on one day of the week.
async fn work_on(fixture: &Fixture, weekday: &str) {
    let id = courtside::graphql::id::Kind::Schedule.id(default_hours(fixture));
    let hours = json!([{ "weekday": weekday, "from": "10:00", "until": "16:00" }]);
    let input = json!({ "scheduleId": id, "weeklyHours": hours });
    let done = fixture
        .app
        .coach(COACH)
        .mutate("updateSchedule", input, "schedule { id }")
        .await;
    assert_eq!(done.user_errors(), Vec::<&str>::new(), "{done:?}");
}

/// The first day of each week that was pushed, in order.
fn sent(fixture: &Fixture) -> Vec<Value> {
    let changes = fixture
        .cal
        .requests()
        .into_iter()
        .filter(|call| call.method == "PATCH");
    changes
        .map(|call| call.body["availability"][0]["days"][0].clone())
        .collect()
}

/// Both sides have Friday hours, and are marked as synced.
async fn both_say_friday(fixture: &Fixture) {
    let theirs =
        get(fixture, "/v2/schedules/default", "2024-06-11").await["data"]["availability"].clone();
    assert_eq!(
        theirs,
        json!([{ "days": ["Friday"], "startTime": "10:00", "endTime": "16:00" }])
    );
    let (db, id) = (fixture.app.db().read(), default_hours(fixture));
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

async fn newer_hours_wait_for_a_push_in_progress(on: On) {
    let fixture = migrated(on).await;
    fixture.app.run_jobs().await;
    fixture.cal.reset_requests();
    let waits = fixture.cal.hold(Point::BeforeCommit, ONE);
    work_on(&fixture, "TUESDAY").await;
    let older = fixture.app.run_jobs();
    let newer = async {
        soon("the older ones are sent", waits.reached(1)).await;
        work_on(&fixture, "FRIDAY").await;
        soon("there is nothing that may be done", fixture.app.run_jobs()).await;
        assert_eq!(
            sent(&fixture),
            ["Tuesday"],
            "the later of two need not arrive as the later one"
        );
        waits.release();
    };
    tokio::join!(older, newer);
    assert_eq!(sent(&fixture), ["Tuesday", "Friday"]);
    both_say_friday(&fixture).await;
    fixture.app.finish().await;
}

async fn newer_hours_that_older_ones_overtake_are_pushed_again(on: On) {
    let fixture = migrated(on).await;
    fixture.app.run_jobs().await;
    fixture.cal.reset_requests();
    let late = Fault::new(ONE, Kind::Slow(Duration::from_secs(1)))
        .method("PATCH")
        .times(Times::Count(1));
    fixture.cal.faults().set(late);
    // Absences are pushed by a job of their own that does not wait for other pushes.
    let away = json!({ "firstDay": "2026-12-01", "lastDay": "2026-12-01", "reason": "TRAVEL" });
    let away = fixture
        .app
        .coach(COACH)
        .mutate("addAbsence", away, "absence { id }")
        .await;
    assert_eq!(away.user_errors(), Vec::<&str>::new(), "{away:?}");
    let older = fixture.app.run_jobs();
    let newer = async {
        let is_sent = || !sent(&fixture).is_empty();
        until("the older ones are sent", || async { is_sent() }).await;
        work_on(&fixture, "FRIDAY").await;
        fixture.app.run_jobs().await;
    };
    tokio::join!(older, newer);
    both_say_friday(&fixture).await;
    fixture.app.finish().await;
}

async fn newer_hours_are_pushed_when_older_ones_fail(on: On) {
    let fixture = migrated(on).await;
    fixture.app.run_jobs().await;
    fixture.cal.reset_requests();
    let lost = Fault::new(ONE, Kind::ServerError)
        .method("PATCH")
        .after_commit()
        .times(Times::Count(2));
    fixture.cal.faults().set(lost);
    let waits = fixture.cal.hold(Point::BeforeCommit, ONE);
    work_on(&fixture, "TUESDAY").await;
    let older = fixture.app.run_jobs();
    let newer = async {
        soon("the older ones are sent", waits.reached(1)).await;
        work_on(&fixture, "FRIDAY").await;
        waits.release();
    };
    tokio::join!(older, newer);
    both_say_friday(&fixture).await;
    fixture.app.finish().await;
}
