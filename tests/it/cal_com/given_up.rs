//! What was asked of Cal.com and gets no answer comes to an end all the same: the time is given
//! back, and the history says why.

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

use super::lab::Lab;
use super::slots::{slots, starts};

both_bare![
    a_booking_that_is_never_answered_is_given_up_after_ten_minutes,
    what_turns_up_there_after_it_was_given_up_is_ended_there,
    a_request_whose_booking_became_known_by_another_way_is_given_up_after_ten_minutes,
    a_move_of_what_was_canceled_here_meanwhile_comes_to_an_end,
    a_move_of_what_was_canceled_there_meanwhile_comes_to_an_end,
];

const START: &str = "2026-11-25T15:00:00Z";
const NEW: &str = "2026-11-25T18:00:00Z";

/// Asks for a booking of which nobody knows whether it was made. Gives its id.
async fn asked(lab: &Lab) -> String {
    let answer = lab.book(START).await;
    assert_eq!(
        answer.at("/createBooking/booking/status"),
        "INITIATED",
        "{answer:?}"
    );
    answer.text("/createBooking/booking/id")
}

async fn wait(lab: &Lab, minutes: i64) {
    lab.advance(TimeDelta::minutes(minutes));
    lab.app.run_jobs().await;
}

async fn status(lab: &Lab, id: &str) -> Status {
    lab.app.booking(id).await.status
}

async fn is_free(lab: &Lab, start: &str) -> bool {
    let found = slots(lab, "2026-11-25T14:00:00Z", "2026-11-25T22:00:00Z").await;
    starts(&found).contains(&json!(courtside::graphql::scalars::instant(at(start))))
}

/// What was asked of Cal.com, oldest first, and what came of it.
async fn requests(lab: &Lab) -> Vec<(Asked, Standing, Option<String>)> {
    let all = scheduler_request::Entity::find().order_by_asc(scheduler_request::Column::CreatedAt);
    let all = all
        .all(lab.app.db().read())
        .await
        .expect("the database answers");
    all.into_iter()
        .map(|request| (request.kind, request.status, request.refusal))
        .collect()
}

async fn last_line(lab: &Lab, id: &str) -> booking_event::Model {
    let booking_id = lab.app.booking(id).await.id;
    let lines = lab.app.history().await;
    lines
        .into_iter()
        .rfind(|line| line.booking_id == booking_id)
        .expect("it has a history")
}

async fn a_booking_that_is_never_answered_is_given_up_after_ten_minutes(on: On) {
    let lab = Lab::start(on).await;
    lab.cal
        .faults()
        .set(Fault::new("/v2/bookings", Kind::ServerError));
    let id = asked(&lab).await;
    wait(&lab, 5).await;
    assert_eq!(status(&lab, &id).await, Status::Initiated);
    assert!(
        !is_free(&lab, START).await,
        "as long as it may still come to be, its time is kept"
    );

    wait(&lab, 5).await;
    assert_eq!(status(&lab, &id).await, Status::Abandoned);
    assert!(is_free(&lab, START).await);
    let line = last_line(&lab, &id).await;
    assert_eq!(
        (line.kind, line.reason.as_deref()),
        (Line::Abandoned, Some("NO_ANSWER"))
    );
    assert_eq!(
        (line.actor_kind, line.source),
        (ActorKind::System, Source::Sweeper)
    );
    assert_eq!(
        requests(&lab).await,
        [(Asked::Book, Standing::Open, None)],
        "what it may have left is looked for"
    );

    lab.cal.faults().clear();
    wait(&lab, 5).await;
    assert_eq!(
        requests(&lab).await,
        [(Asked::Book, Standing::Undone, None)]
    );
    lab.booked(START).await;
    lab.settle(TimeDelta::seconds(10)).await;
    assert_eq!(status(&lab, &id).await, Status::Abandoned);
    assert_eq!(lab.agree().await, Ok(()));
    lab.app.finish().await;
}

async fn what_turns_up_there_after_it_was_given_up_is_ended_there(on: On) {
    let lab = Lab::start(on).await;
    lab.cal.faults().set(Fault::new("*", Kind::DropWebhooks));
    lab.cal.faults().set(
        Fault::new("/v2/bookings", Kind::ServerError)
            .method("POST")
            .after_commit(),
    );
    lab.cal
        .faults()
        .set(Fault::new("/v2/bookings", Kind::ServerError).method("GET"));
    let id = asked(&lab).await;
    wait(&lab, 5).await;
    wait(&lab, 5).await;
    assert_eq!(status(&lab, &id).await, Status::Abandoned);
    assert_eq!(
        lab.live_there().len(),
        1,
        "it was made, and nobody could know"
    );

    lab.cal.faults().clear();
    wait(&lab, 5).await;
    assert_eq!(lab.live_there().len(), 0);
    assert_eq!(
        requests(&lab).await,
        [(Asked::Book, Standing::Accepted, None)]
    );
    lab.settle(TimeDelta::seconds(10)).await;
    assert_eq!(
        status(&lab, &id).await,
        Status::Abandoned,
        "who was told so is not booked behind their back"
    );
    assert_eq!(lab.agree().await, Ok(()));
    lab.app.finish().await;
}

/// Messages that have come in and are not worked off yet do not say from which request of ours they
/// came.
async fn forget_whose(lab: &Lab) {
    let db = lab.app.db();
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

/// The other booking of Cal.com's.
async fn other_than(lab: &Lab, id: &str) -> Model {
    let known = lab.app.booking(id).await.id;
    let rows = lab.app.bookings().await;
    let mut others = rows
        .into_iter()
        .filter(|row| row.scheduler == Scheduler::CalCom && row.id != known);
    let other = others.next().expect("it was taken in");
    assert!(others.next().is_none(), "once");
    other
}

async fn a_request_whose_booking_became_known_by_another_way_is_given_up_after_ten_minutes(on: On) {
    let lab = Lab::start(on).await;
    lab.cal.faults().set(
        Fault::new("/v2/bookings", Kind::ServerError)
            .method("POST")
            .after_commit(),
    );
    let id = asked(&lab).await;
    forget_whose(&lab).await;
    wait(&lab, 5).await;
    assert_eq!(status(&lab, &id).await, Status::Initiated);
    assert!(
        other_than(&lab, &id).await.conflict.is_some(),
        "two want the time, and what was booked here goes first"
    );

    wait(&lab, 5).await;
    let line = last_line(&lab, &id).await;
    assert_eq!(status(&lab, &id).await, Status::Abandoned);
    assert_eq!(
        (line.kind, line.reason.as_deref()),
        (Line::Abandoned, Some("CHANGED_MEANWHILE"))
    );
    let refused = (
        Asked::Book,
        Standing::Refused,
        Some("CHANGED_MEANWHILE".to_owned()),
    );
    assert_eq!(requests(&lab).await, [refused]);
    let other = other_than(&lab, &id).await;
    assert_eq!(
        (other.status, other.conflict),
        (Status::Confirmed, None),
        "the time is that one's now"
    );
    lab.cal.faults().clear();
    lab.settle(TimeDelta::seconds(10)).await;
    assert_eq!(lab.agree().await, Ok(()));
    lab.app.finish().await;
}

/// A move that Cal.com has not made and not answered. Gives the id of the booking.
async fn half_moved(lab: &Lab) -> String {
    let id = lab.booked(START).await;
    lab.settle(TimeDelta::seconds(10)).await;
    let lost =
        Fault::new("/v2/bookings/{uid}/reschedule", Kind::ServerError).times(Times::Count(1));
    lab.cal.faults().set(lost);
    let input = json!({ "idempotencyKey": key(), "bookingId": id, "startsAt": NEW });
    let moved = lab
        .app
        .client("maria")
        .mutate("rescheduleBooking", input, "booking { startsAt }")
        .await;
    assert_eq!(moved.user_errors(), Vec::<&str>::new(), "{moved:?}");
    assert_eq!(lab.app.booking(&id).await.starts_at, at(START));
    assert!(
        !is_free(lab, NEW).await,
        "the new time is kept as long as the booking may still be moved there"
    );
    id
}

/// The move is over, and has left nothing behind.
async fn is_over(lab: &Lab, id: &str) {
    lab.settle(TimeDelta::minutes(2)).await;
    assert_eq!(status(lab, id).await, Status::Canceled);
    let given_up = (
        Asked::Move,
        Standing::Refused,
        Some("CHANGED_MEANWHILE".to_owned()),
    );
    assert_eq!(
        requests(lab).await,
        [(Asked::Book, Standing::Accepted, None), given_up]
    );
    assert!(is_free(lab, NEW).await);
    assert_eq!(lab.agree().await, Ok(()));
}

async fn a_move_of_what_was_canceled_here_meanwhile_comes_to_an_end(on: On) {
    let lab = Lab::start(on).await;
    let id = half_moved(&lab).await;
    let input = json!({ "idempotencyKey": key(), "bookingId": id, "reason": "ill" });
    let canceled = lab
        .app
        .client("maria")
        .mutate("cancelBooking", input, "booking { status }")
        .await;
    assert_eq!(
        canceled.at("/cancelBooking/booking/status"),
        "CANCELED",
        "{canceled:?}"
    );
    is_over(&lab, &id).await;
    lab.app.finish().await;
}

async fn a_move_of_what_was_canceled_there_meanwhile_comes_to_an_end(on: On) {
    let lab = Lab::start(on).await;
    let id = half_moved(&lab).await;
    let uid = lab.live_there()[0].uid.clone();
    lab.cal
        .page_cancel(&uid, "not well")
        .await
        .expect("it stands");
    is_over(&lab, &id).await;
    lab.app.finish().await;
}
