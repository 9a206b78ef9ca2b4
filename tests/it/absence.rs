//! Days on which coaches are away.

use serde_json::{Value, json};
use tests::{Actor, Answer, TestApp, at, both, key};

use crate::booking::{create, id_of};

both![
    absent_days_have_no_slots_and_refuse_bookings,
    existing_bookings_stay_and_are_reported,
    invalid_dates_are_refused,
    an_absence_can_be_changed_until_it_is_over,
    nobody_else_sees_or_changes_an_absence,
];

const ABSENCE: &str = "absence { id firstDay lastDay reason note calendarSync { state } version } affectedBookings { id status }";

async fn add(actor: &Actor<'_>, input: Value) -> Answer {
    actor.mutate("addAbsence", input, ABSENCE).await
}

fn days(first: &str, last: &str) -> Value {
    json!({ "firstDay": first, "lastDay": last })
}

/// The days, in New York, on which Nora has slots of an hour from the seventh of December on.
async fn open_days(app: &TestApp) -> Vec<String> {
    let offer = app.offer("nora", "coaching-60").await;
    let query =
        "query($id: ID!, $range: TimeRangeInput!) { slots(eventTypeId: $id, range: $range) {
        days(timeZone: \"America/New_York\") { date slots { startsAt } } } }";
    let range = json!({ "from": "2026-12-07T05:00:00Z", "until": "2026-12-11T05:00:00Z" });
    let answer = app
        .visitor()
        .gql(query, json!({ "id": offer.id(), "range": range }))
        .await;
    let days = answer.at("/slots/days").as_array().expect("a list").iter();
    let open = days.filter(|day| {
        day["slots"]
            .as_array()
            .is_some_and(|slots| !slots.is_empty())
    });
    open.map(|day| day["date"].as_str().expect("a date").to_owned())
        .collect()
}

async fn is_free(app: &TestApp, from: &str, until: &str) -> bool {
    let query =
        "query($range: TimeRangeInput!) { freeCoaches(filter: { range: $range }, limit: 50) {
        coaches { coach { displayName } } } }";
    let answer = app
        .visitor()
        .gql(query, json!({ "range": { "from": from, "until": until } }))
        .await;
    let coaches = answer
        .at("/freeCoaches/coaches")
        .as_array()
        .expect("a list")
        .clone();
    coaches.iter().any(|free| {
        free["coach"]["displayName"]
            .as_str()
            .is_some_and(|name| name.starts_with("Nora"))
    })
}

async fn absent_days_have_no_slots_and_refuse_bookings(app: &TestApp) {
    let nora = app.coach("nora");
    let all = ["2026-12-07", "2026-12-08", "2026-12-09", "2026-12-10"];
    assert_eq!(open_days(app).await, all);
    assert!(is_free(app, "2026-12-08T05:00:00Z", "2026-12-09T05:00:00Z").await);
    let mut input = days("2026-12-08", "2026-12-09");
    (input["reason"], input["note"]) = (json!("VACATION"), json!(" By the sea. "));
    let done = add(&nora, input).await;
    let absence = done.at("/addAbsence/absence").clone();
    assert_eq!(
        (&absence["reason"], &absence["note"]),
        (&json!("VACATION"), &json!("By the sea.")),
        "{done:?}"
    );
    assert_eq!(
        (&absence["calendarSync"], &absence["version"]),
        (&Value::Null, &json!(1))
    );
    assert_eq!(done.at("/addAbsence/affectedBookings"), &json!([]));
    assert_eq!(open_days(app).await, ["2026-12-07", "2026-12-10"]);
    assert!(!is_free(app, "2026-12-08T05:00:00Z", "2026-12-09T05:00:00Z").await);

    let offer = app.offer("nora", "coaching-60").await;
    let maria = app.client("maria");
    let start = at("2026-12-08T15:00:00Z");
    assert_eq!(
        create(&maria, &offer.order(start)).await.user_errors(),
        ["SLOT_NOT_OFFERED"]
    );
    let hold = json!({ "eventTypeId": offer.id(), "startsAt": courtside::graphql::scalars::instant(start) });
    assert_eq!(
        maria
            .mutate("createHold", hold, "hold { id }")
            .await
            .user_errors(),
        ["SLOT_NOT_OFFERED"]
    );

    let input = json!({ "absenceId": absence["id"] });
    let gone = nora
        .mutate("deleteAbsence", input.clone(), "deletedAbsenceId")
        .await;
    assert_eq!(gone.at("/deleteAbsence/deletedAbsenceId"), &absence["id"]);
    assert_eq!(
        nora.mutate("deleteAbsence", input, "deletedAbsenceId")
            .await
            .user_errors(),
        ["NOT_FOUND"]
    );
    assert_eq!(open_days(app).await, all);
    id_of(&create(&maria, &offer.order(start)).await);
    app.run_jobs().await;
}

async fn existing_bookings_stay_and_are_reported(app: &TestApp) {
    let (nora, maria) = (app.coach("nora"), app.client("maria"));
    let offer = app.offer("nora", "coaching-60").await;
    let mut ids = Vec::new();
    for start in [
        "2026-12-08T16:00:00Z",
        "2026-12-09T15:00:00Z",
        "2026-12-10T15:00:00Z",
    ] {
        ids.push(id_of(&create(&maria, &offer.order(at(start))).await));
    }
    let before = app.booking(&ids[0]).await.status;
    let done = add(&nora, days("2026-12-08", "2026-12-09")).await;
    let told = done
        .at("/addAbsence/affectedBookings")
        .as_array()
        .expect("a list")
        .iter();
    assert_eq!(
        told.map(|booking| booking["id"].clone())
            .collect::<Vec<_>>(),
        [json!(ids[0]), json!(ids[1])]
    );
    assert_eq!(
        app.booking(&ids[0]).await.status,
        before,
        "that is for the coach to decide"
    );

    let to = async |actor: &Actor<'_>, start: &str| {
        let input = json!({ "idempotencyKey": key(), "bookingId": ids[0], "startsAt": start });
        actor
            .mutate("rescheduleBooking", input, "booking { id }")
            .await
    };
    let within = to(&nora, "2026-12-09T17:00:00Z").await;
    assert_eq!(within.user_errors(), ["SLOT_NOT_OFFERED"]);
    assert_eq!(
        to(&nora, "2026-12-10T17:00:00Z").await.user_errors(),
        Vec::<&str>::new()
    );
    let input = json!({ "absenceId": done.at("/addAbsence/absence/id"), "note": "Back soon" });
    let changed = nora.mutate("updateAbsence", input, ABSENCE).await;
    let left = changed
        .at("/updateAbsence/affectedBookings")
        .as_array()
        .map(Vec::len);
    assert_eq!(left, Some(1), "{changed:?}");
    app.run_jobs().await;
}

async fn invalid_dates_are_refused(app: &TestApp) {
    let nora = app.coach("nora");
    // The clock of the test shows Monday the 23rd, and it is the 22nd or the 23rd in New York.
    let refused = async |input: Value| {
        let answer = add(&nora, input).await;
        (answer.user_errors().join(" "), answer.fields().join(" "))
    };
    let invalid = |fields: &str| ("INVALID".to_owned(), fields.to_owned());
    assert_eq!(
        refused(days("2026-11-20", "2026-12-01")).await,
        invalid("firstDay")
    );
    assert_eq!(
        refused(days("2026-12-02", "2026-12-01")).await,
        invalid("lastDay")
    );
    assert_eq!(
        refused(days("2026-12-01", "2027-12-02")).await,
        invalid("lastDay")
    );
    let mut long = days("2026-12-01", "2026-12-01");
    long["note"] = json!("a".repeat(501));
    assert_eq!(refused(long).await, invalid("note"));

    let first = add(&nora, days("2026-12-01", "2026-12-03"))
        .await
        .text("/addAbsence/absence/id");
    let overlap = ("ABSENCE_OVERLAP".to_owned(), String::new());
    for (from, until) in [
        ("2026-12-03", "2026-12-09"),
        ("2026-11-25", "2026-12-01"),
        ("2026-12-02", "2026-12-02"),
    ] {
        assert_eq!(
            refused(days(from, until)).await,
            overlap,
            "{from} to {until}"
        );
    }
    let second = add(&nora, days("2026-12-04", "2026-12-05"))
        .await
        .text("/addAbsence/absence/id");
    let change = async |input: Value| nora.mutate("updateAbsence", input, ABSENCE).await;
    let longer = change(json!({ "absenceId": second, "firstDay": "2026-12-03" })).await;
    assert_eq!(longer.user_errors(), ["ABSENCE_OVERLAP"]);
    let same = change(json!({ "absenceId": first, "firstDay": "2026-12-02", "version": 1 })).await;
    assert_eq!(
        same.at("/updateAbsence/absence/version"),
        2,
        "its own days are not in its way: {same:?}"
    );
    assert_eq!(
        change(json!({ "absenceId": first, "version": 1 }))
            .await
            .user_errors(),
        ["VERSION_CONFLICT"]
    );
    // Of two who ask for the same days at once one gets them.
    let asked = futures_util::future::join_all(
        (0..6).map(|_| add(&nora, days("2027-01-04", "2027-01-08"))),
    )
    .await;
    assert_eq!(
        asked
            .iter()
            .filter(|answer| answer.user_errors().is_empty())
            .count(),
        1
    );
}

async fn an_absence_can_be_changed_until_it_is_over(app: &TestApp) {
    let nora = app.coach("nora");
    let list = async || {
        let answer = app
            .coach("nora")
            .gql(
                "{ viewer { coach { outOfOffice { firstDay lastDay } } } }",
                json!({}),
            )
            .await;
        answer.at("/viewer/coach/outOfOffice").clone()
    };
    add(&nora, days("2027-02-01", "2027-02-01")).await;
    let id = add(&nora, days("2026-12-01", "2026-12-03"))
        .await
        .text("/addAbsence/absence/id");
    let later = days("2027-02-01", "2027-02-01");
    assert_eq!(
        list().await,
        json!([days("2026-12-01", "2026-12-03"), later])
    );
    app.clock.advance(at("2026-12-02T15:00:00Z") - app.now());
    let nora = app.coach("nora");
    let change = async |input: Value| nora.mutate("updateAbsence", input, ABSENCE).await;
    let begun = change(json!({ "absenceId": id, "firstDay": "2026-12-02" })).await;
    assert_eq!(
        begun.user_errors(),
        Vec::<&str>::new(),
        "today may still be the first day"
    );
    let shorter =
        change(json!({ "absenceId": id, "lastDay": "2026-12-02", "reason": "SICK" })).await;
    assert_eq!(shorter.at("/updateAbsence/absence/lastDay"), "2026-12-02");
    assert_eq!(
        list().await,
        json!([days("2026-12-02", "2026-12-02"), later])
    );
    // Four in the morning in London is still yesterday in New York.
    app.clock.advance(at("2026-12-03T04:00:00Z") - app.now());
    assert_eq!(list().await.as_array().map(Vec::len), Some(2));
    app.clock.advance(at("2026-12-03T05:00:00Z") - app.now());
    assert_eq!(list().await, json!([later]), "it is over");
    let nora = app.coach("nora");
    let late = nora
        .mutate(
            "updateAbsence",
            json!({ "absenceId": id, "reason": "TRAVEL" }),
            ABSENCE,
        )
        .await;
    assert_eq!(late.user_errors(), ["INVALID_STATE"]);
    let late = nora
        .mutate(
            "deleteAbsence",
            json!({ "absenceId": id }),
            "deletedAbsenceId",
        )
        .await;
    assert_eq!(late.user_errors(), ["INVALID_STATE"]);
}

async fn nobody_else_sees_or_changes_an_absence(app: &TestApp) {
    let nora = app.coach("nora");
    let done = add(
        &nora,
        json!({ "firstDay": "2026-12-01", "lastDay": "2026-12-03", "note": "private" }),
    )
    .await;
    let id = done.text("/addAbsence/absence/id");
    let coach_id = app.offer("nora", "coaching-60").await.coach_id();
    let shown = format!("{{ coach(by: {{ id: \"{coach_id}\" }}) {{ outOfOffice {{ note }} }} }}");
    assert_eq!(
        app.coach("marcus")
            .gql(&shown, json!({}))
            .await
            .at("/coach/outOfOffice"),
        &Value::Null
    );
    assert_eq!(
        app.client("maria").gql(&shown, json!({})).await.code(),
        Some("FORBIDDEN")
    );
    assert_eq!(
        app.visitor().gql(&shown, json!({})).await.code(),
        Some("UNAUTHENTICATED")
    );
    assert_eq!(
        app.admin()
            .gql(&shown, json!({}))
            .await
            .at("/coach/outOfOffice/0/note"),
        "private"
    );
    let node = format!("{{ node(id: \"{id}\") {{ id ... on Absence {{ note }} }} }}");
    assert_eq!(nora.gql(&node, json!({})).await.at("/node/note"), "private");
    assert_eq!(
        app.coach("marcus").gql(&node, json!({})).await.at("/node"),
        &Value::Null
    );

    let marcus = app.coach("marcus");
    let input = json!({ "absenceId": id, "note": "mine" });
    assert_eq!(
        marcus
            .mutate("updateAbsence", input.clone(), ABSENCE)
            .await
            .user_errors(),
        ["NOT_FOUND"]
    );
    let delete = marcus
        .mutate(
            "deleteAbsence",
            json!({ "absenceId": id }),
            "deletedAbsenceId",
        )
        .await;
    assert_eq!(delete.user_errors(), ["NOT_FOUND"]);
    let mut others = days("2026-12-10", "2026-12-10");
    others["coachId"] = json!(coach_id);
    assert_eq!(
        add(&marcus, others.clone()).await.user_errors(),
        ["NOT_FOUND"]
    );
    assert_eq!(
        add(&app.admin(), others).await.user_errors(),
        Vec::<&str>::new()
    );
    assert_eq!(
        app.admin()
            .mutate("updateAbsence", input, ABSENCE)
            .await
            .at("/updateAbsence/absence/note"),
        "mine"
    );
}
