//! What people write on Cal.com's own pages is told here in their words.

use chrono::TimeDelta;
use entity::booking::Status;
use serde_json::{Value, json};
use tests::{On, at, both_bare};

use super::lab::{Lab, Special};

both_bare![
    the_reason_of_a_cancellation_there_is_told_here,
    the_reason_of_a_refusal_there_is_told_here
];

const SHOWN: &str = "query($id: ID!) { booking(id: $id) { status cancellationReason history { nodes { kind reason } } } }";

/// Somebody does something on the page of the stand-in, by its address, as the sandbox's users do.
pub(super) async fn act(lab: &Lab, action: &str, body: Value) {
    let request = reqwest::Client::new()
        .post(format!("{}/_page/{action}", lab.cal.url()))
        .json(&body);
    let answer = request.send().await.expect("it serves");
    assert!(
        answer.status().is_success(),
        "{action}: {}",
        answer.status()
    );
}

fn uid_at(lab: &Lab, start: &str) -> String {
    let there = lab
        .live_there()
        .into_iter()
        .find(|found| found.start == at(start));
    there.expect("it stands").uid
}

async fn the_reason_of_a_cancellation_there_is_told_here(on: On) {
    let lab = Lab::start(on).await;
    let maria = lab.app.client("maria");
    for (start, name) in [
        ("2026-11-25T15:00:00Z", "cancellationReason"),
        ("2026-11-26T15:00:00Z", "reason"),
    ] {
        let id = lab.booked(start).await;
        act(
            &lab,
            "cancel",
            json!({ "uid": uid_at(&lab, start), name: "not well" }),
        )
        .await;
        // What is read there afterwards takes nothing of it back.
        lab.settle(TimeDelta::minutes(5)).await;
        assert_eq!(lab.app.booking(&id).await.status, Status::Canceled);
        let shown = maria.gql(SHOWN, json!({ "id": id })).await;
        assert_eq!(
            shown.at("/booking/cancellationReason"),
            "not well",
            "{name}: {shown:?}"
        );
    }
    // The same for what was booked there.
    let mine = "2026-11-27T15:00:00Z";
    let event_type: i64 = lab
        .offer
        .event_type
        .provider_event_type_id
        .as_deref()
        .and_then(|id| id.parse().ok())
        .expect("set");
    let body = json!({
        "start": mine,
        "eventTypeId": event_type,
        "attendee": { "name": "Maria Santos", "email": "maria@courtside.example", "timeZone": "America/Chicago" },
    });
    act(&lab, "book", body).await;
    lab.settle(TimeDelta::seconds(10)).await;
    act(
        &lab,
        "cancel",
        json!({ "uid": uid_at(&lab, mine), "reason": "the car broke down" }),
    )
    .await;
    lab.settle(TimeDelta::minutes(5)).await;
    let rows = lab.app.bookings().await;
    let row = rows
        .iter()
        .find(|row| row.starts_at == at(mine))
        .expect("it was taken in");
    assert_eq!(
        (row.status, row.cancellation_reason.as_deref()),
        (Status::Canceled, Some("the car broke down"))
    );
    lab.app.finish().await;
}

async fn the_reason_of_a_refusal_there_is_told_here(on: On) {
    let lab = Lab::with(
        on,
        Special {
            needs_approval: true,
            price_minor: 0,
        },
    )
    .await;
    let start = "2026-11-25T15:00:00Z";
    let id = lab.booked(start).await;
    act(
        &lab,
        "decline",
        json!({ "uid": uid_at(&lab, start), "reason": "on leave" }),
    )
    .await;
    lab.settle(TimeDelta::minutes(5)).await;
    assert_eq!(lab.app.booking(&id).await.status, Status::Rejected);
    let shown = lab
        .app
        .client("maria")
        .gql(SHOWN, json!({ "id": id }))
        .await;
    let history = shown.at("/booking/history").to_string();
    assert!(history.contains("on leave"), "{shown:?}");
    lab.app.finish().await;
}
