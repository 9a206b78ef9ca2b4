//! What no message told is read and made true.

use chrono::TimeDelta;
use entity::booking::Status;
use serde_json::json;
use simulators::{Fault, Kind, Times};
use tests::{On, at, both_bare};

use super::lab::Lab;

both_bare![a_third_of_the_messages_is_lost_and_all_is_healed_within_five_minutes, a_dry_run_tells_and_changes_nothing];

async fn a_third_of_the_messages_is_lost_and_all_is_healed_within_five_minutes(on: On) {
    let lab = Lab::start(on).await;
    lab.settle(TimeDelta::minutes(3)).await;
    lab.cal.faults().seed(7);
    lab.cal.faults().set(Fault::new("*", Kind::DropWebhooks).times(Times::Share(0.3)));
    let event_type: i64 = lab.offer.event_type.provider_event_type_id.as_ref().expect("set").parse().expect("a number");
    let mut uids = Vec::new();
    for day in 0..10 {
        let start = at("2026-11-25T15:00:00Z") + TimeDelta::days(day);
        let body = json!({
            "start": start.to_rfc3339(), "eventTypeId": event_type,
            "attendee": { "name": format!("Client {day}"), "email": format!("c{day}@clients.example.com"), "timeZone": "America/Chicago" },
        });
        if let Ok(made) = lab.cal.page_book(body).await {
            uids.push(made["data"]["uid"].as_str().or(made["uid"].as_str()).expect("a uid").to_owned());
        }
    }
    assert!(uids.len() >= 6, "weekdays are open: {}", uids.len());
    for (index, uid) in uids.iter().enumerate() {
        match index % 3 {
            0 => drop(lab.cal.page_cancel(uid, "changed their mind").await.expect("it stands")),
            1 => {
                let was = lab.cal.booking(uid).expect("it stands").start;
                drop(lab.cal.page_move(uid, was + TimeDelta::hours(3), None).await.expect("the time is free"));
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
    lab.cal.faults().set(Fault::new("*", Kind::DropWebhooks).times(Times::Always));
    let uid = lab.live_there()[0].uid.clone();
    lab.cal.page_cancel(&uid, "quietly").await.expect("it stands");

    let fields = "isDryRun read changes { booking { id } statusBefore statusAfter } missing { id } failed";
    let admin = lab.app.admin();
    let told = admin.mutate("reconcile", json!({ "dryRun": true }), &format!("report {{ {fields} }}")).await;
    assert_eq!(told.at("/reconcile/report/changes/0/statusAfter"), "CANCELED", "{told:?}");
    assert_eq!(lab.app.booking(&id).await.status, Status::Confirmed);
    let done = admin.mutate("reconcile", json!({ "dryRun": false }), &format!("report {{ {fields} }}")).await;
    assert_eq!(done.at("/reconcile/report/changes/0/statusAfter"), "CANCELED");
    assert_eq!(lab.app.booking(&id).await.status, Status::Canceled);
    let again = admin.mutate("reconcile", json!({ "dryRun": false }), &format!("report {{ {fields} }}")).await;
    assert_eq!(again.at("/reconcile/report/changes"), &json!([]));
    lab.settle(TimeDelta::seconds(10)).await;
    lab.app.finish().await;
}
