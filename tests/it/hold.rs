//! Slots that are held for somebody for a while.

use chrono::TimeDelta;
use serde_json::{Value, json};
use tests::{Actor, Answer, Offer, TestApp, at, both};

use crate::booking::{create, id_of};

both![
    a_held_slot_is_taken_for_everyone_else,
    a_booking_replaces_its_hold,
    a_hold_expires,
    a_person_holds_few_slots,
    only_offered_slots_can_be_held,
    nobody_else_sees_or_uses_a_hold,
    concurrent_holds_of_one_slot_succeed_once,
];

const HOLD: &str = "hold { id startsAt endsAt expiresAt }";
const START: &str = "2026-11-24T15:00:00Z";

async fn hold(actor: &Actor<'_>, offer: &Offer, start: &str) -> Answer {
    actor
        .mutate(
            "createHold",
            json!({ "eventTypeId": offer.id(), "startsAt": start }),
            HOLD,
        )
        .await
}

fn held(answer: &Answer) -> String {
    assert_eq!(answer.user_errors(), Vec::<&str>::new(), "{}", answer.data);
    answer.text("/createHold/hold/id")
}

async fn is_free(actor: &Actor<'_>, offer: &Offer, start: &str) -> bool {
    let query = "query($id: ID!, $range: TimeRangeInput!) { slots(eventTypeId: $id, range: $range) { slots { startsAt } } }";
    let range = json!({ "from": start, "until": at(start) + TimeDelta::minutes(1) });
    let answer = actor
        .gql(query, json!({ "id": offer.id(), "range": range }))
        .await;
    answer.at("/slots/slots") != &json!([])
}

fn carrying(order: Value, id: &str) -> Value {
    let mut order = order;
    order["holdId"] = json!(id);
    order
}

async fn a_held_slot_is_taken_for_everyone_else(app: &TestApp) {
    let (maria, james) = (app.client("maria"), app.client("james"));
    let offer = app.offer("nora", "coaching-60").await;
    let answer = hold(&maria, &offer, START).await;
    assert_eq!(
        answer.at("/createHold/hold/expiresAt"),
        "2026-11-23T08:10:00.000Z"
    );
    assert_eq!(
        answer.at("/createHold/hold/endsAt"),
        "2026-11-24T16:00:00.000Z"
    );
    assert!(is_free(&maria, &offer, START).await && !is_free(&james, &offer, START).await);
    assert_eq!(
        hold(&james, &offer, START).await.user_errors(),
        ["SLOT_TAKEN"]
    );
    assert_eq!(
        create(&james, &offer.order(at(START))).await.user_errors(),
        ["SLOT_TAKEN"]
    );
    // 16:00 begins within the buffer of a quarter of an hour after it.
    assert_eq!(
        hold(&james, &offer, "2026-11-24T16:00:00Z")
            .await
            .user_errors(),
        ["SLOT_TAKEN"]
    );
    let input = json!({ "holdId": held(&answer) });
    let released = maria
        .mutate("releaseHold", input.clone(), "releasedHoldId")
        .await;
    assert_eq!(released.at("/releaseHold/releasedHoldId"), &input["holdId"]);
    assert_eq!(
        maria
            .mutate("releaseHold", input, "releasedHoldId")
            .await
            .user_errors(),
        ["NOT_FOUND"]
    );
    held(&hold(&james, &offer, START).await);
}

async fn a_booking_replaces_its_hold(app: &TestApp) {
    let maria = app.client("maria");
    let offer = app.offer("nora", "coaching-60").await;
    let id = held(&hold(&maria, &offer, START).await);
    let elsewhere = carrying(offer.order(at("2026-11-24T17:00:00Z")), &id);
    assert_eq!(create(&maria, &elsewhere).await.fields(), ["holdId"]);
    id_of(&create(&maria, &carrying(offer.order(at(START)), &id)).await);
    let left = maria.gql("{ viewer { holds { id } } }", json!({})).await;
    assert_eq!(left.at("/viewer/holds"), &json!([]));
    assert_eq!(
        hold(&app.client("james"), &offer, START)
            .await
            .user_errors(),
        ["SLOT_TAKEN"]
    );
}

async fn a_hold_expires(app: &TestApp) {
    let (maria, james) = (app.client("maria"), app.client("james"));
    let offer = app.offer("nora", "coaching-60").await;
    let id = held(&hold(&maria, &offer, START).await);
    app.clock.advance(TimeDelta::minutes(10));
    assert!(is_free(&james, &offer, START).await);
    assert_eq!(
        create(&maria, &carrying(offer.order(at(START)), &id))
            .await
            .user_errors(),
        ["HOLD_EXPIRED"]
    );
    let node = maria
        .gql(
            "query($id: ID!) { node(id: $id) { id } viewer { holds { id } } }",
            json!({ "id": id }),
        )
        .await;
    assert_eq!(
        node.at(""),
        &json!({ "node": null, "viewer": { "holds": [] } })
    );
    held(&hold(&james, &offer, START).await);
}

async fn a_person_holds_few_slots(app: &TestApp) {
    let maria = app.client("maria");
    let nora = app.offer("nora", "coaching-60").await;
    held(&hold(&maria, &nora, START).await);
    held(&hold(&maria, &nora, "2026-11-24T18:00:00Z").await);
    assert!(
        is_free(&app.client("james"), &nora, START).await,
        "one of each coach: the first gave way"
    );
    held(
        &hold(
            &maria,
            &app.offer("marcus", "intro-20").await,
            "2026-11-24T18:00:00Z",
        )
        .await,
    );
    held(
        &hold(
            &maria,
            &app.offer("priya", "intro-20").await,
            "2026-11-25T06:00:00Z",
        )
        .await,
    );
    let jonas = app.offer("jonas", "intro-20").await;
    assert_eq!(
        hold(&maria, &jonas, "2026-11-25T10:00:00Z")
            .await
            .user_errors(),
        ["INVALID_STATE"]
    );
    let answer = maria
        .gql(
            "{ viewer { holds { startsAt coach { displayName } eventType { slug } } } }",
            json!({}),
        )
        .await;
    assert_eq!(answer.at("/viewer/holds").as_array().map(Vec::len), Some(3));
    app.clock.advance(TimeDelta::minutes(10));
    held(&hold(&maria, &jonas, "2026-11-25T10:00:00Z").await);
}

async fn only_offered_slots_can_be_held(app: &TestApp) {
    let maria = app.client("maria");
    let offer = app.offer("nora", "coaching-60").await;
    // At night, off the grid, on short notice, too far ahead.
    for start in [
        "2026-11-24T05:00:00Z",
        "2026-11-24T15:07:00Z",
        "2026-11-23T09:00:00Z",
        "2027-06-01T15:00:00Z",
    ] {
        assert_eq!(
            hold(&maria, &offer, start).await.user_errors(),
            ["SLOT_NOT_OFFERED"],
            "{start}"
        );
    }
    assert_eq!(
        hold(&maria, &offer, "2026-11-23T07:00:00Z").await.fields(),
        ["startsAt"]
    );
    let odd = json!({ "eventTypeId": offer.id(), "startsAt": START, "lengthMinutes": 61 });
    assert_eq!(
        maria.mutate("createHold", odd, HOLD).await.fields(),
        ["lengthMinutes"]
    );
    assert_eq!(
        hold(&app.coach("nora"), &offer, START).await.user_errors(),
        ["INVALID_STATE"],
        "her own time"
    );
    assert_eq!(
        hold(&app.visitor(), &offer, START).await.code(),
        Some("UNAUTHENTICATED")
    );
}

async fn nobody_else_sees_or_uses_a_hold(app: &TestApp) {
    let (maria, james) = (app.client("maria"), app.client("james"));
    let offer = app.offer("nora", "coaching-60").await;
    let id = held(&hold(&maria, &offer, START).await);
    let query = "query($id: ID!) { node(id: $id) { ... on Hold { startsAt } } }";
    for stranger in [&james, &app.coach("nora"), &app.admin()] {
        assert_eq!(
            stranger.gql(query, json!({ "id": id })).await.at("/node"),
            &Value::Null
        );
        let gone = stranger
            .mutate("releaseHold", json!({ "holdId": id }), "releasedHoldId")
            .await;
        assert_eq!(gone.user_errors(), ["NOT_FOUND"]);
    }
    assert_eq!(
        create(&james, &carrying(offer.order(at(START)), &id))
            .await
            .user_errors(),
        ["NOT_FOUND"]
    );
    assert_eq!(
        maria
            .gql(query, json!({ "id": id }))
            .await
            .at("/node/startsAt"),
        "2026-11-24T15:00:00.000Z"
    );
}

async fn concurrent_holds_of_one_slot_succeed_once(app: &TestApp) {
    let offer = app.offer("nora", "coaching-60").await;
    let names: Vec<String> = (0..20).map(|number| format!("client{number}")).collect();
    for name in &names {
        app.enrol(name, entity::user::Role::Client).await;
    }
    let people: Vec<_> = names.iter().map(|name| app.client(name)).collect();
    let answers =
        futures_util::future::join_all(people.iter().map(|person| hold(person, &offer, START)))
            .await;
    let got = answers
        .iter()
        .filter(|answer| answer.user_errors().is_empty())
        .count();
    let refused = answers
        .iter()
        .filter(|answer| answer.user_errors() == ["SLOT_TAKEN"])
        .count();
    assert_eq!((got, refused), (1, 19));

    // One person, everywhere at once: never more than three.
    let starts = [
        ("nora", "2026-11-25T15:00:00Z"),
        ("marcus", "2026-11-25T18:00:00Z"),
        ("priya", "2026-11-25T06:00:00Z"),
        ("jonas", "2026-11-25T10:00:00Z"),
        ("eleanor", "2026-11-25T12:00:00Z"),
        ("grace", "2026-11-26T00:00:00Z"),
    ];
    let maria = app.client("maria");
    let mut wishes = Vec::new();
    for (coach, start) in starts {
        wishes.push((app.offer(coach, "intro-20").await, start));
    }
    let answers = futures_util::future::join_all(
        wishes
            .iter()
            .map(|(offer, start)| hold(&maria, offer, start)),
    )
    .await;
    assert_eq!(
        answers
            .iter()
            .filter(|answer| answer.user_errors().is_empty())
            .count(),
        3
    );
    assert_eq!(
        answers
            .iter()
            .filter(|answer| answer.user_errors() == ["INVALID_STATE"])
            .count(),
        3
    );
}
