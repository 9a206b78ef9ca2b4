//! What is let in, and what an answer promises.

use entity::webhook_delivery::Status;
use entity::{booking, job, webhook_delivery};
use sea_orm::{ConnectionTrait, EntityTrait, PaginatorTrait};

use super::captures::{numbered, signed};
use super::lab::Lab;
use crate::domain::webhook::{Receipt, Refusal, receive_cal_com};

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn copies_at_the_same_moment_have_one_effect() {
    let lab = Lab::open().await;
    let created = numbered(&["001"]).remove(0);
    let copies = (0..8).map(|_| {
        let (app, created) = (lab.app.clone(), created.clone());
        tokio::spawn(
            async move { receive_cal_com(&app, &created.headers, created.body, "test").await },
        )
    });
    let mut receipts = Vec::new();
    for copy in copies.collect::<Vec<_>>() {
        receipts.push(copy.await.expect("it runs").expect("it is genuine"));
    }
    assert_eq!(
        receipts
            .iter()
            .filter(|receipt| **receipt == Receipt::Stored)
            .count(),
        1
    );
    assert_eq!(
        receipts
            .iter()
            .filter(|receipt| **receipt == Receipt::Duplicate)
            .count(),
        7
    );
    lab.run_jobs().await;
    assert_eq!(lab.bookings().await.len(), 1);
    assert_eq!(
        lab.deliveries().await[0].body,
        created.body,
        "every byte is kept"
    );
}

/// All at once: they are stored in few transactions, each is answered for itself, and eight jobs at
/// a time give the state that one after the other gives.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_crowd_is_stored_completely() {
    let quiet = Lab::open().await;
    for delivery in signed() {
        quiet.post(&delivery).await;
    }
    let crowded = Lab::open().await;
    let all: Vec<_> = signed()
        .into_iter()
        .chain(signed())
        .map(|delivery| {
            let app = crowded.app.clone();
            tokio::spawn(async move {
                receive_cal_com(&app, &delivery.headers, delivery.body, "test").await
            })
        })
        .collect();
    let (mut stored, total) = (0, all.len());
    for one in all {
        stored +=
            usize::from(one.await.expect("it runs").expect("it is genuine") == Receipt::Stored);
    }
    assert_eq!(stored, crowded.deliveries().await.len());
    assert!(stored <= total / 2, "every delivery came twice");
    crowded.run_jobs().await;
    assert_eq!(crowded.state().await, quiet.state().await);
}

#[tokio::test]
async fn a_tampered_byte_changes_nothing() {
    let lab = Lab::open().await;
    for delivery in signed() {
        for place in [0, delivery.body.len() / 2, delivery.body.len() - 1] {
            let mut body = delivery.body.to_vec();
            body[place] ^= 1;
            let refusal = receive_cal_com(&lab.app, &delivery.headers, body.into(), "test")
                .await
                .expect_err("forged");
            assert_eq!(refusal.reason(), "bad_signature");
        }
    }
    let db = lab.app.db.read();
    assert_eq!(
        webhook_delivery::Entity::find()
            .count(db)
            .await
            .expect("a count"),
        0
    );
    assert_eq!(job::Entity::find().count(db).await.expect("a count"), 0);
    let refused = signed().len() * 3;
    let counted = format!(
        r#"courtside_webhooks_refused_total{{provider="calcom",reason="bad_signature"}} {refused}"#
    );
    assert!(lab.app.metrics.text().contains(&counted), "{counted}");
}

#[tokio::test]
async fn what_cannot_be_stored_is_not_promised() {
    let lab = Lab::open().await;
    lab.app
        .db
        .write_one()
        .execute_unprepared("alter table webhook_delivery rename to gone")
        .await
        .expect("renamed");
    let created = numbered(&["001"]).remove(0);
    let refusal = receive_cal_com(&lab.app, &created.headers, created.body.clone(), "test").await;
    assert!(matches!(refusal, Err(Refusal::NotStored(_))), "{refusal:?}");
    lab.app
        .db
        .write_one()
        .execute_unprepared("alter table gone rename to webhook_delivery")
        .await
        .expect("renamed");
    assert_eq!(
        lab.receive(&created).await,
        Receipt::Stored,
        "sent again, it is taken"
    );
}

#[tokio::test]
async fn what_is_not_about_a_booking_is_kept_and_has_no_effect() {
    let lab = Lab::open().await;
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
        assert_eq!(lab.receive(&delivery).await, Receipt::Stored);
        lab.run_jobs().await;
        let stored = lab
            .deliveries()
            .await
            .into_iter()
            .max_by_key(|stored| stored.id)
            .expect("it is stored");
        assert_eq!(
            (stored.status, stored.failure.is_some()),
            (expected, expected == Status::Dead),
            "{}",
            stored.trigger
        );
        assert_eq!(stored.body, delivery.body);
    }
    assert_eq!(
        booking::Entity::find()
            .count(lab.app.db.read())
            .await
            .expect("a count"),
        0
    );
}
