//! Moves of a booking at Cal.com. While one is in progress, the new time is held against everybody,
//! the client who moves it included. One to the time that the booking already has is none.

use chrono::TimeDelta;
use entity::booking_event::Kind;
use serde_json::{Value, json};
use simulators::Point;
use tests::{On, at, both_bare, key};

use super::fixture::Fixture;

both_bare![
    the_new_time_of_a_move_in_progress_is_held,
    a_move_to_where_a_booking_already_is_is_not_sent_to_cal_com,
    a_move_at_cal_com_to_the_same_time_counts_as_none,
    a_booking_that_is_being_moved_away_is_not_said_to_stay,
];

const NEW: &str = "2026-11-25T18:00:00Z";
const HOLDS: &str = "{ viewer { holds { id startsAt } } }";

async fn the_new_time_of_a_move_in_progress_is_held(on: On) {
    let fixture = Fixture::start(on).await;
    let id = fixture.booked("2026-11-25T15:00:00Z").await;
    let maria = fixture.app.client("maria");
    let waits = fixture
        .cal
        .hold(Point::BeforeCommit, "/v2/bookings/{uid}/reschedule");
    let input = json!({ "idempotencyKey": key(), "bookingId": id, "startsAt": NEW });
    let moving = maria.mutate("rescheduleBooking", input, "booking { startsAt }");
    let meanwhile = async {
        waits.reached(1).await;
        let held = maria.gql(HOLDS, json!({})).await;
        let hold = held.at("/viewer/holds/0/id").clone();
        assert_eq!(
            held.at("/viewer/holds/0/startsAt"),
            &json!(courtside::graphql::scalars::instant(at(NEW)))
        );

        let released = maria
            .mutate("releaseHold", json!({ "holdId": hold }), "releasedHoldId")
            .await;
        assert_eq!(
            released.user_errors(),
            ["INVALID_STATE"],
            "it is given back by the move alone"
        );
        assert_eq!(
            book(&fixture, json!({ "holdId": hold })).await,
            ["INVALID_STATE"],
            "nor is it for another booking"
        );
        assert_eq!(
            book(&fixture, json!({})).await,
            ["SLOT_TAKEN"],
            "nor is the time free for whoever moves a booking there"
        );

        // A new hold replaces the client's previous one, but not this one.
        let other =
            json!({ "eventTypeId": fixture.offer.id(), "startsAt": "2026-11-26T18:00:00Z" });
        assert_eq!(
            maria
                .mutate("createHold", other, "hold { id }")
                .await
                .user_errors(),
            Vec::<&str>::new()
        );
        let held = maria.gql(HOLDS, json!({})).await;
        assert_eq!(
            held.at("/viewer/holds").as_array().map(Vec::len),
            Some(2),
            "{held:?}"
        );
        waits.release();
    };
    let (moved, ()) = tokio::join!(moving, meanwhile);
    assert_eq!(
        moved.at("/rescheduleBooking/booking/startsAt"),
        &json!(courtside::graphql::scalars::instant(at(NEW)))
    );
    let held = maria.gql(HOLDS, json!({})).await;
    assert_eq!(
        held.at("/viewer/holds").as_array().map(Vec::len),
        Some(1),
        "the move has ended its own: {held:?}"
    );
    fixture.settle(TimeDelta::seconds(10)).await;
    assert_eq!(fixture.agree().await, Ok(()));
    fixture.app.finish().await;
}

const START: &str = "2026-11-25T15:00:00Z";

async fn a_move_to_where_a_booking_already_is_is_not_sent_to_cal_com(on: On) {
    let fixture = Fixture::start(on).await;
    let id = fixture.booked(START).await;
    fixture.settle(TimeDelta::seconds(30)).await;
    let before = fixture.app.booking(&id).await;
    let lines = fixture.app.history().await.len();
    for mover in [
        fixture.app.client("maria"),
        fixture.app.coach(super::fixture::COACH),
    ] {
        fixture.cal.reset_requests();
        let input = json!({ "idempotencyKey": key(), "bookingId": id, "startsAt": START });
        for _ in 0..2 {
            let moved = mover
                .mutate("rescheduleBooking", input.clone(), "booking { moves }")
                .await;
            assert_eq!(moved.user_errors(), Vec::<&str>::new(), "{moved:?}");
            assert_eq!(moved.at("/rescheduleBooking/booking/moves"), 0);
        }
        let asked: Vec<_> = fixture.cal.requests();
        assert!(asked.is_empty(), "{asked:?}");
    }
    fixture.settle(TimeDelta::seconds(30)).await;
    assert_eq!(fixture.app.booking(&id).await, before);
    assert_eq!(fixture.app.history().await.len(), lines);
    assert_eq!(fixture.agree().await, Ok(()));
    fixture.app.finish().await;
}

/// Cal.com gives the booking another uid, which is followed.
async fn a_move_at_cal_com_to_the_same_time_counts_as_none(on: On) {
    let fixture = Fixture::start(on).await;
    let id = fixture.booked(START).await;
    fixture.settle(TimeDelta::seconds(30)).await;
    for (start, moves) in [(START, 0), (NEW, 1), (NEW, 1), (START, 2)] {
        let before = fixture.app.booking(&id).await;
        let told = moves_told(&fixture).await;
        let uid = fixture.live_there().remove(0).uid;
        let path = format!("/v2/bookings/{uid}/reschedule");
        let body = json!({ "start": start });
        fixture.post(&path, "2024-08-13", body).await;
        fixture.settle(TimeDelta::seconds(30)).await;
        let booking = fixture.app.booking(&id).await;
        assert_eq!((booking.starts_at, booking.moves), (at(start), moves));
        assert_ne!(fixture.live_there().remove(0).uid, uid);
        let told = moves_told(&fixture).await - told;
        assert_eq!(told, usize::from(moves > before.moves));
    }
    let input = json!({ "idempotencyKey": key(), "bookingId": id });
    let canceled = fixture
        .app
        .client("maria")
        .mutate("cancelBooking", input, "booking { status }")
        .await;
    assert_eq!(canceled.user_errors(), Vec::<&str>::new());
    fixture.settle(TimeDelta::seconds(30)).await;
    assert_eq!(fixture.live_there().len(), 0, "its latest uid is known");
    fixture.app.finish().await;
}

/// The moves in the history. A booking that keeps its time may get another meeting link, which is
/// told as well.
async fn moves_told(fixture: &Fixture) -> usize {
    let history = fixture.app.history().await;
    let moves = history.iter().filter(|line| line.kind == Kind::Moved);
    moves.count()
}

async fn a_booking_that_is_being_moved_away_is_not_said_to_stay(on: On) {
    let fixture = Fixture::start(on).await;
    let id = fixture.booked(START).await;
    let maria = fixture.app.client("maria");
    let waits = fixture
        .cal
        .hold(Point::BeforeCommit, "/v2/bookings/{uid}/reschedule");
    let to = |start: &str| json!({ "idempotencyKey": key(), "bookingId": id, "startsAt": start });
    let moving = maria.mutate("rescheduleBooking", to(NEW), "booking { startsAt }");
    let meanwhile = async {
        waits.reached(1).await;
        let back = maria
            .mutate("rescheduleBooking", to(START), "booking { id }")
            .await;
        assert_eq!(back.user_errors(), ["INVALID_STATE"], "{back:?}");
        waits.release();
    };
    let (moved, ()) = tokio::join!(moving, meanwhile);
    assert_eq!(moved.user_errors(), Vec::<&str>::new());
    fixture.settle(TimeDelta::seconds(10)).await;
    fixture.app.finish().await;
}

/// Maria books the new time as well; returns the user errors.
async fn book(fixture: &Fixture, more: Value) -> Vec<String> {
    let mut order = fixture.offer.order(at(NEW));
    for (name, value) in more.as_object().expect("an object") {
        order[name] = value.clone();
    }
    let answer = fixture
        .app
        .client("maria")
        .mutate("createBooking", order, "booking { id }")
        .await;
    answer
        .user_errors()
        .into_iter()
        .map(str::to_owned)
        .collect()
}
