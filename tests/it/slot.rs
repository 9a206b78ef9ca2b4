//! Free time, of one coach and of many.

use courtside::graphql::id::Kind;
use serde_json::{Value, json};
use tests::{Actor, Answer, TestApp, at, both};

use crate::booking::{create, id_of};
use crate::coach::about;

both![
    slots_respect_notice_hours_and_bookings,
    a_booking_that_is_moved_leaves_its_own_time_free,
    an_invalid_range_or_length_is_refused,
    an_unreadable_calendar_has_no_slots,
    a_coach_who_accepts_no_bookings_has_no_slots,
    a_suspended_coach_offers_nothing,
    available_coaches_are_sorted_by_their_first_slot,
    available_coaches_match_every_filter,
    availability_takes_as_many_statements_for_all_coaches_as_for_one,
];

pub(crate) async fn slots(actor: &Actor<'_>, variables: Value) -> Answer {
    let query = "query($id: ID!, $coach: ID, $range: TimeRangeInput!, $length: Int, $booking: ID) {
        slots(eventTypeId: $id, coachId: $coach, range: $range, lengthMinutes: $length, bookingId: $booking) {
            slots { startsAt endsAt } verifiedAt source coach { displayName } } }";
    actor.gql(query, variables).await
}

pub(crate) fn starts(answer: &Answer) -> Vec<String> {
    let slots = answer.at("/slots/slots").as_array().expect("a list");
    slots
        .iter()
        .map(|slot| slot["startsAt"].as_str().expect("an instant")[..16].to_owned())
        .collect()
}

async fn slots_respect_notice_hours_and_bookings(app: &TestApp) {
    let offer = app.offer("nora", "coaching-60").await;
    let monday = json!({ "id": offer.id(), "range": { "from": "2026-11-23T00:00:00Z", "until": "2026-11-24T00:00:00Z" } });
    let all = [
        "2026-11-23T14:00",
        "2026-11-23T15:00",
        "2026-11-23T16:00",
        "2026-11-23T17:00",
        "2026-11-23T18:00",
        "2026-11-23T19:00",
        "2026-11-23T20:00",
        "2026-11-23T21:00",
    ];
    let answer = slots(&app.visitor(), monday.clone()).await;
    assert_eq!(starts(&answer), all, "09:00 to 17:00 in New York");
    assert_eq!(answer.at("/slots/verifiedAt"), "2026-11-23T08:00:00.000Z");
    assert_eq!(answer.at("/slots/source"), "NATIVE");
    id_of(
        &create(
            &app.client("maria"),
            &offer.order(at("2026-11-23T16:00:00Z")),
        )
        .await,
    );
    // Its quarter of an hour afterwards takes the next start too, and its own before it.
    assert_eq!(
        starts(&slots(&app.visitor(), monday.clone()).await),
        [all[0], all[4], all[5], all[6], all[7]]
    );
    app.clock.advance(chrono::TimeDelta::hours(9));
    assert_eq!(
        starts(&slots(&app.visitor(), monday.clone()).await),
        all[5..],
        "two hours of notice, from 17:00"
    );
    let mut long = monday;
    long["length"] = json!(90);
    assert_eq!(
        starts(&slots(&app.visitor(), long).await),
        ["2026-11-23T20:00"]
    );
}

async fn a_booking_that_is_moved_leaves_its_own_time_free(app: &TestApp) {
    let offer = app.offer("nora", "coaching-60").await;
    let maria = app.client("maria");
    let id = id_of(&create(&maria, &offer.order(at("2026-11-23T16:00:00Z"))).await);
    let range = json!({ "from": "2026-11-23T16:00:00Z", "until": "2026-11-23T17:00:00Z" });
    let moving = json!({ "id": offer.id(), "range": range, "booking": id });
    assert_eq!(
        starts(&slots(&maria, moving.clone()).await),
        ["2026-11-23T16:00"]
    );
    for stranger in [app.client("james"), app.visitor(), app.coach("marcus")] {
        assert_eq!(
            slots(&stranger, moving.clone()).await.code(),
            Some("NOT_FOUND")
        );
    }
    let other =
        json!({ "id": app.offer("nora", "intro-20").await.id(), "range": range, "booking": id });
    assert_eq!(
        slots(&maria, other).await.errors[0]["extensions"]["fields"],
        json!(["bookingId"])
    );
}

async fn an_invalid_range_or_length_is_refused(app: &TestApp) {
    let offer = app.offer("nora", "coaching-60").await;
    let ask = async |from: &str, until: &str, length: i32| {
        let variables = json!({ "id": offer.id(), "range": { "from": from, "until": until }, "length": length });
        let answer = slots(&app.visitor(), variables).await;
        assert_eq!(
            answer.code(),
            Some("BAD_USER_INPUT"),
            "{from} {until} {length}"
        );
        answer.errors[0]["extensions"]["fields"].clone()
    };
    let (from, until) = ("2026-11-23T00:00:00Z", "2026-11-24T00:00:00Z");
    assert_eq!(ask(until, from, 60).await, json!(["range.until"]));
    assert_eq!(ask(from, from, 60).await, json!(["range.until"]));
    assert_eq!(
        ask(from, "2027-01-25T00:00:00Z", 61).await,
        json!(["range.until", "lengthMinutes"])
    );
    let stranger = app.offer("marcus", "coaching-60").await.coach_id();
    let wrong =
        json!({ "id": offer.id(), "coach": stranger, "range": { "from": from, "until": until } });
    assert_eq!(
        slots(&app.visitor(), wrong).await.errors[0]["extensions"]["fields"],
        json!(["coachId"])
    );
    let missing = json!({ "id": format!("eventType_{}", "0".repeat(32)), "range": { "from": from, "until": until } });
    assert_eq!(
        slots(&app.visitor(), missing).await.code(),
        Some("NOT_FOUND")
    );
    let past = json!({ "id": offer.id(), "range": { "from": "1999-01-01T00:00:00Z", "until": "1999-01-02T00:00:00Z" } });
    assert_eq!(
        starts(&slots(&app.visitor(), past).await),
        Vec::<String>::new()
    );
}

async fn set_coach(app: &TestApp, name: &str, edit: impl FnOnce(&mut entity::coach::Model)) {
    use sea_orm::{ActiveModelTrait, IntoActiveModel};

    let mut row = app.profile(name).await;
    edit(&mut row);
    row.into_active_model()
        .reset_all()
        .update(app.db().write_one())
        .await
        .expect("the row is sound");
}

async fn an_unreadable_calendar_has_no_slots(app: &TestApp) {
    let offer = app.offer("nora", "coaching-60").await;
    set_coach(app, "nora", |row| {
        row.scheduler = entity::coach::Scheduler::CalCom
    })
    .await;
    let range = json!({ "from": "2026-11-23T00:00:00Z", "until": "2026-11-24T00:00:00Z" });
    let answer = slots(&app.visitor(), json!({ "id": offer.id(), "range": range })).await;
    assert_eq!(
        (answer.code(), &answer.data["slots"]),
        (Some("CONFLICT"), &Value::Null)
    );
    let refused = create(
        &app.client("maria"),
        &offer.order(at("2026-11-23T16:00:00Z")),
    )
    .await;
    assert_eq!(refused.user_errors(), ["INVALID_STATE"]);
    assert!(
        !free(app, json!({ "filter": { "range": range } }))
            .await
            .iter()
            .any(|(name, ..)| name == "Nora Whitfield")
    );
}

async fn a_coach_who_accepts_no_bookings_has_no_slots(app: &TestApp) {
    let offer = app.offer("nora", "coaching-60").await;
    let maria = app.client("maria");
    let id = id_of(&create(&maria, &offer.order(at("2026-11-23T16:00:00Z"))).await);
    app.coach("nora")
        .mutate(
            "updateCoachProfile",
            json!({ "isAcceptingBookings": false }),
            "coach { id }",
        )
        .await
        .ok();
    let range = json!({ "from": "2026-11-23T00:00:00Z", "until": "2026-11-24T00:00:00Z" });
    let asked = slots(&maria, json!({ "id": offer.id(), "range": range })).await;
    assert_eq!(asked.code(), Some("CONFLICT"));
    let moving = slots(
        &maria,
        json!({ "id": offer.id(), "range": range, "booking": id }),
    )
    .await;
    assert_eq!(
        starts(&moving).len(),
        8,
        "what is booked can still be moved"
    );
}

async fn a_suspended_coach_offers_nothing(app: &TestApp) {
    let offer = app.offer("nora", "coaching-60").await;
    let id = Kind::User.id(app.user("nora").await.id);
    app.admin()
        .mutate("suspendUser", json!({ "userId": id }), "user { id }")
        .await
        .ok();
    let range = json!({ "from": "2026-11-23T00:00:00Z", "until": "2026-11-24T00:00:00Z" });
    let asked = slots(
        &app.client("maria"),
        json!({ "id": offer.id(), "range": range }),
    )
    .await;
    assert_eq!(asked.code(), Some("CONFLICT"));
}

/// Who is free: name, what can be booked, and the first start.
async fn free(app: &TestApp, variables: Value) -> Vec<(String, String, String)> {
    let query = "query($filter: FreeCoachFilter!, $limit: Int! = 20, $each: Int! = 3) {
        freeCoaches(filter: $filter, limit: $limit, slotsPerCoach: $each) { isComplete verifiedAt
            coaches { coach { displayName } eventType { slug coach { displayName } } slots { startsAt } } } }";
    let answer = app.visitor().gql(query, variables).await;
    assert_eq!(answer.at("/freeCoaches/isComplete"), true);
    let text = |value: &Value| value.as_str().expect("text").to_owned();
    let coaches = answer
        .at("/freeCoaches/coaches")
        .as_array()
        .expect("a list");
    let one = |free: &Value| {
        let start = text(&free["slots"][0]["startsAt"]);
        (
            text(&free["coach"]["displayName"]),
            text(&free["eventType"]["slug"]),
            start[..16].to_owned(),
        )
    };
    coaches.iter().map(one).collect()
}

async fn available_coaches_are_sorted_by_their_first_slot(app: &TestApp) {
    let range = json!({ "from": "2026-11-24T00:00:00Z", "until": "2026-11-25T00:00:00Z" });
    let all = free(app, json!({ "filter": { "range": range } })).await;
    assert!(
        all.is_sorted_by_key(|(_, _, start)| start.clone()),
        "{all:?}"
    );
    let names: Vec<&str> = all.iter().map(|(name, ..)| name.as_str()).collect();
    for name in [
        "Nora Whitfield",
        "Marcus Bell",
        "Eleanor Hughes",
        "Jonas Keller",
        "Priya Raman",
        "Liam O'Connor",
        "Grace Kim",
    ] {
        assert_eq!(
            names.iter().filter(|found| **found == name).count(),
            1,
            "{name} in {names:?}"
        );
    }
    let two = free(app, json!({ "filter": { "range": range }, "limit": 2 })).await;
    assert_eq!(two, all[..2]);
    // The very first hour of the search.
    let (name, slug, start) = &all[0];
    let (coach, slug) = (
        name.split(' ').next().expect("a name").to_lowercase(),
        slug.as_str(),
    );
    let order = app
        .offer(&coach, slug)
        .await
        .order(at(&format!("{start}:00Z")));
    id_of(&create(&app.client("maria"), &order).await);
    assert_ne!(
        free(app, json!({ "filter": { "range": range } }))
            .await
            .first(),
        all.first()
    );
}

async fn available_coaches_match_every_filter(app: &TestApp) {
    let range = json!({ "from": "2026-11-24T00:00:00Z", "until": "2026-11-25T00:00:00Z" });
    let names = async |filter: Value| {
        let mut names: Vec<_> = free(app, json!({ "filter": filter }))
            .await
            .into_iter()
            .map(|(name, ..)| name)
            .collect();
        names.sort();
        names
    };
    assert_eq!(
        names(json!({ "range": range, "kind": "VERIFICATION" })).await,
        ["Nora Whitfield"]
    );
    assert_eq!(
        names(json!({ "range": range, "specialties": ["luxury", "mindset"] })).await,
        ["Eleanor Hughes", "Grace Kim"]
    );
    for coach in ["marcus", "eleanor", "jonas", "liam"] {
        app.edit_offer(&app.offer(coach, "intro-20").await, |row| {
            row.visibility = entity::event_type::Visibility::Unlisted
        })
        .await;
    }
    let price = json!({ "amount": "95", "currency": "GBP" });
    let affordable = [
        "Eleanor Hughes",
        "Grace Kim",
        "Nora Whitfield",
        "Priya Raman",
    ];
    assert_eq!(
        names(json!({ "range": range, "maxPrice": price })).await,
        affordable
    );
    set_coach(app, "grace", |row| row.listed = false).await;
    set_coach(app, "priya", |row| row.accepts_bookings = false).await;
    assert_eq!(
        names(json!({ "range": range, "maxPrice": price })).await,
        ["Eleanor Hughes", "Nora Whitfield"]
    );
    let sunday = json!({ "from": "2026-11-29T00:00:00Z", "until": "2026-11-29T12:00:00Z" });
    assert_eq!(
        names(json!({ "range": sunday })).await,
        Vec::<String>::new()
    );

    let query = "query($filter: FreeCoachFilter!) { freeCoaches(filter: $filter, limit: 51, slotsPerCoach: 0) { isComplete } }";
    let week = json!({ "from": "2026-11-24T00:00:00Z", "until": "2026-12-02T00:00:00Z" });
    let refused = app
        .visitor()
        .gql(query, json!({ "filter": { "range": week } }))
        .await;
    let fields = json!(["filter.range.until", "limit", "slotsPerCoach"]);
    assert_eq!(refused.errors[0]["extensions"]["fields"], fields);
}

async fn availability_takes_as_many_statements_for_all_coaches_as_for_one(app: &TestApp) {
    let range = json!({ "from": "2026-11-24T00:00:00Z", "until": "2026-11-25T00:00:00Z" });
    let mut counts = Vec::new();
    for filter in [
        json!({ "range": range, "specialties": ["luxury"] }),
        json!({ "range": range }),
    ] {
        let (_, statements) = app
            .statements
            .of(free(app, json!({ "filter": filter })))
            .await;
        counts.push(about(
            &statements,
            &["coach", "event_type", "schedule", "booking\"", "slot_hold"],
        ));
    }
    assert_eq!(counts, [3, 3]);
}
