//! The reasons that people give on Cal.com's own pages are shown here word for word.

use chrono::TimeDelta;
use entity::booking::Status;
use serde_json::{Value, json};
use tests::{On, at, both_bare};

use super::fixture::{Fixture, Special};

both_bare![
    the_reason_of_a_cancellation_at_cal_com_is_shown_here,
    the_reason_of_a_rejection_at_cal_com_is_shown_here
];

const SHOWN: &str = "query($id: ID!) { booking(id: $id) { status cancellationReason history { nodes { kind reason } } } }";

/// Somebody does something on the page of the stand-in, by its address, as the sandbox's users do.
pub(super) async fn act(fixture: &Fixture, action: &str, body: Value) {
    let request = reqwest::Client::new()
        .post(format!("{}/_page/{action}", fixture.cal.url()))
        .json(&body);
    let answer = request.send().await.expect("it serves");
    assert!(
        answer.status().is_success(),
        "{action}: {}",
        answer.status()
    );
}

fn uid_at(fixture: &Fixture, start: &str) -> String {
    let there = fixture
        .live_there()
        .into_iter()
        .find(|found| found.start == at(start));
    there.expect("it stands").uid
}

async fn the_reason_of_a_cancellation_at_cal_com_is_shown_here(on: On) {
    let fixture = Fixture::start(on).await;
    let maria = fixture.app.client("maria");
    for (start, name) in [
        ("2026-11-25T15:00:00Z", "cancellationReason"),
        ("2026-11-26T15:00:00Z", "reason"),
    ] {
        let id = fixture.booked(start).await;
        act(
            &fixture,
            "cancel",
            json!({ "uid": uid_at(&fixture, start), name: "not well" }),
        )
        .await;
        // A later read of Cal.com's API does not remove it.
        fixture.settle(TimeDelta::minutes(5)).await;
        assert_eq!(fixture.app.booking(&id).await.status, Status::Canceled);
        let shown = maria.gql(SHOWN, json!({ "id": id })).await;
        assert_eq!(
            shown.at("/booking/cancellationReason"),
            "not well",
            "{name}: {shown:?}"
        );
    }
    // The same for what was booked there.
    let mine = "2026-11-27T15:00:00Z";
    let event_type: i64 = fixture
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
    act(&fixture, "book", body).await;
    fixture.settle(TimeDelta::seconds(10)).await;
    act(
        &fixture,
        "cancel",
        json!({ "uid": uid_at(&fixture, mine), "reason": "the car broke down" }),
    )
    .await;
    fixture.settle(TimeDelta::minutes(5)).await;
    let rows = fixture.app.bookings().await;
    let row = rows
        .iter()
        .find(|row| row.starts_at == at(mine))
        .expect("it was taken in");
    assert_eq!(
        (row.status, row.cancellation_reason.as_deref()),
        (Status::Canceled, Some("the car broke down"))
    );
    fixture.app.finish().await;
}

async fn the_reason_of_a_rejection_at_cal_com_is_shown_here(on: On) {
    let fixture = Fixture::with(
        on,
        Special {
            needs_approval: true,
            price_minor: 0,
        },
    )
    .await;
    let start = "2026-11-25T15:00:00Z";
    let id = fixture.booked(start).await;
    act(
        &fixture,
        "decline",
        json!({ "uid": uid_at(&fixture, start), "reason": "on leave" }),
    )
    .await;
    fixture.settle(TimeDelta::minutes(5)).await;
    assert_eq!(fixture.app.booking(&id).await.status, Status::Rejected);
    let shown = fixture
        .app
        .client("maria")
        .gql(SHOWN, json!({ "id": id }))
        .await;
    let history = shown.at("/booking/history").to_string();
    assert!(history.contains("on leave"), "{shown:?}");
    fixture.app.finish().await;
}
