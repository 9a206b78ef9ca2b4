//! Others who are invited.

use entity::booking_event::Kind;
use serde_json::{Value, json};
use tests::{Actor, Answer, TestApp, at, both};

use super::{cancel, id_of};

both![
    guests_are_invited_with_a_booking_or_later,
    invalid_guests_are_named,
    nobody_is_invited_to_an_ended_booking
];

const GUESTS: &str = "booking { id version guests allowedActions }";

async fn invite(actor: &Actor<'_>, id: &str, guests: &[&str]) -> Answer {
    actor
        .mutate(
            "addBookingGuests",
            json!({ "bookingId": id, "guests": guests }),
            GUESTS,
        )
        .await
}

/// An order with guests.
async fn order(app: &TestApp, guests: Value) -> Value {
    let mut order = app
        .offer("nora", "coaching-60")
        .await
        .order(at("2026-11-25T14:00:00Z"));
    order["guests"] = guests;
    order
}

async fn guests_are_invited_with_a_booking_or_later(app: &TestApp) {
    let (maria, nora) = (app.client("maria"), app.coach("nora"));
    let order = order(app, json!(["Ann@Example.com", "ann@example.com"])).await;
    let made = maria.mutate("createBooking", order, GUESTS).await;
    let id = id_of(&made);
    assert_eq!(
        made.at("/createBooking/booking/guests"),
        &json!(["ann@example.com"]),
        "each once, as they are written"
    );
    assert!(
        made.at("/createBooking/booking/allowedActions")
            .as_array()
            .expect("a list")
            .contains(&json!("ADD_GUESTS"))
    );

    let both = json!(["ann@example.com", "bo@example.com"]);
    let added = invite(&nora, &id, &["bo@example.com", "ann@example.com"]).await;
    assert_eq!(
        added.at("/addBookingGuests/booking/guests"),
        &both,
        "{added:?}"
    );
    let version = added.at("/addBookingGuests/booking/version").clone();
    let again = invite(&maria, &id, &["bo@example.com"]).await;
    assert_eq!(
        again.at("/addBookingGuests/booking/version"),
        &version,
        "nothing new"
    );
    let lines = app
        .history()
        .await
        .into_iter()
        .filter(|line| line.kind == Kind::GuestsAdded)
        .count();
    assert_eq!(lines, 1);
    let stranger = invite(&app.client("james"), &id, &["eve@example.com"]).await;
    assert_eq!(stranger.user_errors(), ["NOT_FOUND"]);
    let seen = maria
        .gql(
            "query($id: ID!) { booking(id: $id) { guests } }",
            json!({ "id": id }),
        )
        .await;
    assert_eq!(seen.at("/booking/guests"), &both);
}

async fn invalid_guests_are_named(app: &TestApp) {
    let maria = app.client("maria");
    let email = app.user("maria").await.email.expect("she has one");
    let eleven: Vec<String> = (0..11)
        .map(|number| format!("guest{number}@example.com"))
        .collect();
    for guests in [json!([email]), json!(eleven)] {
        let refused = maria
            .mutate("createBooking", order(app, guests).await, GUESTS)
            .await;
        assert_eq!(refused.user_errors(), ["INVALID"], "{refused:?}");
    }
    let id = id_of(
        &maria
            .mutate(
                "createBooking",
                order(app, json!(eleven[..10])).await,
                GUESTS,
            )
            .await,
    );
    assert_eq!(
        invite(&maria, &id, &["guest10@example.com"])
            .await
            .user_errors(),
        ["INVALID"],
        "ten are all"
    );
    assert_eq!(
        invite(&maria, &id, &["guest9@example.com"])
            .await
            .user_errors(),
        Vec::<&str>::new()
    );
}

async fn nobody_is_invited_to_an_ended_booking(app: &TestApp) {
    let maria = app.client("maria");
    let id = id_of(
        &maria
            .mutate("createBooking", order(app, json!([])).await, GUESTS)
            .await,
    );
    cancel(&maria, &id).await;
    app.run_jobs().await;
    assert_eq!(
        invite(&maria, &id, &["ann@example.com"])
            .await
            .user_errors(),
        ["INVALID_STATE"]
    );
}
