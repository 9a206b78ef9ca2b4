//! A coach who is known from webhooks only, with bookings made at Cal.com, connects the account.

use chrono::TimeDelta;
use entity::booking::{Model, Status};
use entity::coach::Scheduler;
use entity::event_type::Visibility;
use entity::{coach, event_type};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};
use serde_json::{Value, json};
use tests::cal_com::WEBHOOK_SECRET;
use tests::{On, at, both_bare, key};

use super::fixture::{COACH, Fixture};
use super::migration::unwired;
use super::page::act;

both_bare![an_observed_coach_who_connects_keeps_their_bookings];

const START: &str = "2026-11-25T15:00:00Z";

/// An account at Cal.com that sends webhooks though nobody has connected it. Returns the id of its
/// event type.
async fn heard_of(fixture: &Fixture) -> i64 {
    let hook = json!({
        "active": true,
        "subscriberUrl": fixture.app.url("/webhooks/calcom"),
        "secret": WEBHOOK_SECRET,
        "triggers": ["BOOKING_CREATED", "BOOKING_RESCHEDULED", "BOOKING_CANCELLED"],
    });
    fixture.post("/v2/webhooks", "2024-08-13", hook).await;
    let body = json!({ "title": "Coaching", "slug": "coaching-60", "lengthInMinutes": 60, "minimumBookingNotice": 0 });
    let made = fixture.post("/v2/event-types", "2024-06-14", body).await;
    made["data"]["id"].as_i64().expect("it was made")
}

async fn book_there(fixture: &Fixture, event_type: i64, start: &str) {
    let attendee = json!({ "name": "Maria Santos", "email": "maria@courtside.example", "timeZone": "America/Chicago" });
    act(
        fixture,
        "book",
        json!({ "start": start, "eventTypeId": event_type, "attendee": attendee }),
    )
    .await;
    fixture.settle(TimeDelta::seconds(10)).await;
}

async fn at_start(fixture: &Fixture, start: &str) -> Model {
    let rows = fixture.app.bookings().await;
    let mut found = rows
        .into_iter()
        .filter(|row| row.starts_at == at(start) && row.scheduler == Scheduler::CalCom);
    let row = found.next().expect("it was taken in");
    assert!(found.next().is_none(), "once");
    row
}

async fn an_observed_coach_who_connects_keeps_their_bookings(on: On) {
    let mut fixture = unwired(on).await;
    let event_type = heard_of(&fixture).await;
    book_there(&fixture, event_type, START).await;
    book_there(&fixture, event_type, "2026-11-26T15:00:00Z").await;
    let before = at_start(&fixture, START).await;
    let nora = fixture.offer.coach.id;
    assert_ne!(
        before.coach_id, nora,
        "the address there is not the one here"
    );
    let imported = coach::Entity::find_by_id(before.coach_id)
        .one(fixture.app.db().read())
        .await;
    let imported = imported
        .expect("the database answers")
        .expect("it has a coach");
    assert!(imported.user_id.is_none() && !imported.listed);
    let history = fixture.app.history().await.len();

    let connect = json!({ "apiKey": fixture.api_key });
    let connected = fixture
        .app
        .coach(COACH)
        .mutate("connectWithApiKey", connect, "account { health }")
        .await;
    assert_eq!(connected.user_errors(), Vec::<&str>::new(), "{connected:?}");
    let after = at_start(&fixture, START).await;
    assert_eq!(
        (after.id, after.coach_id, after.status),
        (before.id, nora, Status::Confirmed)
    );
    assert_eq!(
        fixture.app.history().await.len(),
        history,
        "what happened stays as it was"
    );
    let mine = "{ viewer { bookings(first: 50) { nodes { startsAt } } } }";
    let seen: Value = fixture
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
        after.event_type_id, fixture.offer.event_type.id,
        "what has the same slug on both sides is the same"
    );
    let left = event_type::Entity::find()
        .filter(event_type::Column::CoachId.eq(imported.id))
        .filter(event_type::Column::Visibility.ne(Visibility::Archived));
    assert_eq!(
        left.all(fixture.app.db().read())
            .await
            .expect("the database answers"),
        [],
        "nothing else is left behind"
    );

    let moved = fixture
        .app
        .coach(COACH)
        .mutate(
            "migrateCoach",
            json!({ "to": "CALCOM" }),
            "report { isDone steps { subject name outcome message } }",
        )
        .await;
    assert_eq!(moved.at("/migrateCoach/report/isDone"), true, "{moved:?}");
    fixture.offer = fixture.app.offer(COACH, "coaching-60").await;
    fixture.settle(TimeDelta::minutes(3)).await;
    goes_on(&fixture, &before).await;
    assert_eq!(fixture.agree().await, Ok(()));
    fixture.app.finish().await;
}

/// The bookings that were taken over are moved there and canceled here like any other, and new ones
/// are made beside them.
async fn goes_on(fixture: &Fixture, before: &Model) {
    let there = fixture
        .live_there()
        .into_iter()
        .find(|found| found.start == at(START))
        .expect("it stands there");
    fixture
        .cal
        .page_move(&there.uid, at("2026-11-25T18:00:00Z"), None)
        .await
        .expect("the time is free");
    fixture.settle(TimeDelta::seconds(10)).await;
    assert_eq!(
        at_start(fixture, "2026-11-25T18:00:00Z").await.id,
        before.id,
        "it keeps its identity"
    );
    fixture.booked("2026-11-27T15:00:00Z").await;
    let second = at_start(fixture, "2026-11-26T15:00:00Z").await;
    let id = courtside::graphql::id::Kind::Booking.id(second.id);
    let input = json!({ "idempotencyKey": key(), "bookingId": id, "reason": "ill" });
    let canceled = fixture
        .app
        .client("maria")
        .mutate("cancelBooking", input, "booking { status }")
        .await;
    assert_eq!(canceled.user_errors(), Vec::<&str>::new(), "{canceled:?}");
    fixture.settle(TimeDelta::seconds(20)).await;
    assert_eq!(
        fixture.live_there().len(),
        2,
        "one was canceled there as well"
    );
}
