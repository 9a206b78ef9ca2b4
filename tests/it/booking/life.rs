//! A booking is made, moved and canceled, and every subscriber who may see it receives each step.

use entity::session::Status;
use serde_json::json;
use tests::{Live, TestApp, at, both};

use super::{MINE, cancel, create, id_of, reschedule};

both![
    a_booking_is_made_moved_and_canceled_and_watched_over_both_transports,
    a_session_stays_with_its_booking
];

/// The events that a subscriber received, as `kind status`, up to the one of that kind.
async fn told(live: &mut Live, last: &str) -> Vec<String> {
    let mut told = Vec::new();
    loop {
        let message = live.next().await;
        let kind = message["change"]["kind"]
            .as_str()
            .expect("not a snapshot")
            .to_owned();
        told.push(format!(
            "{kind} {}",
            message["change"]["statusAfter"]
                .as_str()
                .expect("a status is a name")
        ));
        if kind == last {
            return told;
        }
    }
}

async fn a_booking_is_made_moved_and_canceled_and_watched_over_both_transports(app: &TestApp) {
    let (maria, nora) = (app.client("maria"), app.coach("nora"));
    let offer = app.offer("nora", "coaching-60").await;
    let mut socket = maria.subscribe(MINE, json!({})).await;
    let mut stream = maria.stream(MINE, json!({})).await;
    let mut of_coach = nora.subscribe(MINE, json!({})).await;
    for live in [&mut socket, &mut stream, &mut of_coach] {
        assert_eq!(live.next().await["kind"], "SNAPSHOT");
    }

    let answer = create(&maria, &offer.order(at("2026-11-25T14:00:00Z"))).await;
    let id = id_of(&answer);
    assert_eq!(answer.at("/createBooking/booking/status"), "CONFIRMED");
    assert_eq!(
        answer.at("/createBooking/booking/endsAt"),
        "2026-11-25T15:00:00.000Z"
    );
    let answer = reschedule(&maria, &id, "2026-11-25T19:00:00Z").await;
    assert_eq!(answer.user_errors(), Vec::<&str>::new());
    assert_eq!(
        answer.at("/rescheduleBooking/booking/id"),
        &json!(id),
        "moving keeps the identity"
    );
    assert_eq!(
        answer.at("/rescheduleBooking/booking/startsAt"),
        "2026-11-25T19:00:00.000Z"
    );
    assert_eq!(answer.at("/rescheduleBooking/booking/moves"), 1);
    let answer = cancel(&nora, &id).await;
    assert_eq!(answer.at("/cancelBooking/booking/status"), "CANCELED");
    app.run_jobs().await;

    let expected = [
        "INITIATED INITIATED",
        "SCHEDULED SCHEDULED",
        "CONFIRMED CONFIRMED",
        "MOVED CONFIRMED",
        "CANCELED CANCELED",
    ];
    for live in [&mut socket, &mut stream, &mut of_coach] {
        assert_eq!(told(live, "CANCELED").await, expected);
    }
    let history = "query($id: ID!) { booking(id: $id) { canceledAt cancellationReason viewerRole allowedActions
        history { nodes { kind actorKind version source actor { displayName } } } } }";
    let seen = maria.gql(history, json!({ "id": id })).await;
    let lines: Vec<_> = seen
        .at("/booking/history/nodes")
        .as_array()
        .expect("a list")
        .iter()
        .collect();
    let kinds: Vec<_> = lines
        .iter()
        .map(|line| line["kind"].as_str().expect("a name"))
        .collect();
    assert_eq!(
        kinds,
        ["CANCELED", "MOVED", "CONFIRMED", "SCHEDULED", "INITIATED"],
        "newest first"
    );
    let versions: Vec<_> = lines
        .iter()
        .map(|line| line["version"].as_i64().expect("a number"))
        .collect();
    assert_eq!(versions, [5, 4, 3, 2, 1]);
    assert_eq!(lines[0]["actorKind"], "COACH");
    assert_eq!(lines[1]["actorKind"], "CLIENT");
    assert_eq!(seen.at("/booking/cancellationReason"), "Something came up");
    assert_eq!(seen.at("/booking/canceledAt"), "2026-11-23T08:00:00.000Z");
    assert_eq!(seen.at("/booking/viewerRole"), "CLIENT");
    assert_eq!(
        seen.at("/booking/allowedActions"),
        &json!([]),
        "nothing can be done to it any more"
    );
    for live in [socket, stream, of_coach] {
        live.close().await;
    }
}

async fn a_session_stays_with_its_booking(app: &TestApp) {
    let maria = app.client("maria");
    let offer = app.offer("nora", "coaching-60").await;
    let id = id_of(&create(&maria, &offer.order(at("2026-11-25T14:00:00Z"))).await);
    let session = app
        .session_of(&id)
        .await
        .expect("a confirmed booking leads to a session");
    let moved = reschedule(&maria, &id, "2026-11-26T15:00:00Z").await;
    assert_eq!(moved.user_errors(), Vec::<&str>::new());
    assert_eq!(app.session_of(&id).await, Some(session.clone()));

    let again = create(
        &app.client("james"),
        &offer.order(at("2026-11-25T14:00:00Z")),
    )
    .await;
    assert_eq!(
        again.at("/createBooking/booking/status"),
        "CONFIRMED",
        "what was moved away from is free again"
    );
    assert_eq!(cancel(&maria, &id).await.user_errors(), Vec::<&str>::new());
    let canceled = app.session_of(&id).await.expect("sessions stay");
    assert_eq!(
        (canceled.id, canceled.status),
        (session.id, Status::Canceled)
    );
    app.run_jobs().await;
}
