//! A move to the time that the booking already has is none.

use serde_json::{Value, json};
use tests::{Answer, TestApp, at, both};

use super::{BOOKING, cancel, create, id_of, reschedule};

both![
    a_move_to_where_the_booking_already_is_changes_nothing,
    a_booking_without_moves_left_may_stay_where_it_is,
    a_move_to_where_it_already_is_asks_for_no_new_approval,
    a_booking_that_cannot_be_moved_is_still_refused,
];

const START: &str = "2026-11-25T14:00:00Z";

fn booking<'a>(answer: &'a Answer, field: &str) -> &'a Value {
    answer.at(&format!("/rescheduleBooking/booking/{field}"))
}

async fn a_move_to_where_the_booking_already_is_changes_nothing(app: &TestApp) {
    let offer = app.offer("nora", "coaching-60").await;
    let id = id_of(&create(&app.client("maria"), &offer.order(at(START))).await);
    app.run_jobs().await;
    let (before, lines) = (app.booking(&id).await, app.history().await.len());
    app.clock.advance(chrono::TimeDelta::minutes(5));
    for mover in [app.client("maria"), app.coach("nora")] {
        // The same instant, written in another way.
        for start in [START, "2026-11-25T09:00:00.0004-05:00"] {
            let stays = reschedule(&mover, &id, start).await;
            assert_eq!(stays.user_errors(), Vec::<&str>::new(), "{stays:?}");
            assert_eq!(booking(&stays, "startsAt"), "2026-11-25T14:00:00.000Z");
            assert_eq!(booking(&stays, "moves"), 0);
            assert_eq!(booking(&stays, "version"), before.version);
        }
    }
    app.run_jobs().await;
    assert_eq!(app.booking(&id).await, before, "not even its last change");
    assert_eq!(app.history().await.len(), lines);
    let moves = "courtside_bookings_total{state=\"rescheduled\"";
    assert_eq!(app.figure(moves).await, 0.0);

    let moved = reschedule(&app.client("maria"), &id, "2026-11-25T19:00:00Z").await;
    assert_eq!(booking(&moved, "moves"), 1);
    assert_eq!(app.figure(moves).await, 1.0);
    app.run_jobs().await;
}

async fn a_booking_without_moves_left_may_stay_where_it_is(app: &TestApp) {
    let maria = app.client("maria");
    let offer = app.offer("nora", "coaching-60").await;
    app.edit_offer(&offer, |row| row.policy.max_moves = Some(1))
        .await;
    let id = id_of(&create(&maria, &offer.order(at(START))).await);
    let (new, other) = ("2026-11-25T19:00:00Z", "2026-11-26T19:00:00Z");
    assert_eq!(booking(&reschedule(&maria, &id, new).await, "moves"), 1);
    let stays = reschedule(&maria, &id, new).await;
    assert_eq!(stays.user_errors(), Vec::<&str>::new());
    assert_eq!(booking(&stays, "moves"), 1);
    assert_eq!(
        reschedule(&maria, &id, other).await.user_errors(),
        ["POLICY_VIOLATION"]
    );
    app.run_jobs().await;
}

async fn a_move_to_where_it_already_is_asks_for_no_new_approval(app: &TestApp) {
    let (maria, eleanor) = (app.client("maria"), app.coach("eleanor"));
    let offer = app.offer("eleanor", "coaching-60").await;
    app.edit_offer(&offer, |row| row.price_minor = 0).await;
    let start = "2026-11-25T11:00:00Z";
    let id = id_of(&create(&maria, &offer.order(at(start))).await);
    let input = json!({ "bookingId": id });
    let approved = eleanor.mutate("approveBooking", input, BOOKING).await;
    assert_eq!(approved.at("/approveBooking/booking/status"), "CONFIRMED");
    let stays = reschedule(&maria, &id, start).await;
    assert_eq!(booking(&stays, "status"), "CONFIRMED");
    assert_eq!(
        booking(&stays, "version"),
        approved.at("/approveBooking/booking/version")
    );
}

async fn a_booking_that_cannot_be_moved_is_still_refused(app: &TestApp) {
    let maria = app.client("maria");
    let offer = app.offer("nora", "coaching-60").await;
    let id = id_of(&create(&maria, &offer.order(at(START))).await);
    let input =
        json!({ "idempotencyKey": tests::key(), "bookingId": id, "startsAt": START, "version": 1 });
    let stale = maria.mutate("rescheduleBooking", input, BOOKING).await;
    assert_eq!(stale.user_errors(), ["VERSION_CONFLICT"]);
    let other = reschedule(&app.client("james"), &id, START).await;
    assert_eq!(other.user_errors(), ["NOT_FOUND"]);
    assert_eq!(cancel(&maria, &id).await.user_errors(), Vec::<&str>::new());
    let canceled = reschedule(&maria, &id, START).await;
    assert_eq!(canceled.user_errors(), ["INVALID_STATE"]);

    let second = id_of(&create(&maria, &offer.order(at("2026-11-25T15:00:00Z"))).await);
    app.clock.advance(at("2026-11-25T15:30:00Z") - app.now());
    // The first token has expired meanwhile.
    let begun = reschedule(&app.client("maria"), &second, "2026-11-25T15:00:00Z").await;
    assert_eq!(begun.user_errors(), ["INVALID"]);
    app.run_jobs().await;
}
