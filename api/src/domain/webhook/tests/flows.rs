//! Every recorded flow, in every order, through the inbox and the jobs into the database.

use entity::webhook_delivery::Status;
use rand::SeedableRng;
use rand::seq::SliceRandom;

use super::captures::{Capture, numbered, permutations, signed};
use super::lab::Lab;

/// Sends a flow in every order, each for an account of its own, and gives the one state that all of
/// them end in.
async fn in_every_order(deliveries: &[Capture]) -> Vec<String> {
    let lab = Lab::open().await;
    let mut expected: Option<Vec<String>> = None;
    for (account, order) in permutations(deliveries).into_iter().enumerate() {
        for delivery in &order {
            lab.post(&delivery.of_account(account)).await;
        }
        let lines = lab.lines().await;
        lab.post(&order[account % order.len()].of_account(account))
            .await;
        assert_eq!(
            lab.lines().await,
            lines,
            "what was said already changes nothing"
        );
        let state = lab.state_of(&(100_000 + account).to_string()).await;
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
        lab.deliveries()
            .await
            .iter()
            .all(|delivery| delivery.status == Status::Processed)
    );
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

#[tokio::test]
async fn a_chain_of_moves_and_its_end() {
    let state = in_every_order(&numbered(&["001", "013", "016", "019", "022"])).await;
    let chain = [
        "2026-12-01 14:00:00 UTC",
        "CANCELED",
        "moves 3",
        "uids 4",
        "Deal fell through",
        "Agent Ann",
        "Listing",
    ];
    assert_says(&state, &[&chain]);
}

#[tokio::test]
async fn a_chain_told_by_two_subscribers() {
    let state = in_every_order(&numbered(&["001", "013", "014", "019", "024"])).await;
    assert_says(&state, &[&["CANCELED", "2026-12-01 14:00:00 UTC"]]);
}

/// Messages that never came: the calendar id still tells that both ends are one booking.
#[tokio::test]
async fn a_chain_with_gaps() {
    let state = in_every_order(&numbered(&["001", "022"])).await;
    assert_says(
        &state,
        &[&["2026-12-01 14:00:00 UTC", "CANCELED", "uids 2", "Listing"]],
    );
    let state = in_every_order(&numbered(&["001", "019", "022"])).await;
    assert_says(
        &state,
        &[&["2026-12-01 14:00:00 UTC", "CANCELED", "uids 3"]],
    );
    let state = in_every_order(&numbered(&["022"])).await;
    assert_says(
        &state,
        &[&["2026-12-01 14:00:00 UTC", "CANCELED", "uids 1"]],
    );
}

#[tokio::test]
async fn requests() {
    let state = in_every_order(&numbered(&["038", "040", "147"])).await;
    assert_says(
        &state,
        &[&[
            "2026-12-09 15:00:00 UTC",
            "SCHEDULED Pending",
            "moves 1",
            "Phone",
        ]],
    );
    let state = in_every_order(&numbered(&["043", "045"])).await;
    assert_says(&state, &[&["REJECTED"]]);
    let state = in_every_order(&numbered(&["038", "039", "040", "041"])).await;
    assert_says(
        &state,
        &[&["CONFIRMED Given", "session Some((Upcoming, Unknown"]],
    );
}

#[tokio::test]
async fn a_series() {
    let state = in_every_order(&numbered(&["066", "067", "070", "073"])).await;
    let confirmed = |day: &'static str| ["CONFIRMED", day];
    assert_says(
        &state,
        &[
            &confirmed("2026-12-10 14:00:00 UTC"),
            &confirmed("2026-12-16 14:00:00 UTC"),
            &confirmed("2026-12-23 14:00:00 UTC"),
        ],
    );
    let state = in_every_order(&numbered(&["078", "081", "084"])).await;
    assert_says(
        &state,
        &[&["2026-12-08", "CANCELED"], &["2026-12-15", "CONFIRMED"]],
    );
}

#[tokio::test]
async fn seats() {
    let state = in_every_order(&numbered(&["099", "110", "100", "111"])).await;
    assert_says(
        &state,
        &[
            &["CANCELED", "seat2@example.com"],
            &["CONFIRMED", "seat1@example.com"],
        ],
    );
}

#[tokio::test]
async fn the_clock_and_an_absence() {
    let [created, started, ended, absent] = numbered(&["005", "151", "154", "049"])
        .try_into()
        .unwrap_or_else(|_| panic!("four deliveries"));
    let uid = created.json()["payload"]["uid"].clone();
    let absent = absent.edited(|json| json["payload"]["bookingUid"] = uid);
    let state = in_every_order(&[created.clone(), started, ended, absent.clone()]).await;
    assert_says(&state, &[&["COMPLETED", "session Some((NoShow, Absent"]]);

    let back = absent.edited(|json| {
        json["createdAt"] = "2026-12-30T00:00:00.000Z".into();
        json["payload"]["attendees"][0]["noShow"] = false.into();
    });
    let state = in_every_order(&[created, absent, back]).await;
    assert_says(&state, &[&["CONFIRMED", "session Some((Upcoming, Unknown"]]);
}

#[tokio::test]
async fn an_end_that_was_overtaken_by_a_move() {
    let [created, ended, moved] = numbered(&["005", "154", "013"])
        .try_into()
        .unwrap_or_else(|_| panic!("three deliveries"));
    let uid = created.json()["payload"]["uid"].clone();
    let moved = moved.edited(|json| json["payload"]["rescheduleUid"] = uid);
    let state = in_every_order(&[created, ended, moved]).await;
    assert_says(
        &state,
        &[&[
            "CONFIRMED",
            "2026-12-01 15:00:00 UTC",
            "session Some((Upcoming, Unknown, Unknown, None, None",
        ]],
    );
}

/// Everything at once, in many orders, by eight jobs side by side: bookings that get in each
/// other's way included.
#[tokio::test]
async fn all_that_was_ever_recorded_ends_in_one_state() {
    let mut expected: Option<Vec<String>> = None;
    for seed in 0..20 {
        let mut deliveries = signed();
        if seed > 0 {
            deliveries.shuffle(&mut rand::rngs::StdRng::seed_from_u64(seed));
        }
        let lab = Lab::open().await;
        let ann = async || {
            _ = lab
                .sign_in("ann.agent@example.com", entity::user::Role::Client)
                .await
        };
        if seed % 3 == 0 {
            ann().await;
        }
        for some in deliveries.chunks(7) {
            for delivery in some {
                lab.receive(delivery).await;
            }
            lab.run_jobs().await;
        }
        if seed % 3 != 0 {
            ann().await;
        }
        let state = lab.state().await;
        match &expected {
            None => expected = Some(state),
            Some(expected) => assert_eq!(&state, expected, "seed {seed}"),
        }
    }
    let state = expected.expect("twenty orders");
    assert_eq!(
        state
            .iter()
            .filter(|booking| booking.contains("conflict Some(CoachOverlap)"))
            .count(),
        1,
        "{state:#?}"
    );
}
