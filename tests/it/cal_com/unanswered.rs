//! A request that Cal.com never answers ends after ten minutes: the time is freed, and the history
//! says why.

use chrono::TimeDelta;
use entity::booking::{Model, Status};
use entity::booking_event::{ActorKind, Kind as Line, Source};
use entity::coach::Scheduler;
use entity::scheduler_request::{self, Kind as Asked, Status as Standing};
use entity::{booking_event, webhook_delivery};
use sea_orm::ActiveValue::Set;
use sea_orm::{ActiveModelTrait, EntityTrait, IntoActiveModel, QueryOrder};
use serde_json::json;
use simulators::{Fault, Kind, Times};
use tests::{On, at, both_bare, key};

use super::fixture::Fixture;
use super::slots::{slots, starts};

both_bare![
    an_unanswered_booking_is_abandoned_after_ten_minutes,
    a_booking_that_appears_after_it_was_abandoned_is_canceled_at_cal_com,
    a_request_whose_booking_is_known_already_is_abandoned_after_ten_minutes,
    a_move_ends_when_the_booking_is_canceled_here,
    a_move_ends_when_the_booking_is_canceled_at_cal_com,
];

const START: &str = "2026-11-25T15:00:00Z";
const NEW: &str = "2026-11-25T18:00:00Z";

/// Requests a booking whose outcome stays unknown. Returns its id.
async fn asked(fixture: &Fixture) -> String {
    let answer = fixture.book(START).await;
    assert_eq!(
        answer.at("/createBooking/booking/status"),
        "INITIATED",
        "{answer:?}"
    );
    answer.text("/createBooking/booking/id")
}

async fn wait(fixture: &Fixture, minutes: i64) {
    fixture.advance(TimeDelta::minutes(minutes));
    fixture.app.run_jobs().await;
}

async fn status(fixture: &Fixture, id: &str) -> Status {
    fixture.app.booking(id).await.status
}

async fn is_free(fixture: &Fixture, start: &str) -> bool {
    let found = slots(fixture, "2026-11-25T14:00:00Z", "2026-11-25T22:00:00Z").await;
    starts(&found).contains(&json!(courtside::graphql::scalars::instant(at(start))))
}

/// The requests to Cal.com with their outcomes, oldest first.
async fn requests(fixture: &Fixture) -> Vec<(Asked, Standing, Option<String>)> {
    let all = scheduler_request::Entity::find().order_by_asc(scheduler_request::Column::CreatedAt);
    let all = all
        .all(fixture.app.db().read())
        .await
        .expect("the database answers");
    all.into_iter()
        .map(|request| (request.kind, request.status, request.refusal))
        .collect()
}

async fn last_line(fixture: &Fixture, id: &str) -> booking_event::Model {
    let booking_id = fixture.app.booking(id).await.id;
    let lines = fixture.app.history().await;
    lines
        .into_iter()
        .rfind(|line| line.booking_id == booking_id)
        .expect("it has a history")
}

async fn an_unanswered_booking_is_abandoned_after_ten_minutes(on: On) {
    let fixture = Fixture::start(on).await;
    fixture
        .cal
        .faults()
        .set(Fault::new("/v2/bookings", Kind::ServerError));
    let id = asked(&fixture).await;
    wait(&fixture, 5).await;
    assert_eq!(status(&fixture, &id).await, Status::Initiated);
    assert!(
        !is_free(&fixture, START).await,
        "as long as it may still come to be, its time is kept"
    );

    wait(&fixture, 5).await;
    assert_eq!(status(&fixture, &id).await, Status::Abandoned);
    assert!(is_free(&fixture, START).await);
    let line = last_line(&fixture, &id).await;
    assert_eq!(
        (line.kind, line.reason.as_deref()),
        (Line::Abandoned, Some("NO_ANSWER"))
    );
    assert_eq!(
        (line.actor_kind, line.source),
        (ActorKind::System, Source::Sweeper)
    );
    assert_eq!(
        requests(&fixture).await,
        [(Asked::Book, Standing::Open, None)],
        "what it may have left is looked for"
    );

    fixture.cal.faults().clear();
    wait(&fixture, 5).await;
    assert_eq!(
        requests(&fixture).await,
        [(Asked::Book, Standing::Undone, None)]
    );
    fixture.booked(START).await;
    fixture.settle(TimeDelta::seconds(10)).await;
    assert_eq!(status(&fixture, &id).await, Status::Abandoned);
    assert_eq!(fixture.agree().await, Ok(()));
    fixture.app.finish().await;
}

async fn a_booking_that_appears_after_it_was_abandoned_is_canceled_at_cal_com(on: On) {
    let fixture = Fixture::start(on).await;
    fixture
        .cal
        .faults()
        .set(Fault::new("*", Kind::DropWebhooks));
    fixture.cal.faults().set(
        Fault::new("/v2/bookings", Kind::ServerError)
            .method("POST")
            .after_commit(),
    );
    fixture
        .cal
        .faults()
        .set(Fault::new("/v2/bookings", Kind::ServerError).method("GET"));
    let id = asked(&fixture).await;
    wait(&fixture, 5).await;
    wait(&fixture, 5).await;
    assert_eq!(status(&fixture, &id).await, Status::Abandoned);
    assert_eq!(
        fixture.live_there().len(),
        1,
        "it was made, and nobody could know"
    );

    fixture.cal.faults().clear();
    wait(&fixture, 5).await;
    assert_eq!(fixture.live_there().len(), 0);
    assert_eq!(
        requests(&fixture).await,
        [(Asked::Book, Standing::Accepted, None)]
    );
    fixture.settle(TimeDelta::seconds(10)).await;
    assert_eq!(
        status(&fixture, &id).await,
        Status::Abandoned,
        "who was told so is not booked behind their back"
    );
    assert_eq!(fixture.agree().await, Ok(()));
    fixture.app.finish().await;
}

/// Deliveries that are not processed yet do not say which request of ours caused them.
async fn forget_whose(fixture: &Fixture) {
    let db = fixture.app.db();
    let deliveries = webhook_delivery::Entity::find()
        .all(db.read())
        .await
        .expect("the database answers");
    assert_eq!(deliveries.len(), 1);
    for delivery in deliveries {
        let body = String::from_utf8(delivery.body.clone()).expect("JSON is text");
        assert!(body.contains("courtsideRequest"), "{body}");
        let mut row = delivery.into_active_model();
        row.body = Set(body
            .replace("courtsideRequest", "somethingElse")
            .into_bytes());
        row.update(db.write_one()).await.expect("the row is sound");
    }
}

/// The other booking at Cal.com.
async fn other_than(fixture: &Fixture, id: &str) -> Model {
    let known = fixture.app.booking(id).await.id;
    let rows = fixture.app.bookings().await;
    let mut others = rows
        .into_iter()
        .filter(|row| row.scheduler == Scheduler::CalCom && row.id != known);
    let other = others.next().expect("it was taken in");
    assert!(others.next().is_none(), "once");
    other
}

async fn a_request_whose_booking_is_known_already_is_abandoned_after_ten_minutes(on: On) {
    let fixture = Fixture::start(on).await;
    fixture.cal.faults().set(
        Fault::new("/v2/bookings", Kind::ServerError)
            .method("POST")
            .after_commit(),
    );
    let id = asked(&fixture).await;
    forget_whose(&fixture).await;
    wait(&fixture, 5).await;
    assert_eq!(status(&fixture, &id).await, Status::Initiated);
    assert!(
        other_than(&fixture, &id).await.conflict.is_some(),
        "two want the time, and what was booked here goes first"
    );

    wait(&fixture, 5).await;
    let line = last_line(&fixture, &id).await;
    assert_eq!(status(&fixture, &id).await, Status::Abandoned);
    assert_eq!(
        (line.kind, line.reason.as_deref()),
        (Line::Abandoned, Some("CHANGED_MEANWHILE"))
    );
    let refused = (
        Asked::Book,
        Standing::Refused,
        Some("CHANGED_MEANWHILE".to_owned()),
    );
    assert_eq!(requests(&fixture).await, [refused]);
    let other = other_than(&fixture, &id).await;
    assert_eq!(
        (other.status, other.conflict),
        (Status::Confirmed, None),
        "the time is that one's now"
    );
    fixture.cal.faults().clear();
    fixture.settle(TimeDelta::seconds(10)).await;
    assert_eq!(fixture.agree().await, Ok(()));
    fixture.app.finish().await;
}

/// A move that Cal.com has neither made nor answered. Returns the id of the booking.
async fn half_moved(fixture: &Fixture) -> String {
    let id = fixture.booked(START).await;
    fixture.settle(TimeDelta::seconds(10)).await;
    let lost =
        Fault::new("/v2/bookings/{uid}/reschedule", Kind::ServerError).times(Times::Count(1));
    fixture.cal.faults().set(lost);
    let input = json!({ "idempotencyKey": key(), "bookingId": id, "startsAt": NEW });
    let moved = fixture
        .app
        .client("maria")
        .mutate("rescheduleBooking", input, "booking { startsAt }")
        .await;
    assert_eq!(moved.user_errors(), Vec::<&str>::new(), "{moved:?}");
    assert_eq!(fixture.app.booking(&id).await.starts_at, at(START));
    assert!(
        !is_free(fixture, NEW).await,
        "the new time is kept as long as the booking may still be moved there"
    );
    id
}

/// The move has ended and left nothing behind.
async fn is_over(fixture: &Fixture, id: &str) {
    fixture.settle(TimeDelta::minutes(2)).await;
    assert_eq!(status(fixture, id).await, Status::Canceled);
    let abandoned = (
        Asked::Move,
        Standing::Refused,
        Some("CHANGED_MEANWHILE".to_owned()),
    );
    assert_eq!(
        requests(fixture).await,
        [(Asked::Book, Standing::Accepted, None), abandoned]
    );
    assert!(is_free(fixture, NEW).await);
    assert_eq!(fixture.agree().await, Ok(()));
}

async fn a_move_ends_when_the_booking_is_canceled_here(on: On) {
    let fixture = Fixture::start(on).await;
    let id = half_moved(&fixture).await;
    let input = json!({ "idempotencyKey": key(), "bookingId": id, "reason": "ill" });
    let canceled = fixture
        .app
        .client("maria")
        .mutate("cancelBooking", input, "booking { status }")
        .await;
    assert_eq!(
        canceled.at("/cancelBooking/booking/status"),
        "CANCELED",
        "{canceled:?}"
    );
    is_over(&fixture, &id).await;
    fixture.app.finish().await;
}

async fn a_move_ends_when_the_booking_is_canceled_at_cal_com(on: On) {
    let fixture = Fixture::start(on).await;
    let id = half_moved(&fixture).await;
    let uid = fixture.live_there()[0].uid.clone();
    fixture
        .cal
        .page_cancel(&uid, "not well")
        .await
        .expect("it stands");
    is_over(&fixture, &id).await;
    fixture.app.finish().await;
}
