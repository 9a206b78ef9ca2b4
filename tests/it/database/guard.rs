//! What the database refuses, even when a program writes past every rule.

use chrono::TimeDelta;
use entity::booking::{self, Status};
use entity::event_type::Kind;
use entity::provider_booking::{self, Facts};
use sea_orm::{ActiveModelTrait, ConnectionTrait, DbErr, IntoActiveModel};
use tests::{TestApp, at, both};

use crate::booking::{create, id_of};

both![
    a_coachs_time_is_booked_once_including_buffers,
    a_client_cannot_be_in_two_places,
    inactive_bookings_take_no_time,
    moving_into_booked_time_is_refused,
    a_client_has_one_active_verification_booking,
    a_uid_of_an_account_is_used_once,
    history_is_append_only,
    values_outside_their_range_are_refused,
];

/// A booking of maria with nora, 14:00 to 15:00 and a quarter of an hour to rest.
async fn booked(app: &TestApp) -> booking::Model {
    let offer = app.offer("nora", "coaching-60").await;
    let id = id_of(
        &create(
            &app.client("maria"),
            &offer.order(at("2026-11-25T14:00:00Z")),
        )
        .await,
    );
    app.booking(&id).await
}

/// Another booking like it, so many minutes later.
fn like(booking: &booking::Model, minutes: i64) -> booking::Model {
    let (id, by) = (entity::new_id(), TimeDelta::minutes(minutes));
    booking::Model {
        id,
        seat_group: id,
        reference: format!("CS-{}", id.simple()),
        starts_at: booking.starts_at + by,
        ends_at: booking.ends_at + by,
        busy_from: booking.busy_from + by,
        busy_until: booking.busy_until + by,
        ..booking.clone()
    }
}

async fn insert(app: &TestApp, row: booking::Model) -> Result<booking::Model, DbErr> {
    row.into_active_model()
        .reset_all()
        .insert(app.db().write_one())
        .await
}

/// The error of what must be refused, as text.
fn refused<T: std::fmt::Debug>(outcome: Result<T, DbErr>) -> String {
    outcome
        .expect_err("the database must refuse this")
        .to_string()
}

async fn a_coachs_time_is_booked_once_including_buffers(app: &TestApp) {
    let first = booked(app).await;
    let james = Some(app.user("james").await.id);
    for minutes in [-74, -60, -1, 0, 30, 60, 74] {
        let row = booking::Model {
            client_id: james,
            ..like(&first, minutes)
        };
        let error = refused(insert(app, row).await);
        assert!(
            error.contains("booking_coach_overlap"),
            "{minutes} minutes later: {error}"
        );
    }
    for minutes in [-75, 75] {
        let row = booking::Model {
            client_id: None,
            ..like(&first, minutes)
        };
        insert(app, row).await.expect("back to back is no overlap");
    }
    let shared = booking::Model {
        client_id: james,
        seat_group: first.seat_group,
        ..like(&first, 0)
    };
    insert(app, shared)
        .await
        .expect("those who share a seated slot share its time");
}

async fn a_client_cannot_be_in_two_places(app: &TestApp) {
    let first = booked(app).await;
    let grace = app.profile("grace").await.id;
    for minutes in [-59, 0, 59] {
        let row = booking::Model {
            coach_id: grace,
            ..like(&first, minutes)
        };
        let error = refused(insert(app, row).await);
        assert!(
            error.contains("booking_client_overlap"),
            "{minutes} minutes later: {error}"
        );
    }
    insert(
        app,
        booking::Model {
            coach_id: grace,
            ..like(&first, 60)
        },
    )
    .await
    .expect("back to back is no overlap");
}

async fn inactive_bookings_take_no_time(app: &TestApp) {
    let first = booked(app).await;
    for status in [
        Status::Completed,
        Status::Abandoned,
        Status::Canceled,
        Status::Refunded,
        Status::Rejected,
        Status::Expired,
    ] {
        insert(
            app,
            booking::Model {
                status,
                ..like(&first, 0)
            },
        )
        .await
        .expect("it takes no time");
    }
    for status in Status::ACTIVE {
        refused(
            insert(
                app,
                booking::Model {
                    status,
                    client_id: None,
                    ..like(&first, 0)
                },
            )
            .await,
        );
    }
    let conflict = Some(booking::Conflict::CoachOverlap);
    insert(
        app,
        booking::Model {
            conflict,
            ..like(&first, 0)
        },
    )
    .await
    .expect("what is in conflict takes no time");
}

async fn moving_into_booked_time_is_refused(app: &TestApp) {
    let first = booked(app).await;
    let later = insert(
        app,
        booking::Model {
            client_id: None,
            ..like(&first, 120)
        },
    )
    .await
    .expect("it is free");
    let mut moved = later.clone().into_active_model();
    moved.busy_from = sea_orm::Set(first.busy_until - TimeDelta::minutes(1));
    let error = refused(moved.update(app.db().write_one()).await);
    assert!(error.contains("booking_coach_overlap"), "{error}");

    let canceled = booking::Model {
        status: Status::Canceled,
        client_id: None,
        ..like(&first, 0)
    };
    let canceled = insert(app, canceled).await.expect("it takes no time");
    let mut back = canceled.into_active_model();
    back.status = sea_orm::Set(Status::Confirmed);
    let error = refused(back.update(app.db().write_one()).await);
    assert!(error.contains("booking_coach_overlap"), "{error}");
}

async fn a_client_has_one_active_verification_booking(app: &TestApp) {
    let first = booked(app).await;
    let call = |minutes| booking::Model {
        kind: Kind::Verification,
        ..like(&first, minutes)
    };
    insert(app, call(120)).await.expect("the first one");
    let error = refused(insert(app, call(240)).await);
    assert!(
        error.contains("booking_one_verification") || error.contains("booking.client_id"),
        "{error}"
    );
    let over = booking::Model {
        status: Status::Completed,
        ..call(240)
    };
    insert(app, over).await.expect("only active ones count");
    let other = booking::Model {
        client_id: Some(app.user("james").await.id),
        ..call(240)
    };
    insert(app, other).await.expect("each client has their own");
}

async fn a_uid_of_an_account_is_used_once(app: &TestApp) {
    let row = |account: &str, booking_id| provider_booking::Model {
        provider: "calcom".to_owned(),
        uid: "uid-1".to_owned(),
        account: account.to_owned(),
        seat: String::new(),
        booking_id,
        previous_uid: None,
        number: None,
        lineage_key: None,
        facts: Facts::default(),
        created_at: app.now(),
        updated_at: app.now(),
    };
    let write = |account, booking_id| {
        row(account, booking_id)
            .into_active_model()
            .reset_all()
            .insert(app.db().write_one())
    };
    let booking = booked(app).await;
    write("1", None).await.expect("the first use");
    refused(write("1", Some(booking.id)).await);
    write("2", None).await.expect("the use of another account");
}

async fn history_is_append_only(app: &TestApp) {
    let booking = booked(app).await;
    let before = app.history().await;
    let db = app.db().write_one();
    for statement in [
        "update booking_event set reason = 'other'",
        "delete from booking_event",
        "delete from booking",
    ] {
        refused(db.execute_unprepared(statement).await);
    }
    if app.db().is_postgres() {
        refused(db.execute_unprepared("truncate booking_event").await);
        refused(db.execute_unprepared("truncate booking cascade").await);
    }
    assert_eq!(app.history().await, before);
    assert!(app.bookings().await.contains(&booking));
}

async fn values_outside_their_range_are_refused(app: &TestApp) {
    let first = booked(app).await;
    let apart = || booking::Model {
        client_id: None,
        ..like(&first, 300)
    };
    let backwards = apart();
    refused(
        insert(
            app,
            booking::Model {
                ends_at: backwards.starts_at,
                ..backwards
            },
        )
        .await,
    );
    let outside = apart();
    refused(
        insert(
            app,
            booking::Model {
                busy_from: outside.starts_at + TimeDelta::minutes(1),
                ..outside
            },
        )
        .await,
    );
    refused(
        insert(
            app,
            booking::Model {
                price_minor: -1,
                ..apart()
            },
        )
        .await,
    );
    refused(
        insert(
            app,
            booking::Model {
                coach_id: entity::new_id(),
                ..apart()
            },
        )
        .await,
    );
    let db = app.db().write_one();
    refused(
        db.execute_unprepared("update booking set status = 'MISLAID'")
            .await,
    );
    refused(db.execute_unprepared("update session set rating = 6").await);
    refused(
        db.execute_unprepared("update \"user\" set role = 'OWNER'")
            .await,
    );
}
