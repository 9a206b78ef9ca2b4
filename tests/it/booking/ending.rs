//! Transitions that time causes.

use chrono::TimeDelta;
use entity::booking::Status;
use tests::{TestApp, at, both};

use super::{create, id_of};

both![
    an_unpaid_booking_is_abandoned_at_its_deadline,
    a_session_completes_after_its_end_and_the_grace_period,
    a_booking_nobody_approved_expires_at_its_start,
    a_deadline_is_never_after_the_start,
];

async fn an_unpaid_booking_is_abandoned_at_its_deadline(app: &TestApp) {
    let maria = app.client("maria");
    let offer = app.offer("marcus", "coaching-60").await;
    let order = offer.order(at("2026-11-25T16:00:00Z"));
    let answer = create(&maria, &order).await;
    let id = id_of(&answer);
    assert_eq!(
        answer.at("/createBooking/booking/status"),
        "PAYMENT_PENDING"
    );
    app.clock
        .advance(TimeDelta::minutes(30) - TimeDelta::milliseconds(1));
    assert_eq!(app.sweep().await, 0, "not a moment too early");
    app.clock.advance(TimeDelta::milliseconds(1));
    assert_eq!(app.sweep().await, 1);
    let row = app.booking(&id).await;
    assert_eq!(
        (row.status, row.payment_deadline),
        (Status::Abandoned, None)
    );
    assert_eq!(app.sweep().await, 0, "once");
    let again = create(
        &app.client("james"),
        &offer.order(at("2026-11-25T16:00:00Z")),
    )
    .await;
    assert_eq!(
        again.user_errors(),
        Vec::<&str>::new(),
        "its time was given back"
    );
}

async fn a_session_completes_after_its_end_and_the_grace_period(app: &TestApp) {
    let offer = app.offer("nora", "coaching-60").await;
    let id = id_of(
        &create(
            &app.client("maria"),
            &offer.order(at("2026-11-23T14:00:00Z")),
        )
        .await,
    );
    app.clock
        .advance(at("2026-11-23T15:15:00Z") - app.now() - TimeDelta::milliseconds(1));
    app.sweep().await;
    assert_eq!(app.booking(&id).await.status, Status::Confirmed);
    app.clock.advance(TimeDelta::milliseconds(1));
    assert_eq!(app.sweep().await, 1);
    let row = app.booking(&id).await;
    assert_eq!(row.status, Status::Completed);
    let last = app.history().await.pop().expect("there is history");
    assert_eq!(last.actor_kind, entity::booking_event::ActorKind::System);
    assert_eq!(last.source, entity::booking_event::Source::Sweeper);
}

async fn a_booking_nobody_approved_expires_at_its_start(app: &TestApp) {
    let offer = app.offer("eleanor", "coaching-60").await;
    let id = id_of(
        &create(
            &app.client("maria"),
            &offer.order(at("2026-11-25T11:00:00Z")),
        )
        .await,
    );
    app.clock.advance(at("2026-11-25T11:00:00Z") - app.now());
    app.sweep().await;
    assert_eq!(app.booking(&id).await.status, Status::Expired);
}

async fn a_deadline_is_never_after_the_start(app: &TestApp) {
    let offer = app.offer("marcus", "coaching-60").await;
    app.edit_offer(&offer, |row| row.minimum_notice_minutes = 0)
        .await;
    let start = at("2026-11-23T16:00:00Z");
    app.clock.advance(start - app.now() - TimeDelta::minutes(5));
    let id = id_of(&create(&app.client("maria"), &offer.order(start)).await);
    assert_eq!(app.booking(&id).await.payment_deadline, Some(start));
    app.clock.advance(TimeDelta::minutes(5));
    app.sweep().await;
    assert_eq!(app.booking(&id).await.status, Status::Abandoned);
}
