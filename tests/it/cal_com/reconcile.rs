//! What no message told is read and made true.

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

use super::lab::Lab;

both_bare![
    a_third_of_the_messages_is_lost_and_all_is_healed_within_five_minutes,
    a_dry_run_tells_and_changes_nothing,
    what_cannot_be_taken_in_is_passed_over_and_tried_again_at_night,
    how_sessions_went_is_read_at_night_after_a_long_outage,
];

async fn a_third_of_the_messages_is_lost_and_all_is_healed_within_five_minutes(on: On) {
    let lab = Lab::start(on).await;
    lab.settle(TimeDelta::minutes(3)).await;
    lab.cal.faults().seed(7);
    lab.cal
        .faults()
        .set(Fault::new("*", Kind::DropWebhooks).times(Times::Share(0.3)));
    let event_type: i64 = lab
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
        if let Ok(made) = lab.cal.page_book(body).await {
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
                lab.cal
                    .page_cancel(uid, "changed their mind")
                    .await
                    .expect("it stands"),
            ),
            1 => {
                let was = lab.cal.booking(uid).expect("it stands").start;
                drop(
                    lab.cal
                        .page_move(uid, was + TimeDelta::hours(3), None)
                        .await
                        .expect("the time is free"),
                );
            }
            _ => {}
        }
    }
    lab.settle(TimeDelta::minutes(5)).await;
    assert_eq!(lab.agree().await, Ok(()));
    lab.app.finish().await;
}

async fn a_dry_run_tells_and_changes_nothing(on: On) {
    let lab = Lab::start(on).await;
    let id = lab.booked("2026-11-25T15:00:00Z").await;
    lab.settle(TimeDelta::seconds(10)).await;
    lab.cal
        .faults()
        .set(Fault::new("*", Kind::DropWebhooks).times(Times::Always));
    let uid = lab.live_there()[0].uid.clone();
    lab.cal
        .page_cancel(&uid, "quietly")
        .await
        .expect("it stands");

    let fields =
        "isDryRun read changes { booking { id } statusBefore statusAfter } missing { id } failed";
    let admin = lab.app.admin();
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
    assert_eq!(lab.app.booking(&id).await.status, Status::Confirmed);
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
    assert_eq!(lab.app.booking(&id).await.status, Status::Canceled);
    let again = admin
        .mutate(
            "reconcile",
            json!({ "dryRun": false }),
            &format!("report {{ {fields} }}"),
        )
        .await;
    assert_eq!(again.at("/reconcile/report/changes"), &json!([]));
    lab.settle(TimeDelta::seconds(10)).await;
    lab.app.finish().await;
}

async fn link(lab: &Lab) -> connection::Model {
    connection::Entity::find()
        .one(lab.app.db().read())
        .await
        .expect("a query")
        .expect("the coach's")
}

/// The reading that comes round every two minutes.
async fn read(lab: &Lab) -> Report {
    reconcile::recent(&lab.app.app, link(lab).await.id)
        .await
        .expect("the calendar answers")
}

/// The reading of each night.
async fn read_at_night(lab: &Lab) -> Report {
    reconcile::full(&lab.app.app, link(lab).await.id, None)
        .await
        .expect("the calendar answers")
}

/// Somebody books on the coach's page, and no message tells of it.
async fn booked_there(lab: &Lab, event_type: i64, start: &str) -> DateTime<Utc> {
    let body = json!({
        "start": start, "eventTypeId": event_type,
        "attendee": { "name": "Ann", "email": "ann@clients.example.com", "timeZone": "America/Chicago" },
    });
    lab.cal.page_book(body).await.expect("the time is free");
    at(start)
}

/// The coach offers something there under a slug that cannot be had here, however it is changed:
/// what is booked of it fails to be taken in.
async fn impossible_offer(lab: &Lab) -> i64 {
    let body =
        json!({ "title": "Odd", "slug": "odd", "lengthInMinutes": 60, "minimumBookingNotice": 0 });
    let made = lab.post("/v2/event-types", "2024-06-14", body).await;
    let id = made["data"]["id"].as_i64().expect("it was made");
    for slug in ["odd".to_owned(), format!("odd-calcom-{id}")] {
        let row = event_type::Model {
            id: entity::new_id(),
            slug,
            provider: None,
            provider_event_type_id: None,
            ..lab.offer.event_type.clone()
        };
        row.into_active_model()
            .reset_all()
            .insert(lab.app.db().write_one())
            .await
            .expect("a sound row");
    }
    id
}

/// What was taken in of the calendar.
async fn starts(lab: &Lab) -> Vec<DateTime<Utc>> {
    let rows = lab.app.bookings().await;
    let there = rows.iter().filter(|row| row.scheduler == Scheduler::CalCom);
    let mut starts: Vec<_> = there.map(|row| row.starts_at).collect();
    starts.sort();
    starts
}

async fn what_cannot_be_taken_in_is_passed_over_and_tried_again_at_night(on: On) {
    let lab = Lab::start(on).await;
    lab.cal
        .faults()
        .set(Fault::new("*", Kind::DropWebhooks).times(Times::Always));
    read(&lab).await;
    let began = link(&lab).await.sync_cursor;
    assert!(began.is_some());
    let event_type: i64 = lab
        .offer
        .event_type
        .provider_event_type_id
        .as_ref()
        .expect("set")
        .parse()
        .expect("a number");
    let odd = booked_there(&lab, impossible_offer(&lab).await, "2026-11-23T15:00:00Z").await;
    lab.advance(TimeDelta::minutes(5));
    let good = booked_there(&lab, event_type, "2026-11-25T15:00:00Z").await;

    for _ in 0..9 {
        assert_eq!(read(&lab).await.failed, 1);
        assert_eq!(
            link(&lab).await.sync_cursor,
            began,
            "it is tried again for a while"
        );
        assert_eq!(
            starts(&lab).await,
            [good],
            "what comes after it is taken in all the same"
        );
        lab.advance(TimeDelta::minutes(2));
    }
    assert_eq!(read(&lab).await.failed, 1);
    let passed = link(&lab).await;
    assert!(
        passed.sync_cursor > began
            && passed.passed_over_from < began
            && passed.passed_over_from.is_some()
    );
    let next = read(&lab).await;
    assert_eq!(
        (next.read, next.failed),
        (1, 0),
        "it is not in the way any more"
    );
    assert!(
        lab.app
            .figure("courtside_reconciled_bookings_total{state=\"failed\"}")
            .await
            >= 10.0
    );

    // It is over by now, so that only what is remembered of it leads there.
    lab.advance(TimeDelta::hours(12));
    assert_eq!(read_at_night(&lab).await.failed, 1);
    assert!(
        link(&lab).await.passed_over_from.is_some(),
        "nor is it forgotten"
    );
    event_type::Entity::delete_many()
        .filter(event_type::Column::Slug.starts_with("odd"))
        .exec(lab.app.db().write_one())
        .await
        .expect("nothing hangs on them");
    assert_eq!(read_at_night(&lab).await.failed, 0);
    assert_eq!(starts(&lab).await, [odd, good]);
    let healed = link(&lab).await;
    assert_eq!(
        (
            healed.passed_over_from,
            healed.passed_over_until,
            healed.sync_failures
        ),
        (None, None, 0)
    );
    lab.app.run_jobs().await;
    lab.app.finish().await;
}

async fn how_sessions_went_is_read_at_night_after_a_long_outage(on: On) {
    let lab = Lab::start(on).await;
    let (missed, off) = (
        lab.booked("2026-11-25T15:00:00Z").await,
        lab.booked("2026-11-26T15:00:00Z").await,
    );
    lab.app.run_jobs().await;
    let there = |start: &str| {
        lab.live_there()
            .into_iter()
            .find(|found| found.start == at(start))
            .expect("it stands")
    };
    let (missed_there, off_there) = (there("2026-11-25T15:00:00Z"), there("2026-11-26T15:00:00Z"));

    // From now on nothing is heard of the calendar, and nobody reads it.
    lab.cal
        .faults()
        .set(Fault::new("*", Kind::DropWebhooks).times(Times::Always));
    lab.advance(at("2026-11-25T16:30:00Z") - lab.app.now());
    lab.cal
        .page_no_show(&missed_there.uid, &missed_there.attendees[0].email, true)
        .await
        .expect("it has begun");
    lab.advance(at("2026-11-26T15:05:00Z") - lab.app.now());
    lab.cal
        .page_cancel(&off_there.uid, "the train stands still")
        .await
        .expect("it is not over");
    lab.advance(TimeDelta::days(12));
    lab.app.sweep().await;
    for id in [&missed, &off] {
        assert_eq!(
            lab.app.booking(id).await.status,
            Status::Completed,
            "as far as is known here"
        );
    }
    assert_eq!(
        read(&lab).await.read,
        0,
        "so far back the readings of what has changed do not go"
    );

    lab.cal.reset_requests();
    read_at_night(&lab).await;
    let session = lab.app.session_of(&missed).await.expect("it was confirmed");
    assert_eq!(
        (session.status, session.client_attendance),
        (SessionStatus::NoShow, Attendance::Absent)
    );
    assert_eq!(lab.app.booking(&off).await.status, Status::Canceled);
    let calls = || {
        lab.cal
            .requests()
            .iter()
            .filter(|call| call.path.starts_with("/v2/bookings"))
            .count()
    };
    assert_eq!(calls(), 2, "what is to come, and what was");
    lab.cal.reset_requests();
    assert!(read_at_night(&lab).await.changes.is_empty());
    assert_eq!(calls(), 1, "what is settled is not asked for again");
    lab.app.run_jobs().await;
    lab.app.finish().await;
}
