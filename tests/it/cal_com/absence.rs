//! Days away of a coach whose time Cal.com keeps: closed here at once, and carried there.

use chrono::TimeDelta;
use entity::absence;
use sea_orm::EntityTrait;
use serde_json::{Value, json};
use simulators::{Fault, Kind, Times};
use tests::{Answer, On, both_bare};

use super::lab::{CLIENT, COACH, Lab};
use super::migration::{get, migrate, migrated, patch, unwired_of};
use super::slots::{slots, starts};

both_bare![
    days_away_are_closed_in_the_hours_there,
    what_was_planned_before_goes_along,
    hours_read_back_are_cleared_of_days_away,
    an_organization_has_entries_and_each_once,
    what_does_not_come_through_is_told_and_tried_again,
];

const ABSENCE: &str = "absence { id calendarSync { state message } } affectedBookings { id }";

async fn add(lab: &Lab, first: &str, last: &str) -> Answer {
    let input =
        json!({ "firstDay": first, "lastDay": last, "reason": "TRAVEL", "note": "a conference" });
    lab.app
        .coach(COACH)
        .mutate("addAbsence", input, ABSENCE)
        .await
}

async fn remove(lab: &Lab, id: &str) {
    let done = lab
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

async fn state(lab: &Lab) -> Value {
    let shown = "{ viewer { coach { outOfOffice { calendarSync { state } } } } }";
    let found = lab.app.coach(COACH).gql(shown, json!({})).await;
    found
        .at("/viewer/coach/outOfOffice/0/calendarSync/state")
        .clone()
}

/// Dates that differ in the demo data.
const DEMO: [&str; 2] = ["2026-12-03", "2026-12-12"];

/// The dates that are closed in the coach's default hours there, but for those of the demo data.
async fn closed_there(lab: &Lab) -> Vec<String> {
    let hours = get(lab, "/v2/schedules/default", "2024-06-11").await["data"].clone();
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

async fn days_away_are_closed_in_the_hours_there(on: On) {
    let lab = migrated(on).await;
    let range = ("2026-12-01T05:00:00Z", "2026-12-03T05:00:00Z");
    assert!(!starts(&slots(&lab, range.0, range.1).await).is_empty());
    assert_eq!(closed_there(&lab).await, Vec::<String>::new());
    let done = add(&lab, "2026-12-01", "2026-12-02").await;
    assert_eq!(
        done.at("/addAbsence/absence/calendarSync/state"),
        "PENDING",
        "{done:?}"
    );
    assert_eq!(
        starts(&slots(&lab, range.0, range.1).await),
        Vec::<Value>::new(),
        "before it is known there"
    );
    assert_eq!(
        lab.book("2026-12-01T15:00:00Z").await.user_errors(),
        ["SLOT_NOT_OFFERED"]
    );

    lab.app.run_jobs().await;
    assert_eq!(closed_there(&lab).await, ["2026-12-01", "2026-12-02"]);
    assert_eq!(state(&lab).await, "SYNCED");
    let coach_id = lab.offer.coach.id;
    courtside::domain::scheduling::cal_com::sync::push_absences(&lab.app.app, coach_id)
        .await
        .expect("nothing is left to do");
    assert_eq!(closed_there(&lab).await, ["2026-12-01", "2026-12-02"]);

    let id = done.text("/addAbsence/absence/id");
    let nora = lab.app.coach(COACH);
    nora.mutate(
        "updateAbsence",
        json!({ "absenceId": id, "lastDay": "2026-12-01" }),
        ABSENCE,
    )
    .await;
    lab.app.run_jobs().await;
    assert_eq!(closed_there(&lab).await, ["2026-12-01"]);
    remove(&lab, &id).await;
    lab.app.run_jobs().await;
    assert_eq!(closed_there(&lab).await, Vec::<String>::new());
    let left = absence::Entity::find()
        .all(lab.app.db().read())
        .await
        .expect("the database answers");
    assert_eq!(left, [], "it waited only until that was known there");
    lab.app.finish().await;
}

async fn what_was_planned_before_goes_along(on: On) {
    let lab = super::migration::connected(on).await;
    let done = add(&lab, "2026-12-01", "2026-12-02").await;
    assert_eq!(done.at("/addAbsence/absence/calendarSync"), &Value::Null);
    let moved = migrate(&lab, "CALCOM", false).await;
    assert_eq!(moved.at("/migrateCoach/report/isDone"), true, "{moved:?}");
    lab.app.run_jobs().await;
    assert_eq!(closed_there(&lab).await, ["2026-12-01", "2026-12-02"]);
    assert_eq!(state(&lab).await, "SYNCED");
    // Its days are those of the zone that the coach lives in.
    let zone = json!({ "timeZone": "Asia/Tokyo" });
    lab.app
        .coach(COACH)
        .mutate("updateCoachProfile", zone, "coach { id }")
        .await;
    lab.app.run_jobs().await;
    // From the last of November, 10:00 in New York, to the second of December, 10:00.
    let hours = get(&lab, "/v2/schedules/default", "2024-06-11").await["data"]["overrides"].clone();
    let dates: Vec<_> = hours
        .as_array()
        .expect("a list")
        .iter()
        .map(|day| day["date"].clone())
        .collect();
    assert!(dates.contains(&json!("2026-11-30")), "{hours}");
    assert_eq!(closed_there(&lab).await, ["2026-12-01"]);
    lab.app.finish().await;
}

async fn hours_read_back_are_cleared_of_days_away(on: On) {
    let lab = migrated(on).await;
    let id = add(&lab, "2026-12-01", "2026-12-02")
        .await
        .text("/addAbsence/absence/id");
    lab.app.run_jobs().await;
    lab.advance(TimeDelta::minutes(5));
    let theirs = get(&lab, "/v2/schedules/default", "2024-06-11").await["data"].clone();
    let mut overrides = theirs["overrides"].clone();
    overrides
        .as_array_mut()
        .expect("a list")
        .push(json!({ "date": "2026-12-07", "startTime": "10:00", "endTime": "11:00" }));
    let path = format!("/v2/schedules/{}", theirs["id"]);
    patch(&lab, &path, "2024-06-11", json!({ "overrides": overrides })).await;
    let nora = lab.app.coach(COACH);
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
        get(&lab, "/v2/schedules/default", "2024-06-11").await["data"]["overrides"].clone();
    overrides
        .as_array_mut()
        .expect("a list")
        .push(json!({ "date": "2026-12-08", "startTime": "10:00", "endTime": "11:00" }));
    lab.advance(TimeDelta::minutes(5));
    patch(&lab, &path, "2024-06-11", json!({ "overrides": overrides })).await;
    remove(&lab, &id).await;
    add(&lab, "2026-12-09", "2026-12-09").await;
    lab.app.run_jobs().await;
    assert_eq!(
        ours().await,
        json!([{ "date": "2026-12-07" }, { "date": "2026-12-08" }])
    );
    assert_eq!(closed_there(&lab).await, ["2026-12-09"]);
    lab.app.finish().await;
}

/// A coach with an account of the platform's organization, and its number.
async fn in_organization(on: On) -> (Lab, u64) {
    let mut lab = unwired_of(on, Some(1)).await;
    let made = lab
        .app
        .coach(COACH)
        .mutate("provisionCoach", json!({}), "account { health }")
        .await;
    assert_eq!(made.user_errors(), Vec::<&str>::new(), "{made:?}");
    let moved = migrate(&lab, "CALCOM", false).await;
    assert_eq!(moved.at("/migrateCoach/report/isDone"), true, "{moved:?}");
    lab.offer = lab.app.offer(COACH, "coaching-60").await;
    let number = lab
        .cal
        .users()
        .into_iter()
        .find(|user| user.managed)
        .expect("it was made")
        .id;
    (lab, number)
}

/// The entries of an account there.
async fn entries(lab: &Lab, number: u64) -> Vec<Value> {
    let request = reqwest::Client::new().get(format!(
        "{}/v2/organizations/1/users/{number}/ooo",
        lab.cal.url()
    ));
    let request = request
        .header("x-cal-client-id", CLIENT)
        .header("x-cal-secret-key", "secret-of-the-lab");
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

async fn an_organization_has_entries_and_each_once(on: On) {
    let (lab, number) = in_organization(on).await;
    // It is made, and the answer is lost.
    let route = "/v2/organizations/1/users/{..}/ooo";
    lab.cal.faults().set(
        Fault::new(route, Kind::ResetAfterCommit)
            .method("POST")
            .times(Times::Count(1)),
    );
    let id = add(&lab, "2026-12-01", "2026-12-02")
        .await
        .text("/addAbsence/absence/id");
    lab.app.run_jobs().await;
    assert_eq!(state(&lab).await, "PENDING");
    lab.settle(TimeDelta::minutes(1)).await;
    assert_eq!(state(&lab).await, "SYNCED");
    let there = entries(&lab, number).await;
    assert_eq!(there.len(), 1, "{there:?}");
    assert_eq!(there[0]["start"], "2026-12-01T00:00:00.000Z");
    assert_eq!(there[0]["end"], "2026-12-02T23:59:59.999Z");
    assert_eq!(
        (&there[0]["reason"], &there[0]["notes"]),
        (&json!("travel"), &json!("a conference"))
    );
    let range = ("2026-12-01T05:00:00Z", "2026-12-03T05:00:00Z");
    assert_eq!(
        starts(&slots(&lab, range.0, range.1).await),
        Vec::<Value>::new()
    );

    let input = json!({ "absenceId": id, "lastDay": "2026-12-04", "reason": "SICK", "note": null });
    lab.app
        .coach(COACH)
        .mutate("updateAbsence", input, ABSENCE)
        .await;
    lab.app.run_jobs().await;
    let changed = entries(&lab, number).await;
    assert_eq!(changed.len(), 1);
    assert_eq!(changed[0]["id"], there[0]["id"]);
    assert_eq!(
        (&changed[0]["end"], &changed[0]["reason"]),
        (&json!("2026-12-04T23:59:59.999Z"), &json!("sick"))
    );
    add(&lab, "2026-12-20", "2026-12-20").await;
    lab.app.run_jobs().await;
    remove(&lab, &id).await;
    lab.app.run_jobs().await;
    let left = entries(&lab, number).await;
    assert_eq!(left.len(), 1);
    assert_eq!(left[0]["start"], "2026-12-20T00:00:00.000Z");
    lab.app.finish().await;
}

async fn what_does_not_come_through_is_told_and_tried_again(on: On) {
    let lab = migrated(on).await;
    lab.cal
        .faults()
        .set(Fault::new("/v2/schedules", Kind::ServerError).times(Times::Always));
    add(&lab, "2026-12-01", "2026-12-02").await;
    lab.app.run_jobs().await;
    let shown = "{ viewer { coach { outOfOffice { calendarSync { state message } } } } }";
    let found = lab.app.coach(COACH).gql(shown, json!({})).await;
    let sync = found.at("/viewer/coach/outOfOffice/0/calendarSync");
    assert_eq!(sync["state"], "PENDING");
    assert_eq!(sync["message"], "Cal.com does not answer at present");
    lab.cal.faults().clear();
    lab.settle(TimeDelta::minutes(1)).await;
    assert_eq!(state(&lab).await, "SYNCED");
    assert_eq!(closed_there(&lab).await, ["2026-12-01", "2026-12-02"]);
    lab.app.finish().await;
}
