//! While Cal.com moves a booking, the new time is held against everybody, the client who moves it
//! included.

use chrono::TimeDelta;
use serde_json::{Value, json};
use simulators::Point;
use tests::{On, at, both_bare, key};

use super::fixture::Fixture;

both_bare![the_new_time_of_a_move_in_progress_is_held];

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
