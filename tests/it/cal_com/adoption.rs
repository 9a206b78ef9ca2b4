//! A coach who was first heard of in webhooks, and has bookings from there, turns out to be one of
//! ours.

use chrono::TimeDelta;
use entity::booking::{Model, Status};
use entity::coach::Scheduler;
use entity::event_type::Visibility;
use entity::{coach, event_type};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};
use serde_json::{Value, json};
use tests::{On, at, both_bare, key};

use super::lab::{COACH, Lab, SECRET};
use super::migration::unwired;
use super::page::act;

both_bare![a_coach_who_was_only_heard_of_brings_their_bookings_along];

const START: &str = "2026-11-25T15:00:00Z";

/// An account at Cal.com that tells us of its bookings, though nobody has connected it. Gives the
/// number of its event type.
async fn heard_of(lab: &Lab) -> i64 {
    let hook = json!({
        "active": true,
        "subscriberUrl": lab.app.url("/webhooks/calcom"),
        "secret": SECRET,
        "triggers": ["BOOKING_CREATED", "BOOKING_RESCHEDULED", "BOOKING_CANCELLED"],
    });
    lab.post("/v2/webhooks", "2024-08-13", hook).await;
    let body = json!({ "title": "Coaching", "slug": "coaching-60", "lengthInMinutes": 60, "minimumBookingNotice": 0 });
    let made = lab.post("/v2/event-types", "2024-06-14", body).await;
    made["data"]["id"].as_i64().expect("it was made")
}

async fn book_there(lab: &Lab, event_type: i64, start: &str) {
    let attendee = json!({ "name": "Maria Santos", "email": "maria@courtside.example", "timeZone": "America/Chicago" });
    act(
        lab,
        "book",
        json!({ "start": start, "eventTypeId": event_type, "attendee": attendee }),
    )
    .await;
    lab.settle(TimeDelta::seconds(10)).await;
}

async fn at_start(lab: &Lab, start: &str) -> Model {
    let rows = lab.app.bookings().await;
    let mut found = rows
        .into_iter()
        .filter(|row| row.starts_at == at(start) && row.scheduler == Scheduler::CalCom);
    let row = found.next().expect("it was taken in");
    assert!(found.next().is_none(), "once");
    row
}

async fn a_coach_who_was_only_heard_of_brings_their_bookings_along(on: On) {
    let mut lab = unwired(on).await;
    let event_type = heard_of(&lab).await;
    book_there(&lab, event_type, START).await;
    book_there(&lab, event_type, "2026-11-26T15:00:00Z").await;
    let before = at_start(&lab, START).await;
    let nora = lab.offer.coach.id;
    assert_ne!(
        before.coach_id, nora,
        "the address there is not the one here"
    );
    let imported = coach::Entity::find_by_id(before.coach_id)
        .one(lab.app.db().read())
        .await;
    let imported = imported
        .expect("the database answers")
        .expect("it has a coach");
    assert!(imported.user_id.is_none() && !imported.listed);
    let history = lab.app.history().await.len();

    let connect = json!({ "apiKey": lab.api_key });
    let connected = lab
        .app
        .coach(COACH)
        .mutate("connectWithApiKey", connect, "account { health }")
        .await;
    assert_eq!(connected.user_errors(), Vec::<&str>::new(), "{connected:?}");
    let after = at_start(&lab, START).await;
    assert_eq!(
        (after.id, after.coach_id, after.status),
        (before.id, nora, Status::Confirmed)
    );
    assert_eq!(
        lab.app.history().await.len(),
        history,
        "what happened stays as it was"
    );
    let mine = "{ viewer { bookings(first: 50) { nodes { startsAt } } } }";
    let seen: Value = lab
        .app
        .coach(COACH)
        .gql(mine, json!({}))
        .await
        .at("/viewer/bookings/nodes")
        .clone();
    let start = courtside::graphql::scalars::instant(at(START));
    assert!(
        seen.as_array()
            .is_some_and(|all| all.contains(&json!({ "startsAt": start }))),
        "{seen}"
    );
    assert_eq!(
        after.event_type_id, lab.offer.event_type.id,
        "what has the same slug on both sides is the same"
    );
    let left = event_type::Entity::find()
        .filter(event_type::Column::CoachId.eq(imported.id))
        .filter(event_type::Column::Visibility.ne(Visibility::Archived));
    assert_eq!(
        left.all(lab.app.db().read())
            .await
            .expect("the database answers"),
        [],
        "nothing else is left behind"
    );

    let moved = lab
        .app
        .coach(COACH)
        .mutate(
            "migrateCoach",
            json!({ "to": "CALCOM" }),
            "report { isDone steps { subject name outcome message } }",
        )
        .await;
    assert_eq!(moved.at("/migrateCoach/report/isDone"), true, "{moved:?}");
    lab.offer = lab.app.offer(COACH, "coaching-60").await;
    lab.settle(TimeDelta::minutes(3)).await;
    goes_on(&lab, &before).await;
    assert_eq!(lab.agree().await, Ok(()));
    lab.app.finish().await;
}

/// What came along is moved there and canceled here like any other booking, and new ones are made
/// beside it.
async fn goes_on(lab: &Lab, before: &Model) {
    let there = lab
        .live_there()
        .into_iter()
        .find(|found| found.start == at(START))
        .expect("it stands there");
    lab.cal
        .page_move(&there.uid, at("2026-11-25T18:00:00Z"), None)
        .await
        .expect("the time is free");
    lab.settle(TimeDelta::seconds(10)).await;
    assert_eq!(
        at_start(lab, "2026-11-25T18:00:00Z").await.id,
        before.id,
        "it keeps its identity"
    );
    lab.booked("2026-11-27T15:00:00Z").await;
    let second = at_start(lab, "2026-11-26T15:00:00Z").await;
    let id = courtside::graphql::id::Kind::Booking.id(second.id);
    let input = json!({ "idempotencyKey": key(), "bookingId": id, "reason": "ill" });
    let canceled = lab
        .app
        .client("maria")
        .mutate("cancelBooking", input, "booking { status }")
        .await;
    assert_eq!(canceled.user_errors(), Vec::<&str>::new(), "{canceled:?}");
    lab.settle(TimeDelta::seconds(20)).await;
    assert_eq!(lab.live_there().len(), 2, "one was canceled there as well");
}
