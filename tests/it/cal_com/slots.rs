//! Free time at Cal.com, as it is, as it was, and when nothing is known.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use chrono::TimeDelta;
use serde_json::{Value, json};
use simulators::{Fault, Kind, Times};
use tests::{Answer, On, at, both_bare};

use super::lab::Lab;

both_bare![
    free_time_is_theirs_less_what_is_taken_here,
    a_calendar_that_hangs_is_shown_as_it_last_was_and_never_as_empty,
    whoever_asks_together_shares_one_call,
    weeks_that_follow_each_other_are_asked_for_in_one_call,
];

const SLOTS: &str = "query($id: ID!, $from: DateTime!, $until: DateTime!) {
    slots(eventTypeId: $id, range: { from: $from, until: $until }) { slots { startsAt } freshness source verifiedAt } }";

pub(super) async fn slots(lab: &Lab, from: &str, until: &str) -> Answer {
    let variables = json!({ "id": lab.offer.id(), "from": from, "until": until });
    lab.app.visitor().gql(SLOTS, variables).await
}

pub(super) fn starts(answer: &Answer) -> Vec<Value> {
    answer
        .at("/slots/slots")
        .as_array()
        .expect("a list")
        .iter()
        .map(|slot| slot["startsAt"].clone())
        .collect()
}

async fn free_time_is_theirs_less_what_is_taken_here(on: On) {
    let lab = Lab::start(on).await;
    let day = ("2026-11-25T05:00:00Z", "2026-11-26T05:00:00Z");
    let found = slots(&lab, day.0, day.1).await;
    assert_eq!(found.at("/slots/source"), "CAL_COM");
    assert_eq!(found.at("/slots/freshness"), "FRESH");
    let before = starts(&found);
    assert_eq!(before.len(), 8, "nine to five, an hour each: {before:?}");
    assert!(before.contains(&json!("2026-11-25T15:00:00.000Z")));
    lab.booked("2026-11-25T15:00:00Z").await;
    let after = starts(&slots(&lab, day.0, day.1).await);
    assert_eq!(after.len(), 7, "at once, whatever is kept: {after:?}");
    lab.settle(TimeDelta::seconds(10)).await;
    lab.app.finish().await;
}

async fn a_calendar_that_hangs_is_shown_as_it_last_was_and_never_as_empty(on: On) {
    let lab = Lab::start(on).await;
    let day = ("2026-11-25T05:00:00Z", "2026-11-26T05:00:00Z");
    let known = starts(&slots(&lab, day.0, day.1).await);
    lab.cal
        .faults()
        .set(Fault::new("/v2/slots", Kind::Hang).times(Times::Always));
    lab.advance(TimeDelta::minutes(10));
    let began = Instant::now();
    let stale = slots(&lab, day.0, day.1).await;
    assert!(
        began.elapsed() < Duration::from_millis(400),
        "nobody waits for what is known: {:?}",
        began.elapsed()
    );
    assert_eq!(starts(&stale), known);
    assert_eq!(stale.at("/slots/freshness"), "STALE");
    assert_eq!(
        stale.at("/slots/verifiedAt"),
        &json!(courtside::graphql::scalars::instant(at(tests::START)))
    );

    let began = Instant::now();
    let cold = slots(&lab, "2027-01-25T05:00:00Z", "2027-01-26T05:00:00Z").await;
    assert!(
        began.elapsed() < Duration::from_millis(1500),
        "{:?}",
        began.elapsed()
    );
    assert_eq!(
        cold.code(),
        Some("PROVIDER_UNAVAILABLE"),
        "nothing is known, and that is no empty list"
    );
    lab.cal.faults().clear();
    lab.app.finish().await;
}

async fn whoever_asks_together_shares_one_call(on: On) {
    let lab = Lab::start(on).await;
    let ask = || slots(&lab, "2026-12-07T05:00:00Z", "2026-12-08T05:00:00Z");
    let all = futures_util::future::join_all((0..40).map(|_| ask())).await;
    assert!(all.iter().all(|answer| starts(answer).len() == 8));
    assert_eq!(calls(&lab), 1);
    lab.app.finish().await;
}

fn calls(lab: &Lab) -> usize {
    lab.cal
        .requests()
        .iter()
        .filter(|call| call.path.starts_with("/v2/slots"))
        .count()
}

async fn weeks_that_follow_each_other_are_asked_for_in_one_call(on: On) {
    let lab = Lab::start(on).await;
    // Weeks are kept from Thursday to Wednesday. This is one of them.
    slots(&lab, "2026-12-10T00:00:00Z", "2026-12-17T00:00:00Z").await;
    assert_eq!(calls(&lab), 1);
    let all = slots(&lab, "2026-11-26T00:00:00Z", "2026-12-31T00:00:00Z").await;
    assert_eq!(
        calls(&lab),
        3,
        "two weeks before what is known, and two after it"
    );
    let starts = starts(&all);
    let days: BTreeSet<_> = starts
        .iter()
        .filter_map(|start| Some(start.as_str()?.split_once('T')?.0))
        .collect();
    assert_eq!(
        (days.len(), starts.len()),
        (25, 25 * 8),
        "each once: {starts:?}"
    );
    assert!(starts.is_sorted_by_key(|start| start.as_str()));
    assert_eq!(all.at("/slots/freshness"), "FRESH");
    lab.app.finish().await;
}
