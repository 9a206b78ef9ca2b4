//! Every recorded flow, in every order, through the inbox and the jobs into the database.

use entity::user::Role;
use entity::webhook_delivery::Status;
use rand::SeedableRng;
use rand::seq::SliceRandom;
use tests::{On, both_bare};

use super::captures::{Capture, numbered, orders, signed};
use super::state::{state, state_of};
use super::{deliver, deliveries, history_length, is_stored, run_jobs, sign_in, start};

both_bare![
    a_booking_that_is_moved_and_canceled_stays_one,
    two_subscribers_of_one_booking_lead_to_one_booking,
    missing_deliveries_do_not_split_a_booking,
    a_request_is_confirmed_declined_or_moved,
    the_occurrences_of_a_series_change_alone,
    a_canceled_seat_leaves_the_other,
    a_meeting_ends_and_an_absence_is_taken_back,
    a_move_undoes_an_earlier_end,
    all_recorded_deliveries_end_in_one_state_in_every_order,
];

/// Sends a flow in every order, each for an account of its own; returns the one state that all of
/// them end in.
async fn in_every_order(on: On, flow: &[Capture]) -> Vec<String> {
    let app = start(on).await;
    let mut expected: Option<Vec<String>> = None;
    for (account, order) in orders(on, flow).into_iter().enumerate() {
        for delivery in &order {
            deliver(&app, &delivery.of_account(account)).await;
        }
        let lines = history_length(&app).await;
        let again = order[account % order.len()].of_account(account);
        deliver(&app, &again).await;
        assert_eq!(
            history_length(&app).await,
            lines,
            "a repeated delivery changes nothing"
        );
        let state = state_of(&app, &(100_000 + account).to_string()).await;
        let names: Vec<_> = order
            .iter()
            .map(|delivery| delivery.name.as_str())
            .collect();
        match &expected {
            None => expected = Some(state),
            Some(expected) => assert_eq!(&state, expected, "{names:#?}"),
        }
    }
    assert!(
        deliveries(&app)
            .await
            .iter()
            .all(|delivery| delivery.status == Status::Processed)
    );
    app.finish().await;
    expected.expect("at least one order")
}

fn assert_says(state: &[String], expected: &[&[&str]]) {
    assert_eq!(state.len(), expected.len(), "{state:#?}");
    for (booking, words) in state.iter().zip(expected) {
        for word in *words {
            assert!(booking.contains(word), "{word:?} in {booking}");
        }
    }
}

async fn a_booking_that_is_moved_and_canceled_stays_one(on: On) {
    let state = in_every_order(on, &numbered(&["001", "013", "016", "019", "022"])).await;
    let chain = [
        "2026-12-01 14:00:00 UTC",
        "CANCELED",
        "moves 2",
        "uids 4",
        "Deal fell through",
        "Agent Ann",
        "Listing",
    ];
    assert_says(&state, &[&chain]);
}

async fn two_subscribers_of_one_booking_lead_to_one_booking(on: On) {
    let state = in_every_order(on, &numbered(&["001", "013", "014", "019", "024"])).await;
    assert_says(&state, &[&["CANCELED", "2026-12-01 14:00:00 UTC"]]);
}

/// The calendar id links both ends of a booking when deliveries between them are missing.
async fn missing_deliveries_do_not_split_a_booking(on: On) {
    let state = in_every_order(on, &numbered(&["001", "022"])).await;
    assert_says(
        &state,
        &[&["2026-12-01 14:00:00 UTC", "CANCELED", "uids 2", "Listing"]],
    );
    let state = in_every_order(on, &numbered(&["001", "019", "022"])).await;
    assert_says(
        &state,
        &[&["2026-12-01 14:00:00 UTC", "CANCELED", "uids 3"]],
    );
    let state = in_every_order(on, &numbered(&["022"])).await;
    assert_says(
        &state,
        &[&["2026-12-01 14:00:00 UTC", "CANCELED", "uids 1"]],
    );
}

async fn a_request_is_confirmed_declined_or_moved(on: On) {
    let state = in_every_order(on, &numbered(&["038", "040", "147"])).await;
    assert_says(
        &state,
        &[&[
            "2026-12-09 15:00:00 UTC",
            "SCHEDULED Pending",
            "moves 1",
            "Phone",
        ]],
    );
    let state = in_every_order(on, &numbered(&["043", "045"])).await;
    assert_says(&state, &[&["REJECTED"]]);
    let state = in_every_order(on, &numbered(&["038", "039", "040", "041"])).await;
    assert_says(
        &state,
        &[&["CONFIRMED Given", "session Some((Upcoming, Unknown"]],
    );
}

async fn the_occurrences_of_a_series_change_alone(on: On) {
    let state = in_every_order(on, &numbered(&["066", "067", "070", "073"])).await;
    let confirmed = |day: &'static str| ["CONFIRMED", day];
    assert_says(
        &state,
        &[
            &confirmed("2026-12-10 14:00:00 UTC"),
            &confirmed("2026-12-16 14:00:00 UTC"),
            &confirmed("2026-12-23 14:00:00 UTC"),
        ],
    );
    let state = in_every_order(on, &numbered(&["078", "081", "084"])).await;
    assert_says(
        &state,
        &[&["2026-12-08", "CANCELED"], &["2026-12-15", "CONFIRMED"]],
    );
}

async fn a_canceled_seat_leaves_the_other(on: On) {
    let state = in_every_order(on, &numbered(&["099", "110", "100", "111"])).await;
    assert_says(
        &state,
        &[
            &["CANCELED", "seat2@example.com"],
            &["CONFIRMED", "seat1@example.com"],
        ],
    );
}

async fn a_meeting_ends_and_an_absence_is_taken_back(on: On) {
    let [created, started, ended, absent] = numbered(&["005", "151", "154", "049"])
        .try_into()
        .unwrap_or_else(|_| panic!("four deliveries"));
    let uid = created.json()["payload"]["uid"].clone();
    let absent = absent.edited(|json| json["payload"]["bookingUid"] = uid);
    let state = in_every_order(on, &[created.clone(), started, ended, absent.clone()]).await;
    assert_says(&state, &[&["COMPLETED", "session Some((NoShow, Absent"]]);

    let back = absent.edited(|json| {
        json["createdAt"] = "2026-12-30T00:00:00.000Z".into();
        json["payload"]["attendees"][0]["noShow"] = false.into();
    });
    let state = in_every_order(on, &[created, absent, back]).await;
    assert_says(&state, &[&["CONFIRMED", "session Some((Upcoming, Unknown"]]);
}

async fn a_move_undoes_an_earlier_end(on: On) {
    let [created, ended, moved] = numbered(&["005", "154", "013"])
        .try_into()
        .unwrap_or_else(|_| panic!("three deliveries"));
    let uid = created.json()["payload"]["uid"].clone();
    let moved = moved.edited(|json| json["payload"]["rescheduleUid"] = uid);
    let state = in_every_order(on, &[created, ended, moved]).await;
    assert_says(
        &state,
        &[&[
            "CONFIRMED",
            "2026-12-01 15:00:00 UTC",
            "session Some((Upcoming, Unknown, Unknown, None, None",
        ]],
    );
}

/// In many orders, by eight jobs side by side, with bookings that overlap each other.
async fn all_recorded_deliveries_end_in_one_state_in_every_order(on: On) {
    let mut expected: Option<Vec<String>> = None;
    let seeds = match on {
        On::Sqlite => 20,
        On::Postgres => 5,
    };
    for seed in 0..seeds {
        let mut deliveries = signed();
        if seed > 0 {
            deliveries.shuffle(&mut rand::rngs::StdRng::seed_from_u64(seed));
        }
        let app = start(on).await;
        let ann = async || _ = sign_in(&app, "ann.agent@example.com", Role::Client).await;
        if seed % 3 == 0 {
            ann().await;
        }
        for some in deliveries.chunks(7) {
            for delivery in some {
                is_stored(&app, delivery).await;
            }
            run_jobs(&app).await;
        }
        if seed % 3 != 0 {
            ann().await;
        }
        let state = state(&app).await;
        match &expected {
            None => expected = Some(state),
            Some(expected) => assert_eq!(&state, expected, "seed {seed}"),
        }
        app.finish().await;
    }
    let state = expected.expect("at least one order");
    assert_eq!(
        state
            .iter()
            .filter(|booking| booking.contains("conflict Some(CoachOverlap)"))
            .count(),
        1,
        "{state:#?}"
    );
}
