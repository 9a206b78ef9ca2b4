//! Bookings that Cal.com accepted and that overlap others here.

use chrono::TimeDelta;
use courtside::graphql::id;
use entity::Uuid;
use entity::booking::{self, Conflict, Status};
use entity::booking_event::Kind;
use entity::coach::Scheduler;
use entity::event_type;
use entity::user::Role;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};
use sea_orm::ActiveValue::Set;
use sea_orm::{ActiveModelTrait, EntityTrait, IntoActiveModel};
use serde_json::json;
use tests::{On, TestApp, both_bare, key};

use super::captures::{Capture, numbered, orders};
use super::state::state;
use super::{bookings, deliver, history, is_stored, run_jobs, sign_in, start};

both_bare![
    the_older_booking_keeps_its_time_in_every_order,
    a_client_cannot_be_in_two_places,
    the_reason_does_not_depend_on_the_order,
    a_late_sign_up_ends_in_the_same_conflict,
    a_native_booking_keeps_its_time_and_history_records_the_conflict,
    a_second_verification_is_kept_as_a_conflict,
    a_repeated_delivery_does_not_revive_a_canceled_booking,
    dense_weeks_end_in_one_state_in_every_order,
];

/// A booking of its own, an hour long, which starts so many minutes after the recorded one.
fn booking(number: i64, minutes: i64, host: i64, client: &str) -> Capture {
    numbered(&["001"]).remove(0).edited(|json| {
        let payload = &mut json["payload"];
        let uid = format!("uid-{number}");
        payload["uid"] = uid.clone().into();
        payload["iCalUID"] = format!("{uid}@Cal.com").into();
        payload["bookingId"] = number.into();
        payload["organizer"]["id"] = host.into();
        payload["organizer"]["email"] = format!("host-{host}@example.com").into();
        payload["attendees"][0]["email"] = client.into();
        payload["responses"]["email"]["value"] = client.into();
        for name in ["startTime", "endTime"] {
            let at: chrono::DateTime<chrono::Utc> = payload[name]
                .as_str()
                .expect("a time")
                .parse()
                .expect("a time");
            payload[name] = (at + TimeDelta::minutes(minutes)).to_rfc3339().into();
        }
    })
}

fn canceled(of: &Capture) -> Capture {
    of.edited(|json| {
        json["triggerEvent"] = "BOOKING_CANCELLED".into();
        json["payload"]["status"] = "CANCELLED".into();
    })
}

async fn conflicts(app: &TestApp) -> Vec<(String, Option<Conflict>)> {
    let mut found: Vec<_> = bookings(app)
        .await
        .into_iter()
        .map(|row| (row.lineage_key.expect("a key"), row.conflict))
        .collect();
    found.sort_by(|one, other| one.0.cmp(&other.0));
    found
}

/// Sends these in every order; returns the conflicts that all orders end with.
async fn in_every_order(on: On, deliveries: &[Capture], clients: &[&str]) -> Vec<Option<Conflict>> {
    let mut expected = None;
    for order in orders(on, deliveries) {
        let app = start(on).await;
        for client in clients {
            sign_in(&app, client, Role::Client).await;
        }
        for delivery in &order {
            deliver(&app, delivery).await;
        }
        let found = conflicts(&app).await;
        assert_eq!(expected.get_or_insert_with(|| found.clone()), &found);
        app.finish().await;
    }
    expected
        .expect("one order at least")
        .into_iter()
        .map(|(_, conflict)| conflict)
        .collect()
}

const COACH: Option<Conflict> = Some(Conflict::CoachOverlap);
const CLIENT: Option<Conflict> = Some(Conflict::ClientOverlap);

async fn the_older_booking_keeps_its_time_in_every_order(on: On) {
    // 1 and 3 do not touch; 2 overlaps both and is displaced, which lets 3 keep its time.
    let row = [
        booking(1, 0, 7, "a@x.io"),
        booking(2, 45, 7, "b@x.io"),
        booking(3, 90, 7, "c@x.io"),
    ];
    assert_eq!(in_every_order(on, &row, &[]).await, [None, COACH, None]);
    let first = &row[0];
    let gone = [row.as_slice(), &[canceled(first)]].concat();
    assert_eq!(
        in_every_order(on, &gone, &[]).await,
        [None, None, COACH],
        "once 1 is canceled, 2 keeps its time, and 3 overlaps it"
    );
}

async fn a_client_cannot_be_in_two_places(on: On) {
    let two_hosts = [
        booking(1, 0, 7, "a@x.io"),
        booking(2, 30, 8, "a@x.io"),
        booking(3, 60, 8, "b@x.io"),
    ];
    assert_eq!(
        in_every_order(on, &two_hosts, &["a@x.io"]).await,
        [None, CLIENT, None]
    );
    assert_eq!(
        in_every_order(on, &two_hosts, &[]).await,
        [None, None, COACH],
        "who is nobody's client yet is in nobody's way"
    );
}

/// Of two reasons at once the same one is stored, whichever came first.
async fn the_reason_does_not_depend_on_the_order(on: On) {
    let both = [
        booking(1, 0, 7, "c@x.io"),
        booking(3, 0, 8, "a@x.io"),
        booking(5, 30, 7, "a@x.io"),
    ];
    assert_eq!(
        in_every_order(on, &both, &["a@x.io"]).await,
        [None, None, COACH]
    );
}

async fn a_late_sign_up_ends_in_the_same_conflict(on: On) {
    let app = start(on).await;
    for delivery in [
        booking(2, 30, 8, "a@x.io"),
        booking(3, 60, 8, "b@x.io"),
        booking(1, 0, 7, "a@x.io"),
    ] {
        deliver(&app, &delivery).await;
    }
    sign_in(&app, "a@x.io", Role::Client).await;
    let found: Vec<_> = conflicts(&app)
        .await
        .into_iter()
        .map(|(_, conflict)| conflict)
        .collect();
    assert_eq!(found, [None, CLIENT, None]);
    app.finish().await;
}

async fn a_native_booking_keeps_its_time_and_history_records_the_conflict(on: On) {
    let app = start(on).await;
    deliver(&app, &booking(1, 0, 7, "a@x.io")).await;
    let at_cal_com = bookings(&app).await.remove(0);
    let ours = booking::Model {
        id: entity::new_id(),
        reference: "CS-OURS".to_owned(),
        scheduler: Scheduler::Native,
        status: Status::Confirmed,
        starts_at: at_cal_com.starts_at + TimeDelta::hours(2),
        ends_at: at_cal_com.ends_at + TimeDelta::hours(2),
        busy_from: at_cal_com.busy_from + TimeDelta::hours(2),
        busy_until: at_cal_com.busy_until + TimeDelta::hours(2),
        client_email: None,
        ..at_cal_com.clone()
    };
    let seat_group = ours.id;
    let ours = booking::Model { seat_group, ..ours }
        .into_active_model()
        .reset_all();
    let ours = ours.insert(app.db().write_one()).await.expect("it is free");
    let moved = |number: i64, minutes: i64, before: i64| {
        booking(number, minutes, 7, "a@x.io").edited(|json| {
            json["triggerEvent"] = "BOOKING_RESCHEDULED".into();
            json["payload"]["rescheduleUid"] = format!("uid-{before}").into();
        })
    };
    deliver(&app, &moved(2, 120, 1)).await;
    let kinds = |lines: Vec<entity::booking_event::Model>| {
        lines.into_iter().map(|line| line.kind).collect::<Vec<_>>()
    };
    let in_the_way = booking::Entity::find_by_id(at_cal_com.id)
        .one(app.db().read())
        .await
        .expect("a query");
    let in_the_way = in_the_way.expect("it is kept");
    assert_eq!(
        (in_the_way.conflict, in_the_way.status),
        (COACH, Status::Confirmed)
    );
    assert_eq!(
        in_the_way.starts_at, ours.starts_at,
        "staff see where Cal.com has it"
    );
    deliver(&app, &moved(3, 300, 2)).await;
    assert_eq!(
        kinds(history(&app, at_cal_com.id).await),
        [
            Kind::Initiated,
            Kind::Scheduled,
            Kind::Confirmed,
            Kind::Moved,
            Kind::ConflictFound,
            Kind::Moved,
            Kind::ConflictResolved
        ]
    );
    app.finish().await;
}

async fn a_second_verification_is_kept_as_a_conflict(on: On) {
    let app = start(on).await;
    sign_in(&app, "a@x.io", Role::Client).await;
    deliver(&app, &canceled(&booking(9, 600, 7, "other@x.io"))).await;
    let offer = event_type::Entity::find_by_provider_id("calcom", "1")
        .one(app.db().read())
        .await
        .expect("a query");
    let mut offer = offer
        .expect("imported with the first booking")
        .into_active_model();
    offer.kind = Set(event_type::Kind::Verification);
    offer.update(app.db().write_one()).await.expect("changed");
    deliver(&app, &booking(2, 120, 7, "a@x.io")).await;
    deliver(&app, &booking(1, 0, 7, "a@x.io")).await;
    let found: Vec<_> = conflicts(&app)
        .await
        .into_iter()
        .map(|(_, conflict)| conflict)
        .collect();
    assert_eq!(found, [None, Some(Conflict::SecondVerification), None]);
    deliver(&app, &canceled(&booking(1, 0, 7, "a@x.io"))).await;
    assert!(
        conflicts(&app)
            .await
            .iter()
            .all(|(_, conflict)| conflict.is_none()),
        "the second is the only one now"
    );
    app.finish().await;
}

/// Changes which scheduler keeps a booking.
async fn keep_at(app: &TestApp, booking_id: Uuid, scheduler: Scheduler) {
    let row = booking::ActiveModel {
        id: Set(booking_id),
        scheduler: Set(scheduler),
        ..Default::default()
    };
    row.update(app.db().write_one())
        .await
        .expect("the booking is there");
}

async fn a_repeated_delivery_does_not_revive_a_canceled_booking(on: On) {
    let app = start(on).await;
    app.clock.advance(-TimeDelta::days(72));
    let [created, again] = numbered(&["001", "002"])
        .try_into()
        .unwrap_or_else(|_| panic!("two deliveries"));
    deliver(&app, &created).await;
    sign_in(&app, "ann.agent@example.com", Role::Client).await;
    let ann = app.person("ann.agent@example.com", Role::Client);
    let id = bookings(&app).await[0].id;
    let input = || json!({ "idempotencyKey": key(), "bookingId": id::Kind::Booking.id(id) });
    let refused = ann.mutate("cancelBooking", input(), "booking { id }").await;
    assert_eq!(
        refused.user_errors(),
        ["INVALID_STATE"],
        "its scheduler keeps it: {refused:?}"
    );
    keep_at(&app, id, Scheduler::Native).await;
    let canceled = ann
        .mutate("cancelBooking", input(), "booking { status }")
        .await;
    assert_eq!(canceled.text("/cancelBooking/booking/status"), "CANCELED");
    keep_at(&app, id, Scheduler::CalCom).await;
    deliver(&app, &again).await;
    assert_eq!(bookings(&app).await[0].status, Status::Canceled);
    deliver(&app, &numbered(&["013"]).remove(0)).await;
    assert_eq!(
        bookings(&app).await[0].status,
        Status::Confirmed,
        "a new event of the scheduler counts"
    );
    app.finish().await;
}

/// A busy week of two hosts and three people, made up: bookings on top of each other, moved,
/// canceled and declined.
fn dense_week(dice: &mut StdRng) -> Vec<Capture> {
    let mut deliveries = Vec::new();
    let mut number = 0;
    for _ in 0..6 {
        let (host, client) = (
            dice.random_range(7..9),
            ["a@x.io", "b@x.io", "c@x.io"][dice.random_range(0..3)],
        );
        number += 1;
        let mut last = booking(number, 15 * dice.random_range(0..12), host, client);
        deliveries.push(last.clone());
        for _ in 0..dice.random_range(0..3) {
            let before = number;
            number += 1;
            last = booking(number, 15 * dice.random_range(0..12), host, client).edited(|json| {
                json["triggerEvent"] = "BOOKING_RESCHEDULED".into();
                json["payload"]["rescheduleUid"] = format!("uid-{before}").into();
            });
            deliveries.push(last.clone());
        }
        if dice.random_bool(0.3) {
            deliveries.push(canceled(&last));
        }
    }
    deliveries
}

async fn dense_weeks_end_in_one_state_in_every_order(on: On) {
    let (seeds, enough) = match on {
        On::Sqlite => (12, 50),
        On::Postgres => (3, 5),
    };
    let mut conflicts = 0;
    for seed in 0..seeds {
        let mut dice = StdRng::seed_from_u64(seed);
        let mut deliveries = dense_week(&mut dice);
        let mut expected: Option<Vec<String>> = None;
        for _ in 0..5 {
            let app = start(on).await;
            // One client signs up before, another in the middle.
            sign_in(&app, "a@x.io", Role::Client).await;
            let half = deliveries.len() / 2;
            for (index, delivery) in deliveries.iter().enumerate() {
                is_stored(&app, delivery).await;
                if dice.random_bool(0.5) {
                    run_jobs(&app).await;
                }
                if index == half {
                    sign_in(&app, "b@x.io", Role::Client).await;
                }
            }
            run_jobs(&app).await;
            let state = state(&app).await;
            conflicts += state
                .iter()
                .filter(|booking| booking.contains("conflict Some"))
                .count();
            assert_eq!(
                expected.get_or_insert_with(|| state.clone()),
                &state,
                "seed {seed}"
            );
            app.finish().await;
            deliveries.shuffle(&mut dice);
        }
    }
    assert!(
        conflicts > enough,
        "the weeks are dense enough to prove something: {conflicts}"
    );
}
