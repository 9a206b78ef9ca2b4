//! Bookings that the coach must agree to.

use serde_json::json;
use tests::{Offer, TestApp, at, both};

use super::{BOOKING, create, id_of, reschedule};

both![
    an_approved_booking_is_confirmed,
    a_rejected_booking_frees_its_time,
    a_priced_booking_waits_for_its_payment_after_the_approval,
    a_client_reschedule_needs_approval_again,
    only_the_coach_decides,
];

/// A free session that needs the coach's approval: the demo data has none.
async fn free_with_approval(app: &TestApp) -> Offer {
    let offer = app.offer("eleanor", "coaching-60").await;
    app.edit_offer(&offer, |row| row.price_minor = 0).await;
    offer
}

const START: &str = "2026-11-25T11:00:00Z";

async fn an_approved_booking_is_confirmed(app: &TestApp) {
    let (maria, eleanor) = (app.client("maria"), app.coach("eleanor"));
    let offer = free_with_approval(app).await;
    let asked = create(&maria, &offer.order(at(START))).await;
    let id = id_of(&asked);
    assert_eq!(asked.at("/createBooking/booking/status"), "SCHEDULED");
    assert_eq!(app.session_of(&id).await, None);
    let taken = create(&app.client("james"), &offer.order(at(START))).await;
    assert_eq!(
        taken.user_errors(),
        ["SLOT_TAKEN"],
        "the time is taken while the coach thinks"
    );
    let answer = eleanor
        .mutate("approveBooking", json!({ "bookingId": id }), BOOKING)
        .await;
    assert_eq!(answer.at("/approveBooking/booking/status"), "CONFIRMED");
    assert_ne!(app.session_of(&id).await, None);
    let again = eleanor
        .mutate("approveBooking", json!({ "bookingId": id }), BOOKING)
        .await;
    assert_eq!(again.user_errors(), ["INVALID_STATE"]);
}

async fn a_rejected_booking_frees_its_time(app: &TestApp) {
    let (maria, eleanor) = (app.client("maria"), app.coach("eleanor"));
    let offer = free_with_approval(app).await;
    let id = id_of(&create(&maria, &offer.order(at(START))).await);
    let input = json!({ "bookingId": id, "reason": "On holiday" });
    let answer = eleanor.mutate("rejectBooking", input, BOOKING).await;
    assert_eq!(answer.at("/rejectBooking/booking/status"), "REJECTED");
    let last = app.history().await.pop().expect("there is history");
    assert_eq!(last.reason.as_deref(), Some("On holiday"));
    id_of(&create(&app.client("james"), &offer.order(at(START))).await);
    app.run_jobs().await;
}

async fn a_priced_booking_waits_for_its_payment_after_the_approval(app: &TestApp) {
    let (maria, eleanor) = (app.client("maria"), app.coach("eleanor"));
    let offer = app.offer("eleanor", "coaching-60").await;
    let asked = create(&maria, &offer.order(at(START))).await;
    assert_eq!(asked.at("/createBooking/booking/status"), "SCHEDULED");
    let input = json!({ "bookingId": id_of(&asked) });
    let answer = eleanor
        .mutate(
            "approveBooking",
            input,
            "booking { status paymentDeadline price { amount } }",
        )
        .await;
    assert_eq!(
        answer.at("/approveBooking/booking/status"),
        "PAYMENT_PENDING"
    );
    assert_eq!(answer.at("/approveBooking/booking/price/amount"), "95.00");
    assert_eq!(
        answer.at("/approveBooking/booking/paymentDeadline"),
        "2026-11-23T08:30:00.000Z"
    );
}

async fn a_client_reschedule_needs_approval_again(app: &TestApp) {
    let (maria, eleanor) = (app.client("maria"), app.coach("eleanor"));
    let offer = free_with_approval(app).await;
    let id = id_of(&create(&maria, &offer.order(at(START))).await);
    eleanor
        .mutate("approveBooking", json!({ "bookingId": id }), BOOKING)
        .await
        .ok();
    let moved = reschedule(&maria, &id, "2026-11-25T14:00:00Z").await;
    assert_eq!(moved.at("/rescheduleBooking/booking/status"), "SCHEDULED");
    eleanor
        .mutate("approveBooking", json!({ "bookingId": id }), BOOKING)
        .await
        .ok();
    let moved = reschedule(&eleanor, &id, "2026-11-25T16:00:00Z").await;
    assert_eq!(
        moved.at("/rescheduleBooking/booking/status"),
        "CONFIRMED",
        "the coach need not ask herself"
    );
    app.run_jobs().await;
}

async fn only_the_coach_decides(app: &TestApp) {
    let maria = app.client("maria");
    let offer = free_with_approval(app).await;
    let id = id_of(&create(&maria, &offer.order(at(START))).await);
    for decision in ["approveBooking", "rejectBooking"] {
        let refused = maria
            .mutate(decision, json!({ "bookingId": id }), BOOKING)
            .await;
        assert_eq!(refused.code(), Some("FORBIDDEN"));
        let refused = app
            .coach("nora")
            .mutate(decision, json!({ "bookingId": id }), BOOKING)
            .await;
        assert_eq!(refused.user_errors(), ["NOT_FOUND"]);
    }
    let answer = app
        .admin()
        .mutate("approveBooking", json!({ "bookingId": id }), BOOKING)
        .await;
    assert_eq!(
        answer.at("/approveBooking/booking/status"),
        "CONFIRMED",
        "staff may stand in"
    );
}
