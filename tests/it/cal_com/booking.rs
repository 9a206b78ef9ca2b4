//! Booked, moved, canceled, approved and declined here, and seen there; and the other way round.

use chrono::TimeDelta;
use entity::booking::Status;
use entity::booking_event::{ActorKind, Kind, Source};
use serde_json::json;
use simulators::Fault;
use tests::{On, at, both_bare, key};

use super::lab::{Lab, Special};

both_bare![
    what_is_booked_here_stands_there,
    a_move_keeps_the_identity_and_a_cancellation_reaches_the_calendar,
    the_coach_decides_here_and_it_is_so_there,
    what_costs_something_waits_for_its_payment_and_is_given_back_without_it,
    what_happens_on_their_page_happens_here,
    a_start_that_is_not_offered_is_refused_before_anything_is_asked,
    guests_are_invited_there_as_well,
    the_same_request_is_answered_although_the_calendar_is_silent,
];

async fn what_is_booked_here_stands_there(on: On) {
    let lab = Lab::start(on).await;
    let id = lab.booked("2026-11-25T15:00:00Z").await;
    assert_eq!(
        lab.app.booking(&id).await.status,
        Status::Confirmed,
        "the answer was known when it came"
    );
    let there = lab.live_there();
    assert_eq!(there.len(), 1);
    assert_eq!(there[0].start, at("2026-11-25T15:00:00Z"));
    assert!(there[0].metadata.contains_key("courtsideRequest"));
    lab.settle(TimeDelta::seconds(60)).await;
    let history = lab.app.history().await;
    let mine: Vec<_> = history
        .iter()
        .filter(|line| line.booking_id == uuid(&id, &lab))
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
    assert_eq!(lab.agree().await, Ok(()));
    lab.app.finish().await;
}

fn uuid(id: &str, _: &Lab) -> entity::Uuid {
    courtside::graphql::id::Kind::Booking
        .key("id", &id.into())
        .unwrap_or_else(|_| panic!("{id} is no booking"))
}

async fn a_move_keeps_the_identity_and_a_cancellation_reaches_the_calendar(on: On) {
    let lab = Lab::start(on).await;
    let id = lab.booked("2026-11-25T15:00:00Z").await;
    let input =
        json!({ "idempotencyKey": key(), "bookingId": id, "startsAt": "2026-11-25T18:00:00Z" });
    let moved = lab
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
    lab.settle(TimeDelta::seconds(30)).await;
    assert_eq!(lab.agree().await, Ok(()));

    let input = json!({ "idempotencyKey": key(), "bookingId": id, "reason": "ill" });
    let canceled = lab
        .app
        .client("maria")
        .mutate("cancelBooking", input, "booking { status }")
        .await;
    assert_eq!(canceled.at("/cancelBooking/booking/status"), "CANCELED");
    lab.settle(TimeDelta::seconds(30)).await;
    assert_eq!(lab.live_there().len(), 0);
    assert_eq!(lab.agree().await, Ok(()));
    assert_eq!(lab.app.booking(&id).await.status, Status::Canceled);
    lab.app.finish().await;
}

async fn the_coach_decides_here_and_it_is_so_there(on: On) {
    let lab = Lab::with(
        on,
        Special {
            needs_approval: true,
            price_minor: 0,
        },
    )
    .await;
    let (yes, no) = (
        lab.booked("2026-11-25T15:00:00Z").await,
        lab.booked("2026-11-26T15:00:00Z").await,
    );
    assert_eq!(lab.app.booking(&yes).await.status, Status::Scheduled);
    let nora = lab.app.coach("nora");
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
    lab.settle(TimeDelta::seconds(30)).await;
    let mut there: Vec<_> = lab
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
    assert_eq!(lab.app.booking(&yes).await.status, Status::Confirmed);
    lab.app.finish().await;
}

async fn what_costs_something_waits_for_its_payment_and_is_given_back_without_it(on: On) {
    let lab = Lab::with(
        on,
        Special {
            needs_approval: false,
            price_minor: 12_000,
        },
    )
    .await;
    let (paid, unpaid) = (
        lab.booked("2026-11-25T15:00:00Z").await,
        lab.booked("2026-11-26T15:00:00Z").await,
    );
    assert_eq!(lab.app.booking(&paid).await.status, Status::PaymentPending);
    let admin = lab.app.admin();
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
    lab.settle(TimeDelta::seconds(20)).await;
    assert_eq!(
        lab.app.booking(&paid).await.price_minor,
        12_000,
        "the price is ours to say"
    );
    lab.advance(TimeDelta::hours(1));
    lab.app.sweep().await;
    lab.settle(TimeDelta::seconds(60)).await;
    assert_eq!(lab.app.booking(&unpaid).await.status, Status::Abandoned);
    assert_eq!(lab.app.booking(&paid).await.status, Status::Confirmed);
    assert_eq!(
        lab.agree().await,
        Ok(()),
        "the time that was not paid for is free there as well"
    );
    lab.app.finish().await;
}

async fn what_happens_on_their_page_happens_here(on: On) {
    let lab = Lab::start(on).await;
    let event_type: i64 = lab
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
    let made = lab.cal.page_book(body).await.expect("the time is free");
    lab.settle(TimeDelta::seconds(10)).await;
    assert_eq!(lab.agree().await, Ok(()), "booked there");
    let uid = made["data"]["uid"]
        .as_str()
        .or(made["uid"].as_str())
        .expect("a uid")
        .to_owned();

    lab.cal
        .page_move(&uid, at("2026-11-25T19:00:00Z"), None)
        .await
        .expect("the time is free");
    lab.settle(TimeDelta::seconds(10)).await;
    assert_eq!(lab.agree().await, Ok(()), "moved there");

    let mine = lab.booked("2026-11-27T15:00:00Z").await;
    let uid = lab
        .live_there()
        .into_iter()
        .find(|found| found.start == at("2026-11-27T15:00:00Z"))
        .expect("it stands")
        .uid;
    lab.cal
        .page_cancel(&uid, "not well")
        .await
        .expect("it stands");
    lab.settle(TimeDelta::seconds(10)).await;
    assert_eq!(
        lab.app.booking(&mine).await.status,
        Status::Canceled,
        "what was booked here can be canceled there"
    );
    assert_eq!(lab.agree().await, Ok(()));
    lab.app.finish().await;
}

async fn a_start_that_is_not_offered_is_refused_before_anything_is_asked(on: On) {
    let lab = Lab::start(on).await;
    for start in [
        "2026-11-25T15:07:00Z",
        "2026-11-25T03:00:00Z",
        "2026-11-28T15:00:00Z",
    ] {
        assert_eq!(
            lab.book(start).await.user_errors(),
            ["SLOT_NOT_OFFERED"],
            "{start}"
        );
    }
    lab.booked("2026-11-25T15:00:00Z").await;
    let taken = lab.book("2026-11-25T15:00:00Z").await;
    assert!(
        ["SLOT_TAKEN", "CLIENT_BUSY", "SLOT_NOT_OFFERED"].contains(&taken.user_errors()[0]),
        "{taken:?}"
    );
    let posts = lab
        .cal
        .requests()
        .iter()
        .filter(|call| call.method == "POST" && call.path == "/v2/bookings")
        .count();
    assert_eq!(posts, 1);
    lab.settle(TimeDelta::seconds(10)).await;
    lab.app.finish().await;
}

async fn the_same_request_is_answered_although_the_calendar_is_silent(on: On) {
    let lab = Lab::start(on).await;
    let maria = lab.app.client("maria");
    let order = lab.offer.order(at("2026-11-25T15:00:00Z"));
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
    lab.settle(TimeDelta::seconds(10)).await;
    lab.cal
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
    lab.cal.faults().clear();
    lab.settle(TimeDelta::seconds(60)).await;
    lab.app.finish().await;
}

async fn guests_are_invited_there_as_well(on: On) {
    let lab = Lab::start(on).await;
    let maria = lab.app.client("maria");
    let mut order = lab.offer.order(at("2026-11-25T15:00:00Z"));
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
    let invited = |lab: &Lab| {
        lab.live_there()
            .iter()
            .map(|booking| booking.guests.clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(invited(&lab), [["ann@example.com"]]);

    let input = json!({ "bookingId": id, "guests": ["Bo@example.com"] });
    let added = maria
        .mutate("addBookingGuests", input, "booking { guests }")
        .await;
    assert_eq!(
        added.at("/addBookingGuests/booking/guests"),
        &json!(["ann@example.com", "bo@example.com"]),
        "{added:?}"
    );
    lab.settle(TimeDelta::seconds(30)).await;
    assert_eq!(invited(&lab), [["ann@example.com", "bo@example.com"]]);
    lab.cal.reset_requests();
    lab.settle(TimeDelta::seconds(300)).await;
    let path = |path: &str| path.ends_with("/guests");
    assert!(
        !lab.cal.requests().iter().any(|request| path(&request.path)),
        "what is there is not asked for again"
    );

    // A guest whom the coach invites on their side is one here as well.
    let uid = lab.live_there()[0].uid.clone();
    let body = json!({ "guests": [{ "email": "cy@example.com" }] });
    lab.post(&format!("/v2/bookings/{uid}/guests"), "2024-08-13", body)
        .await;
    lab.settle(TimeDelta::minutes(5)).await;
    assert_eq!(
        lab.app.booking(&id).await.guests.0,
        ["ann@example.com", "bo@example.com", "cy@example.com"]
    );
    assert_eq!(lab.agree().await, Ok(()));
    lab.app.finish().await;
}
