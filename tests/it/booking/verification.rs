//! The page on which a new client books the verification call: nothing yet, one with what may be
//! done to it, nothing again.

use chrono::TimeDelta;
use futures_util::future::join_all;
use serde_json::json;
use tests::{TestApp, at, both};

use super::{cancel, create, id_of};

both![
    the_verification_page_has_three_states,
    a_client_has_one_verification_at_a_time,
    of_many_concurrent_requests_one_books
];

const PAGE: &str = "{ viewer { verificationBooking { id status kind allowedActions } } }";

async fn the_verification_page_has_three_states(app: &TestApp) {
    let maria = app.client("maria");
    let offer = app.offer("nora", "verification-30").await;
    assert_eq!(
        maria
            .gql(PAGE, json!({}))
            .await
            .at("/viewer/verificationBooking"),
        &json!(null)
    );
    let id = id_of(&create(&maria, &offer.order(at("2026-11-25T14:00:00Z"))).await);
    let active = json!({
        "id": id, "status": "CONFIRMED", "kind": "VERIFICATION", "allowedActions": ["CANCEL", "RESCHEDULE", "ADD_GUESTS"],
    });
    assert_eq!(
        maria
            .gql(PAGE, json!({}))
            .await
            .at("/viewer/verificationBooking"),
        &active
    );
    assert_eq!(
        app.client("james")
            .gql(PAGE, json!({}))
            .await
            .at("/viewer/verificationBooking"),
        &json!(null)
    );
    cancel(&maria, &id).await.ok();
    assert_eq!(
        maria
            .gql(PAGE, json!({}))
            .await
            .at("/viewer/verificationBooking"),
        &json!(null)
    );
    id_of(&create(&maria, &offer.order(at("2026-11-25T15:00:00Z"))).await);
    app.run_jobs().await;
}

async fn a_client_has_one_verification_at_a_time(app: &TestApp) {
    let maria = app.client("maria");
    let offer = app.offer("nora", "verification-30").await;
    id_of(&create(&maria, &offer.order(at("2026-11-25T14:00:00Z"))).await);
    let second = create(&maria, &offer.order(at("2026-11-26T14:00:00Z"))).await;
    assert_eq!(second.user_errors(), ["VERIFICATION_EXISTS"]);
    id_of(
        &create(
            &app.client("james"),
            &offer.order(at("2026-11-26T14:00:00Z")),
        )
        .await,
    );
    let other = app.offer("nora", "coaching-60").await;
    id_of(&create(&maria, &other.order(at("2026-11-25T16:00:00Z"))).await);
}

async fn of_many_concurrent_requests_one_books(app: &TestApp) {
    let maria = app.client("maria");
    let offer = app.offer("nora", "verification-30").await;
    let start = |half: i64| at("2026-11-25T14:00:00Z") + TimeDelta::minutes(30 * half);
    let orders: Vec<_> = (0..16).map(|half| offer.order(start(half))).collect();
    let answers = join_all(orders.iter().map(|order| create(&maria, order))).await;
    let made = answers
        .iter()
        .filter(|answer| answer.user_errors().is_empty())
        .count();
    let refused = answers
        .iter()
        .filter(|answer| answer.user_errors() == ["VERIFICATION_EXISTS"])
        .count();
    assert_eq!((made, refused), (1, 15));
}
