//! Which deliveries are stored, and what an answer promises.

use entity::webhook_delivery::Status;
use http::{Method, StatusCode};
use tests::{On, both_bare};

use super::captures::{numbered, signed};
use super::state::state;
use super::{PATH, bookings, deliver, deliveries, is_stored, jobs, run_jobs, send, start};

both_bare![
    copies_at_the_same_moment_have_one_effect,
    deliveries_that_come_all_at_once_are_stored_completely,
    a_tampered_byte_changes_nothing,
    deliveries_that_are_not_about_a_booking_are_kept_without_effect,
];

async fn copies_at_the_same_moment_have_one_effect(on: On) {
    let app = start(on).await;
    let created = numbered(&["001"]).remove(0);
    let copies = (0..8).map(|_| is_stored(&app, &created));
    let stored = futures_util::future::join_all(copies).await;
    assert_eq!(stored.iter().filter(|stored| **stored).count(), 1);
    run_jobs(&app).await;
    assert_eq!(bookings(&app).await.len(), 1);
    assert_eq!(
        deliveries(&app).await[0].body,
        created.body,
        "every byte is kept"
    );
    app.finish().await;
}

/// They are stored in few transactions, each is answered for itself, and eight jobs at a time lead
/// to the same state as one after the other.
async fn deliveries_that_come_all_at_once_are_stored_completely(on: On) {
    let quiet = start(on).await;
    for delivery in signed() {
        deliver(&quiet, &delivery).await;
    }
    let expected = state(&quiet).await;
    quiet.finish().await;

    let crowded = start(on).await;
    let twice: Vec<_> = signed().into_iter().chain(signed()).collect();
    let sent = twice.iter().map(|delivery| is_stored(&crowded, delivery));
    let stored = futures_util::future::join_all(sent).await;
    let stored = stored.iter().filter(|stored| **stored).count();
    assert_eq!(stored, deliveries(&crowded).await.len());
    assert!(stored <= twice.len() / 2, "every delivery came twice");
    run_jobs(&crowded).await;
    assert_eq!(state(&crowded).await, expected);
    crowded.finish().await;
}

async fn a_tampered_byte_changes_nothing(on: On) {
    let app = start(on).await;
    for mut delivery in signed() {
        let genuine = delivery.body.clone();
        for place in [0, genuine.len() / 2, genuine.len() - 1] {
            let mut body = genuine.clone();
            body[place] ^= 1;
            delivery.body = body;
            let answer = send(&app, Method::POST, PATH, &delivery).await;
            assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
        }
    }
    assert_eq!(deliveries(&app).await, []);
    assert_eq!(jobs(&app).await, []);
    let counted = r#"courtside_webhooks_refused_total{provider="calcom",reason="bad_signature"}"#;
    assert_eq!(app.figure(counted).await, (signed().len() * 3) as f64);
    app.finish().await;
}

async fn deliveries_that_are_not_about_a_booking_are_kept_without_effect(on: On) {
    let app = start(on).await;
    let any = numbered(&["001"]).remove(0);
    let with_trigger = |name: &str| any.edited(|json| json["triggerEvent"] = name.into());
    let cases = [
        (with_trigger("PING"), Status::Ignored),
        (with_trigger("OOO_CREATED"), Status::Ignored),
        (with_trigger("FORM_SUBMITTED"), Status::Ignored),
        (with_trigger("RECORDING_READY"), Status::Ignored),
        (with_trigger("BOOKING_TELEPORTED"), Status::Unknown),
        (with_trigger("nul\0inside"), Status::Unknown),
        (
            any.with(b"topic=coaching&who=ann".to_vec()),
            Status::Unknown,
        ),
        (any.with(vec![0xff, 0x00, 0xfe]), Status::Unknown),
        (any.with(Vec::new()), Status::Unknown),
        (
            any.edited(|json| json["payload"]["startTime"] = "soon".into()),
            Status::Dead,
        ),
        (
            any.edited(|json| json["payload"]["endTime"] = json["payload"]["startTime"].clone()),
            Status::Dead,
        ),
    ];
    for (delivery, expected) in cases {
        assert!(is_stored(&app, &delivery).await);
        run_jobs(&app).await;
        let stored = deliveries(&app).await.pop().expect("it is stored");
        assert_eq!(
            (stored.status, stored.failure.is_some()),
            (expected, expected == Status::Dead),
            "{}",
            stored.trigger
        );
        assert_eq!(stored.body, delivery.body);
    }
    assert_eq!(app.bookings().await, []);
    app.finish().await;
}
