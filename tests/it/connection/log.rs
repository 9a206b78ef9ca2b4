//! Secrets stay out of logs at every level.

use serde_json::json;
use simulators::Kind;
use tests::process::Served;
use tests::{Scratch, cal_com};

use super::{CREATE_USER, fail};
use crate::process::{token, usual};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tokens_keys_codes_and_addresses_are_not_logged() {
    let (scratch, cal) = (Scratch::new(), cal_com::start().await);
    let mut all = usual(&scratch);
    let everything = "trace,hyper=trace,sqlx=trace,rustls=trace,reqwest=trace";
    all.insert("RUST_LOG".to_owned(), everything.to_owned());
    all.extend(cal_com::settings(&cal).map(|(name, value)| (name.to_owned(), value)));
    let served = Served::start(&all).await;
    let nora = token(&all, "coach", "nora").await;
    let ask = async |query: &str, input: serde_json::Value| {
        served
            .gql(Some(&nora), query, json!({ "input": input }))
            .await
            .expect("it serves")
    };
    let key = "mutation($input: ConnectWithApiKeyInput!) { connectWithApiKey(input: $input) { userErrors { code } } }";
    ask(key, json!({ "apiKey": "cal_canary_key" })).await;
    ask(key, json!({ "apiKey": "canary-no-key" })).await;
    let apple = "mutation($input: ConnectAppleCalendarInput!) { connectAppleCalendar(input: $input) { userErrors { code } } }";
    ask(
        apple,
        json!({ "username": "nora@icloud.example", "appPassword": "canary-apple-password" }),
    )
    .await;
    let feeds = "mutation($input: SetCalendarFeedsInput!) { setCalendarFeeds(input: $input) { userErrors { code } } }";
    ask(
        feeds,
        json!({ "urls": ["https://feeds.example.com/canary.ics", "http://canary-feed.example/"] }),
    )
    .await;
    let start = "mutation($input: StartConnectionInput!) { startConnection(input: $input) { consentPage { authorizeUrl } } }";
    let started = ask(start, json!({ "redirectTo": "https://app.example.com/" })).await;
    let url = started.text("/startConnection/consentPage/authorizeUrl");
    let state = url
        .split(['?', '&'])
        .find_map(|pair| pair.strip_prefix("state="))
        .expect("there is a state")
        .to_owned();
    let way = format!("/oauth/calcom?code=canary-code&state={state}");
    let client = reqwest::Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none());
    let client = client.build().expect("nothing of the machine is needed");
    let back = client
        .get(format!("http://{}{way}", served.address))
        .send()
        .await
        .expect("it serves");
    assert_eq!(back.status(), 303);
    let to = back.headers()["location"].to_str().expect("an address");
    let ticket = to.split_once("ticket=").expect("a ticket").1.to_owned();
    let finish = "mutation($input: FinishConnectionInput!) { finishConnection(input: $input) { userErrors { code } } }";
    let finished = ask(finish, json!({ "ticket": ticket })).await;
    assert_eq!(finished.user_errors(), ["PROVIDER_REFUSED"]);
    fail(&cal, CREATE_USER, Kind::ResetAfterCommit, 1);
    let provision = "mutation($input: ProvisionCoachInput!) { provisionCoach(input: $input) { userErrors { code } account { id } } }";
    let answer = ask(provision, json!({})).await;
    assert!(
        answer.at("/provisionCoach/account/id").is_string(),
        "{answer:?}"
    );

    let (code, log) = served.terminate().await;
    assert_eq!(code, Some(0));
    let given = cal.issued_tokens();
    assert!(given.len() >= 4, "tokens were given out");
    let words = [
        "canary",
        "nora@icloud.example",
        "nora@courtside.example",
        "nora%40courtside",
        state.as_str(),
        ticket.as_str(),
    ];
    for secret in given
        .iter()
        .map(String::as_str)
        .chain(words)
        .chain([nora.as_str()])
    {
        // The greeting of a developer, which is there to show tokens, is no log line.
        let line = log
            .lines()
            .filter(|line| line.starts_with('{'))
            .find(|line| line.contains(secret));
        assert!(line.is_none(), "{secret} is in the log: {line:?}");
    }
}
