//! Requests that are refused, and that they change nothing.

use chrono::TimeDelta;
use courtside::graphql::scalars::instant;
use serde_json::{Value, json};
use tests::{Actor, Answer, TestApp, at, both, key};

use super::{BOOKING, cancel, create, id_of, reschedule};

both![
    an_impossible_start_is_refused_with_its_reason,
    a_taken_slot_is_refused_buffers_included,
    a_client_cannot_book_overlapping_times,
    invalid_values_are_named,
    a_stale_version_is_refused,
    strangers_see_and_change_nothing,
    visitors_must_sign_in,
    a_client_cannot_change_a_session_that_has_begun,
    a_booking_is_rescheduled_as_often_as_its_policy_allows,
];

/// Checks that a request leaves the bookings and the history as they were.
async fn unchanged<T>(app: &TestApp, attempt: impl Future<Output = T>) -> T {
    let before = (app.bookings().await, app.history().await);
    let outcome = attempt.await;
    assert_eq!(
        before,
        (app.bookings().await, app.history().await),
        "what was refused changed something"
    );
    outcome
}

async fn an_impossible_start_is_refused_with_its_reason(app: &TestApp) {
    let maria = app.client("maria");
    let offer = app.offer("nora", "coaching-60").await;
    for (start, code) in [
        ("2026-11-22T14:00:00Z", "INVALID"),
        ("2026-11-25T13:00:00Z", "SLOT_NOT_OFFERED"),
        ("2026-11-25T14:30:00Z", "SLOT_NOT_OFFERED"),
        ("2026-11-28T14:00:00Z", "SLOT_NOT_OFFERED"),
        ("2026-12-03T15:00:00Z", "SLOT_NOT_OFFERED"),
        ("2027-11-24T15:00:00Z", "SLOT_NOT_OFFERED"),
    ] {
        let answer = unchanged(app, create(&maria, &offer.order(at(start)))).await;
        assert_eq!(answer.user_errors(), [code], "{start}");
        assert_eq!(answer.at("/createBooking/booking"), &Value::Null);
    }
    let soon = offer.order(app.now() + TimeDelta::hours(6));
    assert_eq!(
        create(&maria, &soon).await.user_errors(),
        Vec::<&str>::new(),
        "at 9 in New York, six hours from now"
    );
}

async fn a_taken_slot_is_refused_buffers_included(app: &TestApp) {
    let offer = app.offer("nora", "coaching-60").await;
    id_of(
        &create(
            &app.client("maria"),
            &offer.order(at("2026-11-25T14:00:00Z")),
        )
        .await,
    );
    let james = app.client("james");
    for start in ["2026-11-25T14:00:00Z", "2026-11-25T15:00:00Z"] {
        let answer = unchanged(app, create(&james, &offer.order(at(start)))).await;
        assert_eq!(
            answer.user_errors(),
            ["SLOT_TAKEN"],
            "{start}: the coach rests 15 minutes after a session"
        );
    }
    let later = id_of(&create(&james, &offer.order(at("2026-11-25T17:00:00Z"))).await);
    let answer = unchanged(app, reschedule(&james, &later, "2026-11-25T14:00:00Z")).await;
    assert_eq!(answer.user_errors(), ["SLOT_TAKEN"]);
}

async fn a_client_cannot_book_overlapping_times(app: &TestApp) {
    let maria = app.client("maria");
    let (nora, marcus) = (
        app.offer("nora", "coaching-60").await,
        app.offer("marcus", "coaching-60").await,
    );
    id_of(&create(&maria, &nora.order(at("2026-11-25T16:00:00Z"))).await);
    let answer = unchanged(
        app,
        create(&maria, &marcus.order(at("2026-11-25T16:00:00Z"))),
    )
    .await;
    assert_eq!(answer.user_errors(), ["CLIENT_BUSY"]);
    id_of(&create(&maria, &marcus.order(at("2026-11-25T17:00:00Z"))).await);
}

async fn invalid_values_are_named(app: &TestApp) {
    let maria = app.client("maria");
    let offer = app.offer("nora", "coaching-60").await;
    let good = offer.order(at("2026-11-25T14:00:00Z"));
    let cases = [
        ("lengthMinutes", json!(50), "INVALID", "lengthMinutes"),
        (
            "eventTypeId",
            json!("booking_00000000000000000000000000000000"),
            "INVALID",
            "eventTypeId",
        ),
        (
            "eventTypeId",
            json!("eventType_00000000000000000000000000000000"),
            "NOT_FOUND",
            "",
        ),
        (
            "coachId",
            json!(app.offer("grace", "intro-20").await.coach_id()),
            "INVALID",
            "coachId",
        ),
        (
            "holdId",
            json!("hold_00000000000000000000000000000000"),
            "NOT_FOUND",
            "",
        ),
        (
            "answers",
            json!([{ "key": "no such", "values": ["x"] }]),
            "INVALID",
            "answers.0.key",
        ),
        (
            "answers",
            json!([{ "key": "goal", "values": ["x".repeat(5_001)] }]),
            "INVALID",
            "answers.0.values",
        ),
    ];
    for (field, value, code, path) in cases {
        let mut order = good.clone();
        order[field] = value;
        let answer = unchanged(app, create(&maria, &order)).await;
        assert_eq!(answer.user_errors(), [code], "{field}");
        let named = answer.at("/createBooking/userErrors/0/field");
        let named: Vec<_> = named
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect();
        assert_eq!(named.join("."), path, "{field}");
    }
    for (field, value) in [
        ("timeZone", "Mars/Olympus"),
        ("startsAt", "tomorrow"),
        ("idempotencyKey", "short"),
    ] {
        let mut order = good.clone();
        order[field] = json!(value);
        let answer = unchanged(app, create(&maria, &order)).await;
        assert_eq!(
            (answer.status.as_u16(), answer.data.is_null()),
            (200, true),
            "{field}: {:?}",
            answer.errors
        );
        assert!(answer.code().is_some(), "{field}: {:?}", answer.errors);
    }
}

async fn a_stale_version_is_refused(app: &TestApp) {
    let maria = app.client("maria");
    let offer = app.offer("nora", "coaching-60").await;
    let id = id_of(&create(&maria, &offer.order(at("2026-11-25T14:00:00Z"))).await);
    let seen = app.booking(&id).await.version;
    reschedule(&maria, &id, "2026-11-25T19:00:00Z").await;
    let stale = json!({ "idempotencyKey": key(), "bookingId": id, "version": seen });
    let answer = unchanged(app, maria.mutate("cancelBooking", stale, BOOKING)).await;
    assert_eq!(answer.user_errors(), ["VERSION_CONFLICT"]);
    let stale = json!({ "idempotencyKey": key(), "bookingId": id, "version": seen, "startsAt": "2026-11-25T20:00:00Z" });
    let answer = unchanged(app, maria.mutate("rescheduleBooking", stale, BOOKING)).await;
    assert_eq!(answer.user_errors(), ["VERSION_CONFLICT"]);
    let fresh = json!({ "idempotencyKey": key(), "bookingId": id, "version": seen + 1 });
    assert_eq!(
        maria
            .mutate("cancelBooking", fresh, BOOKING)
            .await
            .at("/cancelBooking/booking/status"),
        "CANCELED"
    );
    let answer = unchanged(app, cancel(&maria, &id)).await;
    assert_eq!(
        answer.user_errors(),
        ["INVALID_STATE"],
        "it is canceled already"
    );
    app.run_jobs().await;
}

/// Everything that can be tried on a booking by its id.
async fn attempts(actor: &Actor<'_>, id: &str) -> Vec<Answer> {
    let only_id = json!({ "bookingId": id });
    vec![
        cancel(actor, id).await,
        reschedule(actor, id, "2026-11-25T19:00:00Z").await,
        actor
            .mutate("approveBooking", only_id.clone(), BOOKING)
            .await,
        actor.mutate("rejectBooking", only_id, BOOKING).await,
        actor
            .gql(
                "query($id: ID!) { booking(id: $id) { id } }",
                json!({ "id": id }),
            )
            .await,
    ]
}

async fn strangers_see_and_change_nothing(app: &TestApp) {
    let offer = app.offer("nora", "coaching-60").await;
    let id = id_of(
        &create(
            &app.client("maria"),
            &offer.order(at("2026-11-25T14:00:00Z")),
        )
        .await,
    );
    let missing = "booking_00000000000000000000000000000000";
    for (stranger, is_coach) in [(app.client("james"), false), (app.coach("marcus"), true)] {
        let outcome =
            |answers: Vec<Answer>| answers.iter().map(Answer::refusal).collect::<Vec<_>>();
        let found = outcome(unchanged(app, attempts(&stranger, &id)).await);
        let decide = if is_coach { "NOT_FOUND" } else { "FORBIDDEN" };
        let expected = ["NOT_FOUND", "NOT_FOUND", decide, decide, "NOT_FOUND"]
            .map(|code| Some(code.to_owned()));
        assert_eq!(found, expected);
        assert_eq!(
            found,
            outcome(attempts(&stranger, missing).await),
            "somebody else's looks like none at all"
        );
        let node = stranger
            .gql(
                "query($id: ID!) { node(id: $id) { id } }",
                json!({ "id": id }),
            )
            .await;
        assert_eq!(node.at("/node"), &Value::Null);
    }
}

async fn visitors_must_sign_in(app: &TestApp) {
    let offer = app.offer("nora", "coaching-60").await;
    let id = id_of(
        &create(
            &app.client("maria"),
            &offer.order(at("2026-11-25T14:00:00Z")),
        )
        .await,
    );
    let visitor = app.visitor();
    for answer in unchanged(app, attempts(&visitor, &id)).await {
        assert_eq!(
            answer.code(),
            Some("UNAUTHENTICATED"),
            "{:?}",
            answer.errors
        );
    }
    let answer = unchanged(
        app,
        create(&visitor, &offer.order(at("2026-11-25T17:00:00Z"))),
    )
    .await;
    assert_eq!(answer.code(), Some("UNAUTHENTICATED"));
}

async fn a_client_cannot_change_a_session_that_has_begun(app: &TestApp) {
    let (maria, nora) = (app.client("maria"), app.coach("nora"));
    let offer = app.offer("nora", "coaching-60").await;
    let id = id_of(&create(&maria, &offer.order(at("2026-11-25T14:00:00Z"))).await);
    app.clock.advance(at("2026-11-25T14:00:00Z") - app.now());
    assert_eq!(
        unchanged(app, cancel(&maria, &id)).await.user_errors(),
        ["INVALID_STATE"]
    );
    let answer = unchanged(app, reschedule(&maria, &id, "2026-11-26T15:00:00Z")).await;
    assert_eq!(answer.user_errors(), ["INVALID_STATE"]);
    let tomorrow = instant(app.now() + TimeDelta::hours(1));
    assert_eq!(
        unchanged(app, reschedule(&nora, &id, &tomorrow))
            .await
            .user_errors(),
        ["INVALID_STATE"]
    );
    assert_eq!(
        cancel(&nora, &id).await.at("/cancelBooking/booking/status"),
        "CANCELED",
        "the coach still can"
    );
    app.run_jobs().await;
}

async fn a_booking_is_rescheduled_as_often_as_its_policy_allows(app: &TestApp) {
    let (maria, nora) = (app.client("maria"), app.coach("nora"));
    let offer = app.offer("nora", "coaching-60").await;
    let id = id_of(&create(&maria, &offer.order(at("2026-11-25T14:00:00Z"))).await);
    for hour in [16, 18, 20] {
        let answer = reschedule(&maria, &id, &format!("2026-11-25T{hour}:00:00Z")).await;
        assert_eq!(answer.user_errors(), Vec::<&str>::new());
    }
    let answer = unchanged(app, reschedule(&maria, &id, "2026-11-26T15:00:00Z")).await;
    assert_eq!(answer.user_errors(), ["POLICY_VIOLATION"]);
    let answer = reschedule(&nora, &id, "2026-11-26T15:00:00Z").await;
    assert_eq!(
        answer.user_errors(),
        Vec::<&str>::new(),
        "the policy binds the client alone"
    );
    app.run_jobs().await;
}
