//! The same key: the same answer, one effect.

use futures_util::future::join_all;
use serde_json::json;
use tests::{TestApp, at, both, key};

use super::{BOOKING, create, id_of};

both![
    a_repeated_request_gets_the_same_answer_and_has_one_effect,
    a_key_with_another_input_is_refused,
    fifty_concurrent_requests_have_one_effect,
    a_repeated_reschedule_or_cancel_has_one_effect,
    a_refused_request_does_not_use_up_its_key,
    keys_belong_to_one_person,
];

const COUNT: usize = 50;

async fn a_repeated_request_gets_the_same_answer_and_has_one_effect(app: &TestApp) {
    let maria = app.client("maria");
    let order = app
        .offer("nora", "coaching-60")
        .await
        .order(at("2026-11-25T14:00:00Z"));
    let first = create(&maria, &order).await;
    let (bookings, history) = (app.bookings().await, app.history().await);
    let second = create(&maria, &order).await;
    assert_eq!(first.data, second.data);
    assert_eq!(
        (bookings, history),
        (app.bookings().await, app.history().await)
    );
}

async fn a_key_with_another_input_is_refused(app: &TestApp) {
    let maria = app.client("maria");
    let offer = app.offer("nora", "coaching-60").await;
    let mut order = offer.order(at("2026-11-25T14:00:00Z"));
    id_of(&create(&maria, &order).await);
    let before = app.bookings().await;
    order["startsAt"] = json!("2026-11-25T17:00:00Z");
    assert_eq!(
        create(&maria, &order).await.user_errors(),
        ["IDEMPOTENCY_KEY_REUSED"]
    );
    assert_eq!(before, app.bookings().await);
}

async fn fifty_concurrent_requests_have_one_effect(app: &TestApp) {
    let maria = app.client("maria");
    let order = app
        .offer("nora", "coaching-60")
        .await
        .order(at("2026-11-25T14:00:00Z"));
    let before = (app.bookings().await.len(), app.history().await.len());
    let answers = join_all((0..COUNT).map(|_| create(&maria, &order))).await;
    let ids: Vec<_> = answers.iter().map(id_of).collect();
    assert!(ids.iter().all(|id| *id == ids[0]), "{ids:?}");
    assert!(answers.iter().all(|answer| answer.data == answers[0].data));
    assert_eq!(
        (app.bookings().await.len(), app.history().await.len()),
        (before.0 + 1, before.1 + 3)
    );
}

async fn a_repeated_reschedule_or_cancel_has_one_effect(app: &TestApp) {
    let maria = app.client("maria");
    let offer = app.offer("nora", "coaching-60").await;
    let id = id_of(&create(&maria, &offer.order(at("2026-11-25T14:00:00Z"))).await);
    let input =
        json!({ "idempotencyKey": key(), "bookingId": id, "startsAt": "2026-11-25T19:00:00Z" });
    let moved =
        join_all((0..20).map(|_| maria.mutate("rescheduleBooking", input.clone(), BOOKING))).await;
    assert!(
        moved
            .iter()
            .all(|answer| answer.at("/rescheduleBooking/booking/moves") == 1)
    );
    let other = json!({ "idempotencyKey": input["idempotencyKey"], "bookingId": id, "startsAt": "2026-11-25T20:00:00Z" });
    let refused = maria.mutate("rescheduleBooking", other, BOOKING).await;
    assert_eq!(refused.user_errors(), ["IDEMPOTENCY_KEY_REUSED"]);

    let input = json!({ "idempotencyKey": key(), "bookingId": id });
    let canceled =
        join_all((0..20).map(|_| maria.mutate("cancelBooking", input.clone(), BOOKING))).await;
    assert!(
        canceled
            .iter()
            .all(|answer| answer.at("/cancelBooking/booking/version") == 5)
    );
    assert_eq!(
        app.booking(&id).await.version,
        5,
        "made of three steps, moved once, canceled once"
    );
    app.run_jobs().await;
}

async fn a_refused_request_does_not_use_up_its_key(app: &TestApp) {
    let maria = app.client("maria");
    let offer = app.offer("nora", "coaching-60").await;
    let mut order = offer.order(at("2026-11-25T03:00:00Z"));
    assert_eq!(
        create(&maria, &order).await.user_errors(),
        ["SLOT_NOT_OFFERED"]
    );
    order["startsAt"] = json!("2026-11-25T14:00:00Z");
    id_of(&create(&maria, &order).await);
}

async fn keys_belong_to_one_person(app: &TestApp) {
    let offer = app.offer("nora", "coaching-60").await;
    let first = offer.order(at("2026-11-25T14:00:00Z"));
    let mut second = offer.order(at("2026-11-25T17:00:00Z"));
    second["idempotencyKey"] = first["idempotencyKey"].clone();
    let (maria, james) = (app.client("maria"), app.client("james"));
    assert_ne!(
        id_of(&create(&maria, &first).await),
        id_of(&create(&james, &second).await)
    );
}
