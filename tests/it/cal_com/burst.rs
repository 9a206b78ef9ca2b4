//! A burst far above the quota of an API key, at a stand-in that enforces it: the quota is kept,
//! and requests that cannot be served fail fast.

use std::time::{Duration, Instant};

use chrono::TimeDelta;
use serde_json::json;
use simulators::cal_com::{self, Limits};
use tests::cal_com::options;
use tests::{On, Setup, TestApp, at};

use super::fixture::{Fixture, Special};

const QUOTA: u32 = 60;
const SLOTS: &str = "query($id: ID!, $from: DateTime!, $until: DateTime!) {
    slots(eventTypeId: $id, range: { from: $from, until: $until }) { freshness slots { startsAt } } }";

/// With the pacing of a production client.
async fn start() -> Fixture {
    let limits = Limits {
        api_key: QUOTA,
        identified: QUOTA,
        anonymous: QUOTA,
        enforced: true,
    };
    let options = cal_com::Options {
        limits,
        ..options()
    };
    let cal = cal_com::start(options).await.expect("a free loopback port");
    let app = Setup::default().cal_com(&cal).start(On::Sqlite).await;
    Fixture::over(cal, app, Special::default()).await
}

/// Reads one day in each of so many weeks that are not cached; returns the code of each refusal,
/// and the longest wait.
async fn ask(fixture: &Fixture, first: u32, weeks: u32) -> (Vec<Option<String>>, Duration) {
    let asked = (first..first + weeks).map(|week| async move {
        let from = at("2026-12-01T00:00:00Z") + TimeDelta::weeks(i64::from(week));
        let variables =
            json!({ "id": fixture.offer.id(), "from": from, "until": from + TimeDelta::days(1) });
        let began = Instant::now();
        let answer = fixture.app.visitor().gql(SLOTS, variables).await;
        (answer.code().map(str::to_owned), began.elapsed())
    });
    let answers = futures_util::future::join_all(asked).await;
    let longest = answers
        .iter()
        .map(|(_, took)| *took)
        .max()
        .unwrap_or_default();
    (answers.into_iter().map(|(code, _)| code).collect(), longest)
}

fn calls(fixture: &Fixture) -> (usize, usize) {
    let all = fixture.cal.requests();
    (all.len(), all.iter().filter(|call| call.refused).count())
}

async fn kept_back(app: &TestApp) -> f64 {
    let route = "courtside_provider_call_duration_seconds_count{provider=\"calcom\",route=\"GET:/v2/slots\"";
    app.figure(&format!("{route},outcome=\"quota\"")).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_burst_stays_within_the_quota_and_the_rest_fails_fast() {
    let fixture = start().await;
    let mut codes = Vec::new();
    let mut longest = Duration::ZERO;
    // Ten times the quota, a hundred at a time.
    for round in 0..6 {
        let (told, took) = ask(&fixture, round * 100, 100).await;
        codes.extend(told);
        longest = longest.max(took);
    }
    let (asked, refused) = calls(&fixture);
    assert_eq!(refused, 0, "of {asked} calls");
    assert!(asked <= QUOTA as usize, "{asked}");
    let answered = codes.iter().filter(|code| code.is_none()).count();
    let told = codes
        .iter()
        .filter(|code| code.as_deref() == Some("PROVIDER_UNAVAILABLE"))
        .count();
    assert_eq!(answered + told, 600, "{codes:?}");
    assert!(answered > 0 && told > 0);
    // Beyond the 0.4 s that pacing may delay a call, only the load of this machine adds time.
    assert!(longest < Duration::from_secs(5), "{longest:?}");
    let kept_back = kept_back(&fixture.app).await;
    assert!(
        kept_back > 300.0,
        "what cannot be had in time does not queue: {kept_back}"
    );
    fixture.app.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_429_nothing_is_sent_until_the_window_ends() {
    let fixture = start().await;
    let request = || {
        reqwest::Client::new()
            .get(format!("{}/v2/me", fixture.cal.url()))
            .bearer_auth(&fixture.api_key)
    };
    // Another caller uses up the quota of the coach's key.
    while request().send().await.expect("it serves").status() != 429 {}
    fixture.cal.reset_requests();
    let (first, _) = ask(&fixture, 0, 1).await;
    assert_eq!(first, [Some("PROVIDER_UNAVAILABLE".to_owned())]);
    assert_eq!(calls(&fixture), (1, 1));
    let (told, _) = ask(&fixture, 1, 100).await;
    assert!(
        told.iter()
            .all(|code| code.as_deref() == Some("PROVIDER_UNAVAILABLE")),
        "{told:?}"
    );
    assert_eq!(calls(&fixture), (1, 1), "no call after the first refusal");
    fixture.app.finish().await;
}
