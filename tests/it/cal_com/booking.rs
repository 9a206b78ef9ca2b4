//! Bookings are made, moved, canceled, approved and rejected here and appear at Cal.com; and the
//! other way round.

use chrono::TimeDelta;
use entity::booking::Status;
use entity::booking_event::{ActorKind, Kind, Source};
use serde_json::json;
use simulators::Fault;
use tests::{On, at, both_bare, key};

use super::fixture::{Fixture, Special};

both_bare![
    a_booking_is_made_at_cal_com,
    a_move_keeps_the_booking_and_a_cancellation_reaches_cal_com,
    an_approval_or_rejection_is_pushed_to_cal_com,
    a_priced_booking_waits_for_payment_and_is_canceled_without_it,
    changes_made_at_cal_com_are_applied,
    a_start_that_is_not_offered_is_refused_without_a_call,
    guests_are_invited_at_cal_com,
    a_repeated_request_is_answered_while_cal_com_is_silent,
];

async fn a_booking_is_made_at_cal_com(on: On) {
    let fixture = Fixture::start(on).await;
    let id = fixture.booked("2026-11-25T15:00:00Z").await;
    assert_eq!(
        fixture.app.booking(&id).await.status,
        Status::Confirmed,
        "the answer was known when it came"
    );
    let there = fixture.live_there();
    assert_eq!(there.len(), 1);
    assert_eq!(there[0].start, at("2026-11-25T15:00:00Z"));
    assert!(there[0].metadata.contains_key("courtsideRequest"));
    fixture.settle(TimeDelta::seconds(60)).await;
    let history = fixture.app.history().await;
    let mine: Vec<_> = history
        .iter()
        .filter(|line| line.booking_id == uuid(&id, &fixture))
        .collect();
    let kinds: Vec<_> = mine.iter().map(|line| line.kind).collect();
    assert_eq!(
        kinds,
        [Kind::Initiated, Kind::Scheduled, Kind::Confirmed],
        "told twice, done once"
    );
    assert!(
        mine.iter()
            .all(|line| line.actor_kind == ActorKind::Client && line.source == Source::Api)
    );
    assert_eq!(fixture.agree().await, Ok(()));
    fixture.app.finish().await;
}

fn uuid(id: &str, _: &Fixture) -> entity::Uuid {
    courtside::graphql::id::Kind::Booking
        .key("id", &id.into())
        .unwrap_or_else(|_| panic!("{id} is no booking"))
}

async fn a_move_keeps_the_booking_and_a_cancellation_reaches_cal_com(on: On) {
    let fixture = Fixture::start(on).await;
    let id = fixture.booked("2026-11-25T15:00:00Z").await;
    let input =
        json!({ "idempotencyKey": key(), "bookingId": id, "startsAt": "2026-11-25T18:00:00Z" });
    let moved = fixture
        .app
        .client("maria")
        .mutate(
            "rescheduleBooking",
            input,
            "booking { id startsAt status moves }",
        )
        .await;
    assert_eq!(moved.user_errors(), Vec::<&str>::new(), "{moved:?}");
    assert_eq!(moved.at("/rescheduleBooking/booking/id"), &json!(id));
    assert_eq!(
        moved.at("/rescheduleBooking/booking/startsAt"),
        "2026-11-25T18:00:00.000Z"
    );
    assert_eq!(moved.at("/rescheduleBooking/booking/moves"), 1);
    fixture.settle(TimeDelta::seconds(30)).await;
    assert_eq!(fixture.agree().await, Ok(()));

    let input = json!({ "idempotencyKey": key(), "bookingId": id, "reason": "ill" });
    let canceled = fixture
        .app
        .client("maria")
        .mutate("cancelBooking", input, "booking { status }")
        .await;
    assert_eq!(canceled.at("/cancelBooking/booking/status"), "CANCELED");
    fixture.settle(TimeDelta::seconds(30)).await;
    assert_eq!(fixture.live_there().len(), 0);
    assert_eq!(fixture.agree().await, Ok(()));
    assert_eq!(fixture.app.booking(&id).await.status, Status::Canceled);
    fixture.app.finish().await;
}

async fn an_approval_or_rejection_is_pushed_to_cal_com(on: On) {
    let fixture = Fixture::with(
        on,
        Special {
            needs_approval: true,
            price_minor: 0,
        },
    )
    .await;
    let (yes, no) = (
        fixture.booked("2026-11-25T15:00:00Z").await,
        fixture.booked("2026-11-26T15:00:00Z").await,
    );
    assert_eq!(fixture.app.booking(&yes).await.status, Status::Scheduled);
    let nora = fixture.app.coach("nora");
    let answer = nora
        .mutate(
            "approveBooking",
            json!({ "bookingId": yes }),
            "booking { status }",
        )
        .await;
    assert_eq!(
        answer.at("/approveBooking/booking/status"),
        "CONFIRMED",
        "{answer:?}"
    );
    let answer = nora
        .mutate(
            "rejectBooking",
            json!({ "bookingId": no, "reason": "full" }),
            "booking { status }",
        )
        .await;
    assert_eq!(answer.at("/rejectBooking/booking/status"), "REJECTED");
    fixture.settle(TimeDelta::seconds(30)).await;
    let mut there: Vec<_> = fixture
        .cal
        .bookings()
        .into_iter()
        .map(|booking| (booking.start, booking.status.as_str()))
        .collect();
    there.sort();
    assert_eq!(
        there,
        [
            (at("2026-11-25T15:00:00Z"), "accepted"),
            (at("2026-11-26T15:00:00Z"), "rejected")
        ]
    );
    assert_eq!(fixture.app.booking(&yes).await.status, Status::Confirmed);
    fixture.app.finish().await;
}

async fn a_priced_booking_waits_for_payment_and_is_canceled_without_it(on: On) {
    let fixture = Fixture::with(
        on,
        Special {
            needs_approval: false,
            price_minor: 12_000,
        },
    )
    .await;
    let (paid, unpaid) = (
        fixture.booked("2026-11-25T15:00:00Z").await,
        fixture.booked("2026-11-26T15:00:00Z").await,
    );
    assert_eq!(
        fixture.app.booking(&paid).await.status,
        Status::PaymentPending
    );
    let admin = fixture.app.admin();
    let answer = admin
        .mutate(
            "recordPayment",
            json!({ "bookingId": paid }),
            "booking { status }",
        )
        .await;
    assert_eq!(
        answer.at("/recordPayment/booking/status"),
        "CONFIRMED",
        "{answer:?}"
    );
    fixture.settle(TimeDelta::seconds(20)).await;
    assert_eq!(
        fixture.app.booking(&paid).await.price_minor,
        12_000,
        "the price is ours to say"
    );
    fixture.advance(TimeDelta::hours(1));
    fixture.app.sweep().await;
    fixture.settle(TimeDelta::seconds(60)).await;
    assert_eq!(fixture.app.booking(&unpaid).await.status, Status::Abandoned);
    assert_eq!(fixture.app.booking(&paid).await.status, Status::Confirmed);
    assert_eq!(
        fixture.agree().await,
        Ok(()),
        "the time that was not paid for is free there as well"
    );
    fixture.app.finish().await;
}

async fn changes_made_at_cal_com_are_applied(on: On) {
    let fixture = Fixture::start(on).await;
    let event_type: i64 = fixture
        .offer
        .event_type
        .provider_event_type_id
        .as_ref()
        .expect("set")
        .parse()
        .expect("a number");
    let body = json!({
        "start": "2026-11-25T16:00:00Z", "eventTypeId": event_type,
        "attendee": { "name": "Maria Santos", "email": "maria@clients.example.com", "timeZone": "America/Chicago" },
    });
    let made = fixture.cal.page_book(body).await.expect("the time is free");
    fixture.settle(TimeDelta::seconds(10)).await;
    assert_eq!(fixture.agree().await, Ok(()), "booked there");
    let uid = made["data"]["uid"]
        .as_str()
        .or(made["uid"].as_str())
        .expect("a uid")
        .to_owned();

    fixture
        .cal
        .page_move(&uid, at("2026-11-25T19:00:00Z"), None)
        .await
        .expect("the time is free");
    fixture.settle(TimeDelta::seconds(10)).await;
    assert_eq!(fixture.agree().await, Ok(()), "moved there");

    let mine = fixture.booked("2026-11-27T15:00:00Z").await;
    let uid = fixture
        .live_there()
        .into_iter()
        .find(|found| found.start == at("2026-11-27T15:00:00Z"))
        .expect("it stands")
        .uid;
    fixture
        .cal
        .page_cancel(&uid, "not well")
        .await
        .expect("it stands");
    fixture.settle(TimeDelta::seconds(10)).await;
    assert_eq!(
        fixture.app.booking(&mine).await.status,
        Status::Canceled,
        "what was booked here can be canceled there"
    );
    assert_eq!(fixture.agree().await, Ok(()));
    fixture.app.finish().await;
}

async fn a_start_that_is_not_offered_is_refused_without_a_call(on: On) {
    let fixture = Fixture::start(on).await;
    for start in [
        "2026-11-25T15:07:00Z",
        "2026-11-25T03:00:00Z",
        "2026-11-28T15:00:00Z",
    ] {
        assert_eq!(
            fixture.book(start).await.user_errors(),
            ["SLOT_NOT_OFFERED"],
            "{start}"
        );
    }
    fixture.booked("2026-11-25T15:00:00Z").await;
    let taken = fixture.book("2026-11-25T15:00:00Z").await;
    assert!(
        ["SLOT_TAKEN", "CLIENT_BUSY", "SLOT_NOT_OFFERED"].contains(&taken.user_errors()[0]),
        "{taken:?}"
    );
    let posts = fixture
        .cal
        .requests()
        .iter()
        .filter(|call| call.method == "POST" && call.path == "/v2/bookings")
        .count();
    assert_eq!(posts, 1);
    fixture.settle(TimeDelta::seconds(10)).await;
    fixture.app.finish().await;
}

async fn a_repeated_request_is_answered_while_cal_com_is_silent(on: On) {
    let fixture = Fixture::start(on).await;
    let maria = fixture.app.client("maria");
    let order = fixture.offer.order(at("2026-11-25T15:00:00Z"));
    let fields = "booking { id startsAt }";
    let first = maria
        .mutate("createBooking", order.clone(), fields)
        .await
        .text("/createBooking/booking/id");
    let to = |hour: u8| json!({ "idempotencyKey": key(), "bookingId": first, "startsAt": at(&format!("2026-11-25T{hour}:00:00Z")) });
    let (move_it, too_late) = (to(18), to(19));
    let moved = maria
        .mutate("rescheduleBooking", move_it.clone(), fields)
        .await;
    assert_eq!(moved.user_errors(), Vec::<&str>::new());
    fixture.settle(TimeDelta::seconds(10)).await;
    fixture
        .cal
        .faults()
        .set(Fault::new("*", simulators::Kind::Hang));
    let again = maria.mutate("createBooking", order, fields).await;
    assert_eq!(again.text("/createBooking/booking/id"), first, "{again:?}");
    let again = maria.mutate("rescheduleBooking", move_it, fields).await;
    assert_eq!(
        again.at("/rescheduleBooking/booking/startsAt"),
        "2026-11-25T18:00:00.000Z",
        "{again:?}"
    );
    let other = maria.mutate("rescheduleBooking", too_late, fields).await;
    assert_eq!(
        other.code(),
        Some("PROVIDER_UNAVAILABLE"),
        "what is new is not"
    );
    fixture.cal.faults().clear();
    fixture.settle(TimeDelta::seconds(60)).await;
    fixture.app.finish().await;
}

async fn guests_are_invited_at_cal_com(on: On) {
    let fixture = Fixture::start(on).await;
    let maria = fixture.app.client("maria");
    let mut order = fixture.offer.order(at("2026-11-25T15:00:00Z"));
    order["guests"] = json!(["ann@example.com"]);
    let made = maria
        .mutate("createBooking", order, "booking { id allowedActions }")
        .await;
    let actions = made.at("/createBooking/booking/allowedActions");
    assert_eq!(
        actions,
        &json!(["CANCEL", "RESCHEDULE", "ADD_GUESTS"]),
        "{made:?}"
    );
    let id = made.text("/createBooking/booking/id");
    let invited = |fixture: &Fixture| {
        fixture
            .live_there()
            .iter()
            .map(|booking| booking.guests.clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(invited(&fixture), [["ann@example.com"]]);

    let input = json!({ "bookingId": id, "guests": ["Bo@example.com"] });
    let added = maria
        .mutate("addBookingGuests", input, "booking { guests }")
        .await;
    assert_eq!(
        added.at("/addBookingGuests/booking/guests"),
        &json!(["ann@example.com", "bo@example.com"]),
        "{added:?}"
    );
    fixture.settle(TimeDelta::seconds(30)).await;
    assert_eq!(invited(&fixture), [["ann@example.com", "bo@example.com"]]);
    fixture.cal.reset_requests();
    fixture.settle(TimeDelta::seconds(300)).await;
    let path = |path: &str| path.ends_with("/guests");
    assert!(
        !fixture
            .cal
            .requests()
            .iter()
            .any(|request| path(&request.path)),
        "what is there is not asked for again"
    );

    // A guest whom the coach invites at Cal.com is one here as well.
    let uid = fixture.live_there()[0].uid.clone();
    let body = json!({ "guests": [{ "email": "cy@example.com" }] });
    fixture
        .post(&format!("/v2/bookings/{uid}/guests"), "2024-08-13", body)
        .await;
    fixture.settle(TimeDelta::minutes(5)).await;
    assert_eq!(
        fixture.app.booking(&id).await.guests.0,
        ["ann@example.com", "bo@example.com", "cy@example.com"]
    );
    assert_eq!(fixture.agree().await, Ok(()));
    fixture.app.finish().await;
}
