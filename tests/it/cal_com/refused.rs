//! What Cal.com refuses uses no key up: the same request may be sent again, and then it is done,
//! once.

use chrono::TimeDelta;
use entity::booking::Status;
use entity::booking_event::{Kind as Line, Source};
use serde_json::{Value, json};
use simulators::{Fault, Kind};
use tests::{On, at, both_bare, key};

use super::lab::Lab;
use super::slots::slots;

both_bare![
    a_booking_that_is_refused_there_is_made_by_the_same_key_once_the_time_is_free,
    a_key_that_was_refused_there_may_be_used_for_another_time,
    a_move_that_is_refused_there_is_made_by_the_same_key_once_the_time_is_free,
];

const START: &str = "2026-11-25T15:00:00Z";
const OTHER: &str = "2026-11-25T18:00:00Z";
const BOOKED: &str = "booking { id status startsAt moves }";

/// Somebody takes a time on Cal.com's own page, and nobody tells us. Gives the uid of their
/// booking.
async fn taken_unnoticed(lab: &Lab, start: &str) -> String {
    lab.cal.faults().set(Fault::new("*", Kind::DropWebhooks));
    let event_type: i64 = lab
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
    lab.cal.page_book(body).await.expect("the time is free");
    let rival = lab
        .live_there()
        .into_iter()
        .find(|found| found.start == at(start));
    rival.expect("it stands").uid
}

/// They think better of it.
async fn given_back(lab: &Lab, uid: &str) {
    lab.cal
        .page_cancel(uid, "changed their mind")
        .await
        .expect("it stands");
    lab.cal.faults().clear();
}

/// How often Cal.com was asked for something.
fn asked(lab: &Lab, end_of_path: &str) -> usize {
    lab.cal
        .requests()
        .iter()
        .filter(|call| call.method == "POST" && call.path.ends_with(end_of_path))
        .count()
}

fn instant(text: &str) -> Value {
    json!(courtside::graphql::scalars::instant(at(text)))
}

/// Why bookings of the coach's were given up that were asked for here.
async fn reasons(lab: &Lab) -> Vec<String> {
    let lines = lab.app.history().await.into_iter();
    let given_up = lines.filter(|line| line.kind == Line::Abandoned && line.source == Source::Api);
    given_up.filter_map(|line| line.reason).collect()
}

async fn a_booking_that_is_refused_there_is_made_by_the_same_key_once_the_time_is_free(on: On) {
    let lab = Lab::start(on).await;
    let maria = lab.app.client("maria");
    slots(&lab, START, OTHER).await;
    let rival = taken_unnoticed(&lab, START).await;
    let order = lab.offer.order(at(START));
    for times in 1..=2 {
        let refused = maria.mutate("createBooking", order.clone(), BOOKED).await;
        assert_eq!(refused.user_errors(), ["SLOT_TAKEN"], "{refused:?}");
        assert_eq!(
            asked(&lab, "/v2/bookings"),
            times,
            "the old answer is not given again: it may be another one now"
        );
    }
    assert_eq!(reasons(&lab).await, ["SLOT_TAKEN", "SLOT_TAKEN"]);

    given_back(&lab, &rival).await;
    let booked = maria.mutate("createBooking", order.clone(), BOOKED).await;
    assert_eq!(booked.user_errors(), Vec::<&str>::new(), "{booked:?}");
    assert_eq!(booked.at("/createBooking/booking/status"), "CONFIRMED");
    let again = maria.mutate("createBooking", order, BOOKED).await;
    assert_eq!(again.data, booked.data, "now it is used up");
    assert_eq!(asked(&lab, "/v2/bookings"), 3);
    lab.settle(TimeDelta::seconds(10)).await;
    assert_eq!(lab.live_there().len(), 1);
    assert_eq!(lab.agree().await, Ok(()));
    lab.app.finish().await;
}

async fn a_key_that_was_refused_there_may_be_used_for_another_time(on: On) {
    let lab = Lab::start(on).await;
    let maria = lab.app.client("maria");
    slots(&lab, START, OTHER).await;
    taken_unnoticed(&lab, START).await;
    let mut order = lab.offer.order(at(START));
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
    lab.cal.faults().clear();
    lab.settle(TimeDelta::minutes(3)).await;
    assert_eq!(
        lab.live_there().len(),
        2,
        "hers and that of whoever was faster"
    );
    assert_eq!(lab.agree().await, Ok(()));
    lab.app.finish().await;
}

async fn a_move_that_is_refused_there_is_made_by_the_same_key_once_the_time_is_free(on: On) {
    let lab = Lab::start(on).await;
    let maria = lab.app.client("maria");
    let id = lab.booked(START).await;
    lab.settle(TimeDelta::seconds(10)).await;
    let free = "query($id: ID!, $booking: ID!, $range: TimeRangeInput!) {
        slots(eventTypeId: $id, bookingId: $booking, range: $range) { freshness } }";
    let range = json!({ "from": OTHER, "until": "2026-11-25T19:00:00Z" });
    let seen = maria
        .gql(
            free,
            json!({ "id": lab.offer.id(), "booking": id, "range": range }),
        )
        .await;
    assert_eq!(seen.at("/slots/freshness"), "FRESH", "{seen:?}");
    let rival = taken_unnoticed(&lab, OTHER).await;
    let input = json!({ "idempotencyKey": key(), "bookingId": id, "startsAt": OTHER });
    for times in 1..=2 {
        let refused = maria
            .mutate("rescheduleBooking", input.clone(), BOOKED)
            .await;
        assert_eq!(refused.user_errors(), ["SLOT_TAKEN"], "{refused:?}");
        assert_eq!(asked(&lab, "/reschedule"), times);
    }
    let stays = lab.app.booking(&id).await;
    assert_eq!(
        (stays.starts_at, stays.status, stays.moves),
        (at(START), Status::Confirmed, 0)
    );

    given_back(&lab, &rival).await;
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
            asked(&lab, "/reschedule"),
            3,
            "it was done, and is not asked for again"
        );
    }
    lab.settle(TimeDelta::seconds(10)).await;
    assert_eq!(lab.live_there().len(), 1);
    assert_eq!(lab.agree().await, Ok(()));
    lab.app.finish().await;
}
