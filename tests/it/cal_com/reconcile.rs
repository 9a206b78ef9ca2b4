//! Reconciliation applies what no webhook reported.

use chrono::{DateTime, TimeDelta, Utc};
use courtside::domain::reconcile::{self, Report};
use entity::booking::Status;
use entity::coach::Scheduler;
use entity::session::{Attendance, Status as SessionStatus};
use entity::{connection, event_type};
use sea_orm::{ActiveModelTrait, ColumnTrait, EntityTrait, IntoActiveModel, QueryFilter};
use serde_json::json;
use simulators::{Fault, Kind, Times};
use tests::{On, at, both_bare};

use super::fixture::Fixture;

both_bare![
    lost_webhooks_are_reconciled_within_five_minutes,
    a_dry_run_reports_and_changes_nothing,
    changes_that_cannot_be_applied_are_skipped_and_retried_at_night,
    session_outcomes_are_reconciled_at_night_after_a_long_outage,
];

async fn lost_webhooks_are_reconciled_within_five_minutes(on: On) {
    let fixture = Fixture::start(on).await;
    fixture.settle(TimeDelta::minutes(3)).await;
    fixture.cal.faults().seed(7);
    fixture
        .cal
        .faults()
        .set(Fault::new("*", Kind::DropWebhooks).times(Times::Share(0.3)));
    let event_type: i64 = fixture
        .offer
        .event_type
        .provider_event_type_id
        .as_ref()
        .expect("set")
        .parse()
        .expect("a number");
    let mut uids = Vec::new();
    for day in 0..10 {
        let start = at("2026-11-25T15:00:00Z") + TimeDelta::days(day);
        let body = json!({
            "start": start.to_rfc3339(), "eventTypeId": event_type,
            "attendee": { "name": format!("Client {day}"), "email": format!("c{day}@clients.example.com"), "timeZone": "America/Chicago" },
        });
        if let Ok(made) = fixture.cal.page_book(body).await {
            uids.push(
                made["data"]["uid"]
                    .as_str()
                    .or(made["uid"].as_str())
                    .expect("a uid")
                    .to_owned(),
            );
        }
    }
    assert!(uids.len() >= 6, "weekdays are open: {}", uids.len());
    for (index, uid) in uids.iter().enumerate() {
        match index % 3 {
            0 => drop(
                fixture
                    .cal
                    .page_cancel(uid, "changed their mind")
                    .await
                    .expect("it stands"),
            ),
            1 => {
                let was = fixture.cal.booking(uid).expect("it stands").start;
                drop(
                    fixture
                        .cal
                        .page_move(uid, was + TimeDelta::hours(3), None)
                        .await
                        .expect("the time is free"),
                );
            }
            _ => {}
        }
    }
    fixture.settle(TimeDelta::minutes(5)).await;
    assert_eq!(fixture.agree().await, Ok(()));
    fixture.app.finish().await;
}

async fn a_dry_run_reports_and_changes_nothing(on: On) {
    let fixture = Fixture::start(on).await;
    let id = fixture.booked("2026-11-25T15:00:00Z").await;
    fixture.settle(TimeDelta::seconds(10)).await;
    fixture
        .cal
        .faults()
        .set(Fault::new("*", Kind::DropWebhooks).times(Times::Always));
    let uid = fixture.live_there()[0].uid.clone();
    fixture
        .cal
        .page_cancel(&uid, "quietly")
        .await
        .expect("it stands");

    let fields =
        "isDryRun read changes { booking { id } statusBefore statusAfter } missing { id } failed";
    let admin = fixture.app.admin();
    let told = admin
        .mutate(
            "reconcile",
            json!({ "dryRun": true }),
            &format!("report {{ {fields} }}"),
        )
        .await;
    assert_eq!(
        told.at("/reconcile/report/changes/0/statusAfter"),
        "CANCELED",
        "{told:?}"
    );
    assert_eq!(fixture.app.booking(&id).await.status, Status::Confirmed);
    let done = admin
        .mutate(
            "reconcile",
            json!({ "dryRun": false }),
            &format!("report {{ {fields} }}"),
        )
        .await;
    assert_eq!(
        done.at("/reconcile/report/changes/0/statusAfter"),
        "CANCELED"
    );
    assert_eq!(fixture.app.booking(&id).await.status, Status::Canceled);
    let again = admin
        .mutate(
            "reconcile",
            json!({ "dryRun": false }),
            &format!("report {{ {fields} }}"),
        )
        .await;
    assert_eq!(again.at("/reconcile/report/changes"), &json!([]));
    fixture.settle(TimeDelta::seconds(10)).await;
    fixture.app.finish().await;
}

async fn link(fixture: &Fixture) -> connection::Model {
    connection::Entity::find()
        .one(fixture.app.db().read())
        .await
        .expect("a query")
        .expect("the coach's")
}

/// The reconciliation of every two minutes.
async fn read(fixture: &Fixture) -> Report {
    reconcile::recent(&fixture.app.app, link(fixture).await.id)
        .await
        .expect("the calendar answers")
}

/// The nightly reconciliation.
async fn read_at_night(fixture: &Fixture) -> Report {
    reconcile::full(&fixture.app.app, link(fixture).await.id, None)
        .await
        .expect("the calendar answers")
}

/// Somebody books on the coach's page, and no webhook is sent.
async fn booked_there(fixture: &Fixture, event_type: i64, start: &str) -> DateTime<Utc> {
    let body = json!({
        "start": start, "eventTypeId": event_type,
        "attendee": { "name": "Ann", "email": "ann@clients.example.com", "timeZone": "America/Chicago" },
    });
    fixture.cal.page_book(body).await.expect("the time is free");
    at(start)
}

/// The coach offers an event type there whose slug cannot be used here, however it is changed: its
/// bookings cannot be applied.
async fn impossible_offer(fixture: &Fixture) -> i64 {
    let body =
        json!({ "title": "Odd", "slug": "odd", "lengthInMinutes": 60, "minimumBookingNotice": 0 });
    let made = fixture.post("/v2/event-types", "2024-06-14", body).await;
    let id = made["data"]["id"].as_i64().expect("it was made");
    for slug in ["odd".to_owned(), format!("odd-calcom-{id}")] {
        let row = event_type::Model {
            id: entity::new_id(),
            slug,
            provider: None,
            provider_event_type_id: None,
            ..fixture.offer.event_type.clone()
        };
        row.into_active_model()
            .reset_all()
            .insert(fixture.app.db().write_one())
            .await
            .expect("a sound row");
    }
    id
}

/// The bookings that were applied.
async fn starts(fixture: &Fixture) -> Vec<DateTime<Utc>> {
    let rows = fixture.app.bookings().await;
    let there = rows.iter().filter(|row| row.scheduler == Scheduler::CalCom);
    let mut starts: Vec<_> = there.map(|row| row.starts_at).collect();
    starts.sort();
    starts
}

async fn changes_that_cannot_be_applied_are_skipped_and_retried_at_night(on: On) {
    let fixture = Fixture::start(on).await;
    fixture
        .cal
        .faults()
        .set(Fault::new("*", Kind::DropWebhooks).times(Times::Always));
    read(&fixture).await;
    let began = link(&fixture).await.sync_cursor;
    assert!(began.is_some());
    let event_type: i64 = fixture
        .offer
        .event_type
        .provider_event_type_id
        .as_ref()
        .expect("set")
        .parse()
        .expect("a number");
    let odd = booked_there(
        &fixture,
        impossible_offer(&fixture).await,
        "2026-11-23T15:00:00Z",
    )
    .await;
    fixture.advance(TimeDelta::minutes(5));
    let good = booked_there(&fixture, event_type, "2026-11-25T15:00:00Z").await;

    for _ in 0..9 {
        assert_eq!(read(&fixture).await.failed, 1);
        assert_eq!(
            link(&fixture).await.sync_cursor,
            began,
            "it is tried again for a while"
        );
        assert_eq!(
            starts(&fixture).await,
            [good],
            "what comes after it is taken in all the same"
        );
        fixture.advance(TimeDelta::minutes(2));
    }
    assert_eq!(read(&fixture).await.failed, 1);
    let passed = link(&fixture).await;
    assert!(
        passed.sync_cursor > began
            && passed.passed_over_from < began
            && passed.passed_over_from.is_some()
    );
    let next = read(&fixture).await;
    assert_eq!(
        (next.read, next.failed),
        (1, 0),
        "it is not in the way any more"
    );
    assert!(
        fixture
            .app
            .figure("courtside_reconciled_bookings_total{state=\"failed\"}")
            .await
            >= 10.0
    );

    // It is over by now, so that only what is remembered of it leads there.
    fixture.advance(TimeDelta::hours(12));
    assert_eq!(read_at_night(&fixture).await.failed, 1);
    assert!(
        link(&fixture).await.passed_over_from.is_some(),
        "nor is it forgotten"
    );
    event_type::Entity::delete_many()
        .filter(event_type::Column::Slug.starts_with("odd"))
        .exec(fixture.app.db().write_one())
        .await
        .expect("nothing hangs on them");
    assert_eq!(read_at_night(&fixture).await.failed, 0);
    assert_eq!(starts(&fixture).await, [odd, good]);
    let healed = link(&fixture).await;
    assert_eq!(
        (
            healed.passed_over_from,
            healed.passed_over_until,
            healed.sync_failures
        ),
        (None, None, 0)
    );
    fixture.app.run_jobs().await;
    fixture.app.finish().await;
}

async fn session_outcomes_are_reconciled_at_night_after_a_long_outage(on: On) {
    let fixture = Fixture::start(on).await;
    let (missed, off) = (
        fixture.booked("2026-11-25T15:00:00Z").await,
        fixture.booked("2026-11-26T15:00:00Z").await,
    );
    fixture.app.run_jobs().await;
    let there = |start: &str| {
        fixture
            .live_there()
            .into_iter()
            .find(|found| found.start == at(start))
            .expect("it stands")
    };
    let (missed_there, off_there) = (there("2026-11-25T15:00:00Z"), there("2026-11-26T15:00:00Z"));

    // From now on no webhook is sent, and nothing is read.
    fixture
        .cal
        .faults()
        .set(Fault::new("*", Kind::DropWebhooks).times(Times::Always));
    fixture.advance(at("2026-11-25T16:30:00Z") - fixture.app.now());
    fixture
        .cal
        .page_no_show(&missed_there.uid, &missed_there.attendees[0].email, true)
        .await
        .expect("it has begun");
    fixture.advance(at("2026-11-26T15:05:00Z") - fixture.app.now());
    fixture
        .cal
        .page_cancel(&off_there.uid, "the train stands still")
        .await
        .expect("it is not over");
    fixture.advance(TimeDelta::days(12));
    fixture.app.sweep().await;
    for id in [&missed, &off] {
        assert_eq!(
            fixture.app.booking(id).await.status,
            Status::Completed,
            "as far as is known here"
        );
    }
    assert_eq!(
        read(&fixture).await.read,
        0,
        "so far back the readings of what has changed do not go"
    );

    fixture.cal.reset_requests();
    read_at_night(&fixture).await;
    let session = fixture
        .app
        .session_of(&missed)
        .await
        .expect("it was confirmed");
    assert_eq!(
        (session.status, session.client_attendance),
        (SessionStatus::NoShow, Attendance::Absent)
    );
    assert_eq!(fixture.app.booking(&off).await.status, Status::Canceled);
    let calls = || {
        fixture
            .cal
            .requests()
            .iter()
            .filter(|call| call.path.starts_with("/v2/bookings"))
            .count()
    };
    assert_eq!(calls(), 2, "what is to come, and what was");
    fixture.cal.reset_requests();
    assert!(read_at_night(&fixture).await.changes.is_empty());
    assert_eq!(calls(), 1, "what is settled is not asked for again");
    fixture.app.run_jobs().await;
    fixture.app.finish().await;
}
