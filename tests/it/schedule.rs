//! Coaches' hours.

use serde_json::{Value, json};
use tests::{Actor, Answer, TestApp, both};

both![
    a_first_schedule_becomes_the_default,
    hours_decide_what_can_be_booked,
    all_errors_of_hours_are_reported_at_once,
    a_date_is_closed_opened_and_returned_to_its_weekly_hours,
    invalid_dates_are_refused,
    a_schedule_in_use_cannot_be_deleted,
    nobody_else_sees_or_changes_hours,
];

const SCHEDULE: &str =
    "schedule { id name timeZone isDefault weeklyHours { weekday from until } version
    overrides(from: \"2026-11-01\") { date hours { from until } } }";

async fn make(actor: &Actor<'_>, input: Value) -> Answer {
    actor.mutate("createSchedule", input, SCHEDULE).await
}

async fn change(actor: &Actor<'_>, input: Value) -> Answer {
    actor.mutate("updateSchedule", input, SCHEDULE).await
}

async fn set_dates(actor: &Actor<'_>, input: Value) -> Answer {
    actor.mutate("setScheduleOverrides", input, SCHEDULE).await
}

fn evenings() -> Value {
    json!({
        "name": "Evenings", "timeZone": "Europe/Berlin",
        "weeklyHours": [{ "weekday": "TUESDAY", "from": "20:00", "until": "24:00" }, { "weekday": "MONDAY", "from": "18:00", "until": "20:00" }],
    })
}

/// The id of the default schedule.
async fn default_of(actor: &Actor<'_>) -> String {
    let answer = actor
        .gql(
            "{ viewer { coach { schedules { id isDefault } } } }",
            json!({}),
        )
        .await;
    let schedules = answer
        .at("/viewer/coach/schedules")
        .as_array()
        .expect("a list");
    let default = schedules
        .iter()
        .find(|schedule| schedule["isDefault"] == true)
        .expect("there is one");
    default["id"].as_str().expect("an id").to_owned()
}

/// Starts of Nora's introductions on a date, in New York.
async fn starts(app: &TestApp, date: &str) -> Vec<String> {
    let offer = app.offer("nora", "intro-20").await;
    let query = "query($id: ID!, $range: TimeRangeInput!) { slots(eventTypeId: $id, range: $range) {
        days(timeZone: \"America/New_York\") { date slots { startsAtLocal(timeZone: \"America/New_York\") } } } }";
    let range = json!({ "from": "2026-11-23T00:00:00Z", "until": "2026-12-31T00:00:00Z" });
    let answer = app
        .visitor()
        .gql(query, json!({ "id": offer.id(), "range": range }))
        .await;
    let days = answer.at("/slots/days").as_array().expect("a list");
    let day = days
        .iter()
        .find(|day| day["date"] == date)
        .map(|day| day["slots"].as_array().expect("a list").clone());
    let time =
        |slot: &Value| slot["startsAtLocal"].as_str().expect("an instant")[11..16].to_owned();
    day.unwrap_or_default().iter().map(time).collect()
}

async fn a_first_schedule_becomes_the_default(app: &TestApp) {
    // Her first request with a coach's token creates the profile.
    let zoe = app.coach("zoe");
    let first = make(&zoe, evenings()).await;
    assert_eq!(first.at("/createSchedule/schedule/isDefault"), true);
    let hours = json!([
        { "weekday": "MONDAY", "from": "18:00", "until": "20:00" }, { "weekday": "TUESDAY", "from": "20:00", "until": "24:00" },
    ]);
    assert_eq!(first.at("/createSchedule/schedule/weeklyHours"), &hours);
    let second = make(&zoe, evenings()).await;
    assert_eq!(second.at("/createSchedule/schedule/isDefault"), false);
    let (first, second) = (
        first.text("/createSchedule/schedule/id"),
        second.text("/createSchedule/schedule/id"),
    );
    let refused = change(&zoe, json!({ "scheduleId": first, "isDefault": false })).await;
    assert_eq!(refused.user_errors(), ["INVALID_STATE"]);
    let answer = change(&zoe, json!({ "scheduleId": second, "isDefault": true })).await;
    assert_eq!(answer.at("/updateSchedule/schedule/isDefault"), true);
    assert_eq!(default_of(&zoe).await, second);
    app.run_jobs().await;
}

async fn hours_decide_what_can_be_booked(app: &TestApp) {
    let nora = app.coach("nora");
    assert_eq!(
        starts(app, "2026-12-01").await.first().map(String::as_str),
        Some("09:00")
    );
    let hours = json!([{ "weekday": "TUESDAY", "from": "10:00", "until": "11:00" }]);
    let id = default_of(&nora).await;
    let answer = change(
        &nora,
        json!({ "scheduleId": id, "weeklyHours": hours, "version": 1 }),
    )
    .await;
    assert_eq!(answer.at("/updateSchedule/schedule/version"), 2);
    assert_eq!(starts(app, "2026-12-01").await, ["10:00", "10:30"]);
    assert_eq!(starts(app, "2026-12-02").await, Vec::<String>::new());
    let moved = change(
        &nora,
        json!({ "scheduleId": id, "timeZone": "America/Chicago" }),
    )
    .await;
    assert_eq!(moved.at("/updateSchedule/schedule/version"), 3);
    assert_eq!(starts(app, "2026-12-01").await, ["11:00", "11:30"]);
    let stale = change(
        &nora,
        json!({ "scheduleId": id, "name": "Late", "version": 2 }),
    )
    .await;
    assert_eq!(stale.user_errors(), ["VERSION_CONFLICT"]);
}

async fn all_errors_of_hours_are_reported_at_once(app: &TestApp) {
    let nora = app.coach("nora");
    let hour = |weekday: &str, from: &str, until: &str| json!({ "weekday": weekday, "from": from, "until": until });
    let wrong = json!([
        hour("MONDAY", "09:00", "12:00"),
        hour("MONDAY", "11:00", "13:00"),
        hour("FRIDAY", "12:00", "12:00"),
        hour("SUNDAY", "22:00", "02:00"),
    ]);
    let answer = make(
        &nora,
        json!({ "name": "", "timeZone": "UTC", "weeklyHours": wrong }),
    )
    .await;
    assert_eq!(
        answer.fields(),
        ["name", "weeklyHours", "weeklyHours", "weeklyHours"]
    );
    let touching = json!([
        hour("MONDAY", "00:00", "12:00"),
        hour("MONDAY", "12:00", "24:00")
    ]);
    let fine = make(
        &nora,
        json!({ "name": "All Monday", "timeZone": "UTC", "weeklyHours": touching }),
    )
    .await;
    assert_eq!(fine.user_errors(), Vec::<&str>::new());
    let many: Vec<_> = (0..101).map(|_| hour("MONDAY", "09:00", "10:00")).collect();
    let many = make(
        &nora,
        json!({ "name": "Many", "timeZone": "UTC", "weeklyHours": many }),
    )
    .await;
    assert_eq!(
        many.fields().first().map(String::as_str),
        Some("weeklyHours")
    );
    for (zone, from) in [("Nowhere/Land", "09:00"), ("UTC", "9:00"), ("UTC", "24:01")] {
        let input = json!({ "name": "N", "timeZone": zone, "weeklyHours": [hour("MONDAY", from, "12:00")] });
        let refused = make(&nora, input).await;
        assert_eq!(
            (refused.code(), &refused.data),
            (Some("BAD_USER_INPUT"), &Value::Null),
            "{zone} {from}"
        );
    }
}

async fn a_date_is_closed_opened_and_returned_to_its_weekly_hours(app: &TestApp) {
    let nora = app.coach("nora");
    let id = default_of(&nora).await;
    let set = json!([
        { "date": "2026-12-01", "hours": [] },
        { "date": "2026-12-05", "hours": [{ "from": "14:00", "until": "15:00" }, { "from": "08:00", "until": "08:30" }] },
    ]);
    let answer = set_dates(
        &nora,
        json!({ "scheduleId": id, "overrides": set, "version": 1 }),
    )
    .await;
    assert_eq!(answer.at("/setScheduleOverrides/schedule/version"), 2);
    assert_eq!(starts(app, "2026-12-01").await, Vec::<String>::new());
    assert_eq!(
        starts(app, "2026-12-05").await,
        ["08:00", "14:00", "14:30"],
        "a Saturday"
    );
    let dates = |answer: &Answer| {
        let overrides = answer
            .at("/setScheduleOverrides/schedule/overrides")
            .as_array()
            .expect("a list")
            .clone();
        overrides
            .iter()
            .map(|day| day["date"].as_str().expect("a date").to_owned())
            .collect::<Vec<_>>()
    };
    // Two of the demo data: a day off in ten days, and a short Saturday.
    assert_eq!(
        dates(&answer),
        ["2026-12-01", "2026-12-03", "2026-12-05", "2026-12-12"]
    );
    let cleared =
        json!({ "scheduleId": id, "clearDates": ["2026-12-01", "2026-12-03", "2026-12-30"] });
    assert_eq!(
        dates(&set_dates(&nora, cleared).await),
        ["2026-12-05", "2026-12-12"]
    );
    assert_eq!(
        starts(app, "2026-12-01").await.first().map(String::as_str),
        Some("09:00")
    );
    let replaced =
        json!([{ "date": "2026-12-05", "hours": [{ "from": "09:00", "until": "09:30" }] }]);
    set_dates(&nora, json!({ "scheduleId": id, "overrides": replaced }))
        .await
        .ok();
    assert_eq!(starts(app, "2026-12-05").await, ["09:00"]);
}

async fn invalid_dates_are_refused(app: &TestApp) {
    let nora = app.coach("nora");
    let id = default_of(&nora).await;
    // It is Monday 03:00 in New York.
    let set = json!([
        { "date": "2026-11-22", "hours": [] },
        { "date": "2026-11-23", "hours": [] },
        { "date": "2026-12-01", "hours": [{ "from": "12:00", "until": "09:00" }] },
        { "date": "2026-12-01", "hours": [] },
        { "date": "2040-01-01", "hours": [] },
        { "date": "2026-12-02", "hours": [] },
    ]);
    let input = json!({ "scheduleId": id, "overrides": set, "clearDates": ["2026-12-02"] });
    let expected = [
        "overrides.0.date",
        "overrides.2.hours",
        "overrides.3.date",
        "overrides.4.date",
        "overrides.5.date",
    ];
    assert_eq!(set_dates(&nora, input).await.fields(), expected);
    let query = "query($id: ID!, $until: LocalDate) { schedule(id: $id) { version overrides(until: $until) { date } } }";
    let after = nora.gql(query, json!({ "id": id })).await;
    assert_eq!(after.at("/schedule/version"), 1);
    let backwards = nora
        .gql(query, json!({ "id": id, "until": "2020-01-01" }))
        .await;
    assert_eq!(backwards.code(), Some("BAD_USER_INPUT"));
}

async fn a_schedule_in_use_cannot_be_deleted(app: &TestApp) {
    let nora = app.coach("nora");
    let remove = async |id: &str| {
        nora.mutate(
            "deleteSchedule",
            json!({ "scheduleId": id }),
            "deletedScheduleId",
        )
        .await
    };
    assert_eq!(
        remove(&default_of(&nora).await).await.user_errors(),
        ["INVALID_STATE"]
    );
    let id = make(&nora, evenings())
        .await
        .text("/createSchedule/schedule/id");
    let offer = app.offer("nora", "intro-20").await;
    let follow = json!({ "eventTypeId": offer.id(), "scheduleId": id });
    let answer = nora
        .mutate("updateEventType", follow, "eventType { schedule { name } }")
        .await;
    assert_eq!(
        answer.at("/updateEventType/eventType/schedule/name"),
        "Evenings"
    );
    // 18:00 to 20:00 in Berlin.
    assert_eq!(
        starts(app, "2026-11-30").await,
        ["12:00", "12:30", "13:00", "13:30"]
    );
    assert_eq!(remove(&id).await.user_errors(), ["INVALID_STATE"]);
    nora.mutate(
        "archiveEventType",
        json!({ "eventTypeId": offer.id() }),
        "eventType { id }",
    )
    .await
    .ok();
    assert_eq!(
        remove(&id).await.at("/deleteSchedule/deletedScheduleId"),
        id.as_str()
    );
    assert_eq!(remove(&id).await.user_errors(), ["NOT_FOUND"]);
    let back = json!({ "eventTypeId": offer.id(), "visibility": "PUBLIC" });
    nora.mutate("updateEventType", back, "eventType { id }")
        .await
        .ok();
    assert_eq!(
        starts(app, "2026-11-30").await.first().map(String::as_str),
        Some("09:00"),
        "the default hours again"
    );
}

async fn nobody_else_sees_or_changes_hours(app: &TestApp) {
    let nora = app.coach("nora");
    let id = default_of(&nora).await;
    let query = "query($id: ID!) { schedule(id: $id) { name } }";
    assert_eq!(
        app.coach("marcus")
            .gql(query, json!({ "id": id }))
            .await
            .code(),
        Some("NOT_FOUND")
    );
    assert_eq!(
        app.client("maria")
            .gql(query, json!({ "id": id }))
            .await
            .code(),
        Some("FORBIDDEN")
    );
    assert_eq!(
        app.visitor().gql(query, json!({ "id": id })).await.code(),
        Some("UNAUTHENTICATED")
    );
    assert_eq!(
        app.admin()
            .gql(query, json!({ "id": id }))
            .await
            .at("/schedule/name"),
        "Working hours"
    );
    let input = json!({ "scheduleId": id, "name": "Mine now" });
    assert_eq!(
        change(&app.coach("marcus"), input.clone())
            .await
            .user_errors(),
        ["NOT_FOUND"]
    );
    let gone = app
        .coach("marcus")
        .mutate(
            "deleteSchedule",
            json!({ "scheduleId": id }),
            "deletedScheduleId",
        )
        .await;
    assert_eq!(gone.user_errors(), ["NOT_FOUND"]);
    let dates = set_dates(
        &app.coach("marcus"),
        json!({ "scheduleId": id, "overrides": [] }),
    )
    .await;
    assert_eq!(dates.user_errors(), ["NOT_FOUND"]);
    assert_eq!(
        change(&app.admin(), input)
            .await
            .at("/updateSchedule/schedule/name"),
        "Mine now"
    );
}
