//! A request that Cal.com refuses does not use up its key: sent again, it is done, once.

use chrono::TimeDelta;
use entity::booking::Status;
use entity::booking_event::{Kind as Line, Source};
use serde_json::{Value, json};
use simulators::{Fault, Kind};
use tests::{On, at, both_bare, key};

use super::fixture::Fixture;
use super::slots::slots;

both_bare![
    a_refused_booking_succeeds_with_the_same_key_once_the_time_is_free,
    the_key_of_a_refused_booking_may_be_reused_for_another_time,
    a_refused_move_succeeds_with_the_same_key_once_the_time_is_free,
];

const START: &str = "2026-11-25T15:00:00Z";
const OTHER: &str = "2026-11-25T18:00:00Z";
const BOOKED: &str = "booking { id status startsAt moves }";

/// Somebody books a time on Cal.com's own page, and no webhook is sent. Returns the uid of their
/// booking.
async fn taken_unnoticed(fixture: &Fixture, start: &str) -> String {
    fixture
        .cal
        .faults()
        .set(Fault::new("*", Kind::DropWebhooks));
    let event_type: i64 = fixture
        .offer
        .event_type
        .provider_event_type_id
        .as_ref()
        .expect("set")
        .parse()
        .expect("a number");
    let body = json!({
        "start": start, "eventTypeId": event_type,
        "attendee": { "name": "Jo Park", "email": "jo@clients.example.com", "timeZone": "America/Chicago" },
    });
    fixture.cal.page_book(body).await.expect("the time is free");
    let rival = fixture
        .live_there()
        .into_iter()
        .find(|found| found.start == at(start));
    rival.expect("it stands").uid
}

/// They cancel it.
async fn given_back(fixture: &Fixture, uid: &str) {
    fixture
        .cal
        .page_cancel(uid, "changed their mind")
        .await
        .expect("it stands");
    fixture.cal.faults().clear();
}

/// How often an endpoint of Cal.com was called.
fn asked(fixture: &Fixture, end_of_path: &str) -> usize {
    fixture
        .cal
        .requests()
        .iter()
        .filter(|call| call.method == "POST" && call.path.ends_with(end_of_path))
        .count()
}

fn instant(text: &str) -> Value {
    json!(courtside::graphql::scalars::instant(at(text)))
}

/// Why bookings that were requested here were abandoned.
async fn reasons(fixture: &Fixture) -> Vec<String> {
    let lines = fixture.app.history().await.into_iter();
    let abandoned = lines.filter(|line| line.kind == Line::Abandoned && line.source == Source::Api);
    abandoned.filter_map(|line| line.reason).collect()
}

async fn a_refused_booking_succeeds_with_the_same_key_once_the_time_is_free(on: On) {
    let fixture = Fixture::start(on).await;
    let maria = fixture.app.client("maria");
    slots(&fixture, START, OTHER).await;
    let rival = taken_unnoticed(&fixture, START).await;
    let order = fixture.offer.order(at(START));
    for times in 1..=2 {
        let refused = maria.mutate("createBooking", order.clone(), BOOKED).await;
        assert_eq!(refused.user_errors(), ["SLOT_TAKEN"], "{refused:?}");
        assert_eq!(
            asked(&fixture, "/v2/bookings"),
            times,
            "the old answer is not given again: it may be another one now"
        );
    }
    assert_eq!(reasons(&fixture).await, ["SLOT_TAKEN", "SLOT_TAKEN"]);

    given_back(&fixture, &rival).await;
    let booked = maria.mutate("createBooking", order.clone(), BOOKED).await;
    assert_eq!(booked.user_errors(), Vec::<&str>::new(), "{booked:?}");
    assert_eq!(booked.at("/createBooking/booking/status"), "CONFIRMED");
    let again = maria.mutate("createBooking", order, BOOKED).await;
    assert_eq!(again.data, booked.data, "now it is used up");
    assert_eq!(asked(&fixture, "/v2/bookings"), 3);
    fixture.settle(TimeDelta::seconds(10)).await;
    assert_eq!(fixture.live_there().len(), 1);
    assert_eq!(fixture.agree().await, Ok(()));
    fixture.app.finish().await;
}

async fn the_key_of_a_refused_booking_may_be_reused_for_another_time(on: On) {
    let fixture = Fixture::start(on).await;
    let maria = fixture.app.client("maria");
    slots(&fixture, START, OTHER).await;
    taken_unnoticed(&fixture, START).await;
    let mut order = fixture.offer.order(at(START));
    let refused = maria.mutate("createBooking", order.clone(), BOOKED).await;
    assert_eq!(refused.user_errors(), ["SLOT_TAKEN"], "{refused:?}");

    order["startsAt"] = instant(OTHER);
    let booked = maria.mutate("createBooking", order.clone(), BOOKED).await;
    assert_eq!(booked.user_errors(), Vec::<&str>::new(), "{booked:?}");
    assert_eq!(
        booked.at("/createBooking/booking/startsAt"),
        &instant(OTHER)
    );
    order["startsAt"] = instant(START);
    let reused = maria.mutate("createBooking", order, BOOKED).await;
    assert_eq!(
        reused.user_errors(),
        ["IDEMPOTENCY_KEY_REUSED"],
        "it stands for what it has made"
    );
    fixture.cal.faults().clear();
    fixture.settle(TimeDelta::minutes(3)).await;
    assert_eq!(
        fixture.live_there().len(),
        2,
        "hers and that of whoever was faster"
    );
    assert_eq!(fixture.agree().await, Ok(()));
    fixture.app.finish().await;
}

async fn a_refused_move_succeeds_with_the_same_key_once_the_time_is_free(on: On) {
    let fixture = Fixture::start(on).await;
    let maria = fixture.app.client("maria");
    let id = fixture.booked(START).await;
    fixture.settle(TimeDelta::seconds(10)).await;
    let free = "query($id: ID!, $booking: ID!, $range: TimeRangeInput!) {
        slots(eventTypeId: $id, bookingId: $booking, range: $range) { freshness } }";
    let range = json!({ "from": OTHER, "until": "2026-11-25T19:00:00Z" });
    let seen = maria
        .gql(
            free,
            json!({ "id": fixture.offer.id(), "booking": id, "range": range }),
        )
        .await;
    assert_eq!(seen.at("/slots/freshness"), "FRESH", "{seen:?}");
    let rival = taken_unnoticed(&fixture, OTHER).await;
    let input = json!({ "idempotencyKey": key(), "bookingId": id, "startsAt": OTHER });
    for times in 1..=2 {
        let refused = maria
            .mutate("rescheduleBooking", input.clone(), BOOKED)
            .await;
        assert_eq!(refused.user_errors(), ["SLOT_TAKEN"], "{refused:?}");
        assert_eq!(asked(&fixture, "/reschedule"), times);
    }
    let stays = fixture.app.booking(&id).await;
    assert_eq!(
        (stays.starts_at, stays.status, stays.moves),
        (at(START), Status::Confirmed, 0)
    );

    given_back(&fixture, &rival).await;
    for _ in 0..2 {
        let moved = maria
            .mutate("rescheduleBooking", input.clone(), BOOKED)
            .await;
        assert_eq!(moved.user_errors(), Vec::<&str>::new(), "{moved:?}");
        assert_eq!(
            moved.at("/rescheduleBooking/booking/startsAt"),
            &instant(OTHER)
        );
        assert_eq!(moved.at("/rescheduleBooking/booking/moves"), 1);
        assert_eq!(
            asked(&fixture, "/reschedule"),
            3,
            "it was done, and is not asked for again"
        );
    }
    fixture.settle(TimeDelta::seconds(10)).await;
    assert_eq!(fixture.live_there().len(), 1);
    assert_eq!(fixture.agree().await, Ok(()));
    fixture.app.finish().await;
}
