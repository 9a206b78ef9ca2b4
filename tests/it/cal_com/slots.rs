//! Slots from Cal.com: fresh, from the cache, and when nothing was ever read.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use chrono::TimeDelta;
use serde_json::{Value, json};
use simulators::{Fault, Kind, Times};
use tests::{Answer, On, at, both_bare};

use super::fixture::Fixture;

both_bare![
    slots_are_cal_coms_minus_what_is_booked_here,
    a_hanging_calendar_is_shown_from_the_cache_and_never_as_empty,
    concurrent_readers_share_one_call,
    consecutive_weeks_are_fetched_in_one_call,
];

const SLOTS: &str = "query($id: ID!, $from: DateTime!, $until: DateTime!) {
    slots(eventTypeId: $id, range: { from: $from, until: $until }) { slots { startsAt } freshness source verifiedAt } }";

pub(super) async fn slots(fixture: &Fixture, from: &str, until: &str) -> Answer {
    let variables = json!({ "id": fixture.offer.id(), "from": from, "until": until });
    fixture.app.visitor().gql(SLOTS, variables).await
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

async fn slots_are_cal_coms_minus_what_is_booked_here(on: On) {
    let fixture = Fixture::start(on).await;
    let day = ("2026-11-25T05:00:00Z", "2026-11-26T05:00:00Z");
    let found = slots(&fixture, day.0, day.1).await;
    assert_eq!(found.at("/slots/source"), "CAL_COM");
    assert_eq!(found.at("/slots/freshness"), "FRESH");
    let before = starts(&found);
    assert_eq!(before.len(), 8, "nine to five, an hour each: {before:?}");
    assert!(before.contains(&json!("2026-11-25T15:00:00.000Z")));
    fixture.booked("2026-11-25T15:00:00Z").await;
    let after = starts(&slots(&fixture, day.0, day.1).await);
    assert_eq!(after.len(), 7, "at once, whatever is kept: {after:?}");
    fixture.settle(TimeDelta::seconds(10)).await;
    fixture.app.finish().await;
}

async fn a_hanging_calendar_is_shown_from_the_cache_and_never_as_empty(on: On) {
    let fixture = Fixture::start(on).await;
    let day = ("2026-11-25T05:00:00Z", "2026-11-26T05:00:00Z");
    let known = starts(&slots(&fixture, day.0, day.1).await);
    fixture
        .cal
        .faults()
        .set(Fault::new("/v2/slots", Kind::Hang).times(Times::Always));
    fixture.advance(TimeDelta::minutes(10));
    let began = Instant::now();
    let stale = slots(&fixture, day.0, day.1).await;
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
    let cold = slots(&fixture, "2027-01-25T05:00:00Z", "2027-01-26T05:00:00Z").await;
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
    fixture.cal.faults().clear();
    fixture.app.finish().await;
}

async fn concurrent_readers_share_one_call(on: On) {
    let fixture = Fixture::start(on).await;
    let ask = || slots(&fixture, "2026-12-07T05:00:00Z", "2026-12-08T05:00:00Z");
    let all = futures_util::future::join_all((0..40).map(|_| ask())).await;
    assert!(all.iter().all(|answer| starts(answer).len() == 8));
    assert_eq!(calls(&fixture), 1);
    fixture.app.finish().await;
}

fn calls(fixture: &Fixture) -> usize {
    fixture
        .cal
        .requests()
        .iter()
        .filter(|call| call.path.starts_with("/v2/slots"))
        .count()
}

async fn consecutive_weeks_are_fetched_in_one_call(on: On) {
    let fixture = Fixture::start(on).await;
    // The cache has weeks from Thursday to Wednesday. This is one of them.
    slots(&fixture, "2026-12-10T00:00:00Z", "2026-12-17T00:00:00Z").await;
    assert_eq!(calls(&fixture), 1);
    let all = slots(&fixture, "2026-11-26T00:00:00Z", "2026-12-31T00:00:00Z").await;
    assert_eq!(
        calls(&fixture),
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
    fixture.app.finish().await;
}
