//! Absences of a coach whose scheduler is Cal.com: closed here at once, and pushed to Cal.com.

use chrono::TimeDelta;
use entity::absence;
use sea_orm::EntityTrait;
use serde_json::{Value, json};
use simulators::{Fault, Kind, Times};
use tests::cal_com::{CLIENT_ID, CLIENT_SECRET};
use tests::{Answer, On, both_bare};

use super::fixture::{COACH, Fixture};
use super::migration::{get, migrate, migrated, patch, unwired_of};
use super::slots::{slots, starts};

both_bare![
    absent_days_are_closed_in_cal_coms_schedule,
    absences_from_before_the_migration_are_pushed,
    imported_hours_exclude_absent_days,
    an_absence_becomes_one_entry_in_an_organization,
    a_failed_push_is_reported_and_retried,
];

const ABSENCE: &str = "absence { id calendarSync { state message } } affectedBookings { id }";

async fn add(fixture: &Fixture, first: &str, last: &str) -> Answer {
    let input =
        json!({ "firstDay": first, "lastDay": last, "reason": "TRAVEL", "note": "a conference" });
    fixture
        .app
        .coach(COACH)
        .mutate("addAbsence", input, ABSENCE)
        .await
}

async fn remove(fixture: &Fixture, id: &str) {
    let done = fixture
        .app
        .coach(COACH)
        .mutate(
            "deleteAbsence",
            json!({ "absenceId": id }),
            "deletedAbsenceId",
        )
        .await;
    assert_eq!(done.user_errors(), Vec::<&str>::new(), "{done:?}");
}

async fn state(fixture: &Fixture) -> Value {
    let shown = "{ viewer { coach { outOfOffice { calendarSync { state } } } } }";
    let found = fixture.app.coach(COACH).gql(shown, json!({})).await;
    found
        .at("/viewer/coach/outOfOffice/0/calendarSync/state")
        .clone()
}

/// Dates with overrides in the demo data.
const DEMO: [&str; 2] = ["2026-12-03", "2026-12-12"];

/// The dates that are closed in the coach's default hours there, but for those of the demo data.
async fn closed_there(fixture: &Fixture) -> Vec<String> {
    let hours = get(fixture, "/v2/schedules/default", "2024-06-11").await["data"].clone();
    let overrides = hours["overrides"].as_array().cloned().unwrap_or_default();
    let off = overrides
        .iter()
        .filter(|day| day["startTime"] == "00:00" && day["endTime"] == "00:00");
    let mut dates: Vec<_> = off
        .map(|day| day["date"].as_str().expect("a date").to_owned())
        .collect();
    dates.retain(|date| !DEMO.contains(&date.as_str()));
    dates.sort();
    dates
}

async fn absent_days_are_closed_in_cal_coms_schedule(on: On) {
    let fixture = migrated(on).await;
    let range = ("2026-12-01T05:00:00Z", "2026-12-03T05:00:00Z");
    assert!(!starts(&slots(&fixture, range.0, range.1).await).is_empty());
    assert_eq!(closed_there(&fixture).await, Vec::<String>::new());
    let done = add(&fixture, "2026-12-01", "2026-12-02").await;
    assert_eq!(
        done.at("/addAbsence/absence/calendarSync/state"),
        "PENDING",
        "{done:?}"
    );
    assert_eq!(
        starts(&slots(&fixture, range.0, range.1).await),
        Vec::<Value>::new(),
        "before it is known there"
    );
    assert_eq!(
        fixture.book("2026-12-01T15:00:00Z").await.user_errors(),
        ["SLOT_NOT_OFFERED"]
    );

    fixture.app.run_jobs().await;
    assert_eq!(closed_there(&fixture).await, ["2026-12-01", "2026-12-02"]);
    assert_eq!(state(&fixture).await, "SYNCED");
    let coach_id = fixture.offer.coach.id;
    courtside::domain::scheduling::cal_com::sync::push_absences(&fixture.app.app, coach_id)
        .await
        .expect("nothing is left to do");
    assert_eq!(closed_there(&fixture).await, ["2026-12-01", "2026-12-02"]);

    let id = done.text("/addAbsence/absence/id");
    let nora = fixture.app.coach(COACH);
    nora.mutate(
        "updateAbsence",
        json!({ "absenceId": id, "lastDay": "2026-12-01" }),
        ABSENCE,
    )
    .await;
    fixture.app.run_jobs().await;
    assert_eq!(closed_there(&fixture).await, ["2026-12-01"]);
    remove(&fixture, &id).await;
    fixture.app.run_jobs().await;
    assert_eq!(closed_there(&fixture).await, Vec::<String>::new());
    let left = absence::Entity::find()
        .all(fixture.app.db().read())
        .await
        .expect("the database answers");
    assert_eq!(left, [], "it waited only until that was known there");
    fixture.app.finish().await;
}

async fn absences_from_before_the_migration_are_pushed(on: On) {
    let fixture = super::migration::connected(on).await;
    let done = add(&fixture, "2026-12-01", "2026-12-02").await;
    assert_eq!(done.at("/addAbsence/absence/calendarSync"), &Value::Null);
    let moved = migrate(&fixture, "CALCOM", false).await;
    assert_eq!(moved.at("/migrateCoach/report/isDone"), true, "{moved:?}");
    fixture.app.run_jobs().await;
    assert_eq!(closed_there(&fixture).await, ["2026-12-01", "2026-12-02"]);
    assert_eq!(state(&fixture).await, "SYNCED");
    // Its days are those of the zone that the coach lives in.
    let zone = json!({ "timeZone": "Asia/Tokyo" });
    fixture
        .app
        .coach(COACH)
        .mutate("updateCoachProfile", zone, "coach { id }")
        .await;
    fixture.app.run_jobs().await;
    // From the last of November, 10:00 in New York, to the second of December, 10:00.
    let hours =
        get(&fixture, "/v2/schedules/default", "2024-06-11").await["data"]["overrides"].clone();
    let dates: Vec<_> = hours
        .as_array()
        .expect("a list")
        .iter()
        .map(|day| day["date"].clone())
        .collect();
    assert!(dates.contains(&json!("2026-11-30")), "{hours}");
    assert_eq!(closed_there(&fixture).await, ["2026-12-01"]);
    fixture.app.finish().await;
}

async fn imported_hours_exclude_absent_days(on: On) {
    let fixture = migrated(on).await;
    let id = add(&fixture, "2026-12-01", "2026-12-02")
        .await
        .text("/addAbsence/absence/id");
    fixture.app.run_jobs().await;
    fixture.advance(TimeDelta::minutes(5));
    let theirs = get(&fixture, "/v2/schedules/default", "2024-06-11").await["data"].clone();
    let mut overrides = theirs["overrides"].clone();
    overrides
        .as_array_mut()
        .expect("a list")
        .push(json!({ "date": "2026-12-07", "startTime": "10:00", "endTime": "11:00" }));
    let path = format!("/v2/schedules/{}", theirs["id"]);
    patch(
        &fixture,
        &path,
        "2024-06-11",
        json!({ "overrides": overrides }),
    )
    .await;
    let nora = fixture.app.coach(COACH);
    let ours = async || {
        let shown = "{ viewer { coach { schedules { isDefault overrides(from: \"2026-11-01\") { date } } } } }";
        let found = nora.gql(shown, json!({})).await;
        let all = found
            .at("/viewer/coach/schedules")
            .as_array()
            .cloned()
            .unwrap_or_default();
        let default = all
            .into_iter()
            .find(|schedule| schedule["isDefault"] == true)
            .expect("there is one");
        let all = default["overrides"].as_array().cloned().unwrap_or_default();
        let own = all
            .into_iter()
            .filter(|day| !DEMO.iter().any(|date| day["date"] == *date));
        Value::Array(own.collect())
    };
    nora.mutate("syncCalendarSettings", json!({}), "coach { id }")
        .await;
    assert_eq!(
        ours().await,
        json!([{ "date": "2026-12-07" }]),
        "what the coach changed there, and nothing of ours"
    );
    // What is changed there meanwhile survives the next absence.
    let mut overrides =
        get(&fixture, "/v2/schedules/default", "2024-06-11").await["data"]["overrides"].clone();
    overrides
        .as_array_mut()
        .expect("a list")
        .push(json!({ "date": "2026-12-08", "startTime": "10:00", "endTime": "11:00" }));
    fixture.advance(TimeDelta::minutes(5));
    patch(
        &fixture,
        &path,
        "2024-06-11",
        json!({ "overrides": overrides }),
    )
    .await;
    remove(&fixture, &id).await;
    add(&fixture, "2026-12-09", "2026-12-09").await;
    fixture.app.run_jobs().await;
    assert_eq!(
        ours().await,
        json!([{ "date": "2026-12-07" }, { "date": "2026-12-08" }])
    );
    assert_eq!(closed_there(&fixture).await, ["2026-12-09"]);
    fixture.app.finish().await;
}

/// A coach with an account of the platform's organization, and its number.
async fn in_organization(on: On) -> (Fixture, u64) {
    let mut fixture = unwired_of(on, Some(1)).await;
    let made = fixture
        .app
        .coach(COACH)
        .mutate("provisionCoach", json!({}), "account { health }")
        .await;
    assert_eq!(made.user_errors(), Vec::<&str>::new(), "{made:?}");
    let moved = migrate(&fixture, "CALCOM", false).await;
    assert_eq!(moved.at("/migrateCoach/report/isDone"), true, "{moved:?}");
    fixture.offer = fixture.app.offer(COACH, "coaching-60").await;
    let number = fixture
        .cal
        .users()
        .into_iter()
        .find(|user| user.managed)
        .expect("it was made")
        .id;
    (fixture, number)
}

/// The entries of an account there.
async fn entries(fixture: &Fixture, number: u64) -> Vec<Value> {
    let request = reqwest::Client::new().get(format!(
        "{}/v2/organizations/1/users/{number}/ooo",
        fixture.cal.url()
    ));
    let request = request
        .header("x-cal-client-id", CLIENT_ID)
        .header("x-cal-secret-key", CLIENT_SECRET);
    let answer: Value = request
        .send()
        .await
        .expect("it serves")
        .json()
        .await
        .expect("JSON");
    answer["data"]
        .as_array()
        .unwrap_or_else(|| panic!("no list: {answer}"))
        .clone()
}

async fn an_absence_becomes_one_entry_in_an_organization(on: On) {
    let (fixture, number) = in_organization(on).await;
    // It is made, and the answer is lost.
    let route = "/v2/organizations/1/users/{..}/ooo";
    fixture.cal.faults().set(
        Fault::new(route, Kind::ResetAfterCommit)
            .method("POST")
            .times(Times::Count(1)),
    );
    let id = add(&fixture, "2026-12-01", "2026-12-02")
        .await
        .text("/addAbsence/absence/id");
    fixture.app.run_jobs().await;
    assert_eq!(state(&fixture).await, "PENDING");
    fixture.settle(TimeDelta::minutes(1)).await;
    assert_eq!(state(&fixture).await, "SYNCED");
    let there = entries(&fixture, number).await;
    assert_eq!(there.len(), 1, "{there:?}");
    assert_eq!(there[0]["start"], "2026-12-01T00:00:00.000Z");
    assert_eq!(there[0]["end"], "2026-12-02T23:59:59.999Z");
    assert_eq!(
        (&there[0]["reason"], &there[0]["notes"]),
        (&json!("travel"), &json!("a conference"))
    );
    let range = ("2026-12-01T05:00:00Z", "2026-12-03T05:00:00Z");
    assert_eq!(
        starts(&slots(&fixture, range.0, range.1).await),
        Vec::<Value>::new()
    );

    let input = json!({ "absenceId": id, "lastDay": "2026-12-04", "reason": "SICK", "note": null });
    fixture
        .app
        .coach(COACH)
        .mutate("updateAbsence", input, ABSENCE)
        .await;
    fixture.app.run_jobs().await;
    let changed = entries(&fixture, number).await;
    assert_eq!(changed.len(), 1);
    assert_eq!(changed[0]["id"], there[0]["id"]);
    assert_eq!(
        (&changed[0]["end"], &changed[0]["reason"]),
        (&json!("2026-12-04T23:59:59.999Z"), &json!("sick"))
    );
    add(&fixture, "2026-12-20", "2026-12-20").await;
    fixture.app.run_jobs().await;
    remove(&fixture, &id).await;
    fixture.app.run_jobs().await;
    let left = entries(&fixture, number).await;
    assert_eq!(left.len(), 1);
    assert_eq!(left[0]["start"], "2026-12-20T00:00:00.000Z");
    fixture.app.finish().await;
}

async fn a_failed_push_is_reported_and_retried(on: On) {
    let fixture = migrated(on).await;
    fixture
        .cal
        .faults()
        .set(Fault::new("/v2/schedules", Kind::ServerError).times(Times::Always));
    add(&fixture, "2026-12-01", "2026-12-02").await;
    fixture.app.run_jobs().await;
    let shown = "{ viewer { coach { outOfOffice { calendarSync { state message } } } } }";
    let found = fixture.app.coach(COACH).gql(shown, json!({})).await;
    let sync = found.at("/viewer/coach/outOfOffice/0/calendarSync");
    assert_eq!(sync["state"], "PENDING");
    assert_eq!(sync["message"], "Cal.com does not answer at present");
    fixture.cal.faults().clear();
    fixture.settle(TimeDelta::minutes(1)).await;
    assert_eq!(state(&fixture).await, "SYNCED");
    assert_eq!(closed_there(&fixture).await, ["2026-12-01", "2026-12-02"]);
    fixture.app.finish().await;
}
