//! Far more than a key may ask, at a stand-in that enforces its quota: it is not asked too often,
//! and nobody waits for what cannot be had.

use std::time::{Duration, Instant};

use chrono::TimeDelta;
use serde_json::json;
use simulators::cal_com::{self, Limits};
use tests::{On, TestApp, at};

use super::lab::{Lab, Special, options, setup};

const QUOTA: u32 = 60;
const SLOTS: &str = "query($id: ID!, $from: DateTime!, $until: DateTime!) {
    slots(eventTypeId: $id, range: { from: $from, until: $until }) { freshness slots { startsAt } } }";

/// With the pace that an operator has.
async fn start() -> Lab {
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
    let clock = options.clock.clone();
    let cal = cal_com::start(options).await.expect("a free loopback port");
    let app = setup(&cal).start(On::Sqlite).await;
    Lab::over((clock, cal), app, Special::default()).await
}

/// One day in each of so many weeks that nobody has asked for; gives the code of each refusal, and
/// the longest wait.
async fn ask(lab: &Lab, first: u32, weeks: u32) -> (Vec<Option<String>>, Duration) {
    let asked = (first..first + weeks).map(|week| async move {
        let from = at("2026-12-01T00:00:00Z") + TimeDelta::weeks(i64::from(week));
        let variables =
            json!({ "id": lab.offer.id(), "from": from, "until": from + TimeDelta::days(1) });
        let began = Instant::now();
        let answer = lab.app.visitor().gql(SLOTS, variables).await;
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

fn calls(lab: &Lab) -> (usize, usize) {
    let all = lab.cal.requests();
    (all.len(), all.iter().filter(|call| call.refused).count())
}

async fn kept_back(app: &TestApp) -> f64 {
    let route = "courtside_provider_call_duration_seconds_count{provider=\"calcom\",route=\"GET:/v2/slots\"";
    app.figure(&format!("{route},outcome=\"quota\"")).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_burst_stays_within_the_quota_and_what_is_beyond_it_is_told_at_once() {
    let lab = start().await;
    let mut codes = Vec::new();
    let mut longest = Duration::ZERO;
    // Ten times the quota, a hundred at a time.
    for round in 0..6 {
        let (told, took) = ask(&lab, round * 100, 100).await;
        codes.extend(told);
        longest = longest.max(took);
    }
    let (asked, refused) = calls(&lab);
    assert_eq!(refused, 0, "of {asked} calls");
    assert!(asked <= QUOTA as usize, "{asked}");
    let answered = codes.iter().filter(|code| code.is_none()).count();
    let told = codes
        .iter()
        .filter(|code| code.as_deref() == Some("PROVIDER_UNAVAILABLE"))
        .count();
    assert_eq!(answered + told, 600, "{codes:?}");
    assert!(answered > 0 && told > 0);
    // Beyond its patience of 0.4 s only this machine makes anybody wait.
    assert!(longest < Duration::from_secs(5), "{longest:?}");
    let kept_back = kept_back(&lab.app).await;
    assert!(
        kept_back > 300.0,
        "what cannot be had in time does not queue: {kept_back}"
    );
    lab.app.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_the_first_429_nothing_is_sent_until_it_is_allowed() {
    let lab = start().await;
    let request = || {
        reqwest::Client::new()
            .get(format!("{}/v2/me", lab.cal.url()))
            .bearer_auth(&lab.api_key)
    };
    // Somebody else uses the coach's key up.
    while request().send().await.expect("it serves").status() != 429 {}
    lab.cal.reset_requests();
    let (first, _) = ask(&lab, 0, 1).await;
    assert_eq!(first, [Some("PROVIDER_UNAVAILABLE".to_owned())]);
    assert_eq!(calls(&lab), (1, 1));
    let (told, _) = ask(&lab, 1, 100).await;
    assert!(
        told.iter()
            .all(|code| code.as_deref() == Some("PROVIDER_UNAVAILABLE")),
        "{told:?}"
    );
    assert_eq!(calls(&lab), (1, 1), "no call after the first refusal");
    lab.app.finish().await;
}
