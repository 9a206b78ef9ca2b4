//! A coach goes to Cal.com's page and comes back.

use chrono::TimeDelta;
use entity::connection::Kind;
use http::{Method, StatusCode};
use sea_orm::{ActiveModelTrait as _, IntoActiveModel as _};
use serde_json::json;
use tests::{Actor, On, TestApp, both_bare};

use super::lab::Lab;
use super::{edit, lend, only, rows};

both_bare![
    a_coach_connects_an_account_of_their_own,
    a_state_is_good_once_and_not_for_ever,
    only_allowed_addresses_are_returned_to,
    a_code_of_another_attempt_is_worth_nothing,
    rights_that_ended_on_the_way_end_it,
];

const BACK: &str = "https://app.example.com/settings?tab=calendar";

/// The query of the page that the coach is sent to.
async fn set_out(actor: &Actor<'_>) -> Vec<(String, String)> {
    let answer = actor
        .mutate(
            "startConnection",
            json!({ "redirectTo": BACK }),
            "consentPage { authorizeUrl expiresAt }",
        )
        .await;
    let url = answer.text("/startConnection/consentPage/authorizeUrl");
    let query = url.split_once('?').expect("it has a query").1;
    assert!(url.contains("/auth/oauth2/authorize?"), "{url}");
    let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    pairs
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

fn field(query: &[(String, String)], name: &str) -> String {
    query
        .iter()
        .find(|(known, _)| known == name)
        .unwrap_or_else(|| panic!("no {name} in {query:?}"))
        .1
        .clone()
}

/// What Cal.com's page does: the account's owner agrees, and the browser has a code.
fn agree(lab: &Lab, query: &[(String, String)], account: i64) -> String {
    let mut state = lab.state();
    state
        .users
        .entry(account)
        .or_insert_with(|| format!("owner-{account}@home.example"));
    let code = format!("canary-code-{}", state.codes.len());
    state
        .codes
        .insert(code.clone(), (field(query, "code_challenge"), account));
    code
}

/// The browser comes back; the outcome, if it is sent on, and the status.
async fn come_back(app: &TestApp, query: &str) -> (StatusCode, Option<String>) {
    let client = reqwest::Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none());
    let client = client.build().expect("nothing of the machine is needed");
    let answer = client
        .get(app.url(&format!("/oauth/calcom?{query}")))
        .send()
        .await
        .expect("it serves");
    let to = answer
        .headers()
        .get("location")
        .map(|to| to.to_str().expect("an address").to_owned());
    let outcome = to.map(|to| {
        to.strip_prefix(&format!("{BACK}&connection="))
            .unwrap_or(&to)
            .to_owned()
    });
    (answer.status(), outcome)
}

/// The whole way.
pub(crate) async fn connect(app: &TestApp, lab: &Lab, actor: &Actor<'_>, account: i64) {
    let query = set_out(actor).await;
    let code = agree(lab, &query, account);
    let (_, outcome) = come_back(
        app,
        &format!("code={code}&state={}", field(&query, "state")),
    )
    .await;
    assert_eq!(outcome.as_deref(), Some("connected"));
}

async fn a_coach_connects_an_account_of_their_own(on: On) {
    let lab = Lab::start().await;
    let app = lab.setup().start(on).await;
    let query = set_out(&app.coach("nora")).await;
    assert_eq!(
        (
            field(&query, "client_id"),
            field(&query, "code_challenge_method")
        ),
        ("lab-oauth".into(), "S256".into())
    );
    let code = agree(&lab, &query, 7);
    let way = format!("/oauth/calcom?code={code}&state={}", field(&query, "state"));
    // Whatever looks at links beforehand does not use them up.
    let head = app
        .visitor()
        .request(Method::HEAD, &way)
        .send()
        .await
        .expect("it serves");
    assert_eq!(head.status(), StatusCode::METHOD_NOT_ALLOWED);
    let (status, outcome) = come_back(&app, way.split_once('?').expect("a query").1).await;
    assert_eq!(
        (status, outcome.as_deref()),
        (StatusCode::SEE_OTHER, Some("connected"))
    );
    let row = only(&app).await;
    assert_eq!(
        (row.kind, row.external_id.as_str(), row.coach_id),
        (Kind::OAuth, "7", app.profile("nora").await.id)
    );
    lend(&app, &row).await.expect("its token works");
    app.finish().await;
}

async fn a_state_is_good_once_and_not_for_ever(on: On) {
    let lab = Lab::start().await;
    let app = lab.setup().start(on).await;
    let nora = app.coach("nora");
    let query = set_out(&nora).await;
    let state = field(&query, "state");
    for unknown in [
        "state=",
        "state=guess",
        "code=x",
        "",
        &format!("state={}x", state),
        &format!("state={}", "a".repeat(5000)),
    ] {
        let (status, outcome) = come_back(&app, unknown).await;
        assert_eq!(
            (status, outcome),
            (StatusCode::BAD_REQUEST, None),
            "{unknown}"
        );
    }
    let (_, outcome) = come_back(&app, &format!("state={state}&error=access_denied")).await;
    assert_eq!(outcome.as_deref(), Some("denied"));
    let code = agree(&lab, &query, 7);
    let (status, outcome) = come_back(&app, &format!("state={state}&code={code}")).await;
    assert_eq!(
        (status, outcome),
        (StatusCode::BAD_REQUEST, None),
        "it was used"
    );

    let query = set_out(&nora).await;
    let code = agree(&lab, &query, 7);
    app.clock.advance(TimeDelta::minutes(11));
    let (_, outcome) = come_back(
        &app,
        &format!("state={}&code={code}", field(&query, "state")),
    )
    .await;
    assert_eq!(outcome.as_deref(), Some("expired"));
    assert_eq!((rows(&app).await.len(), lab.calls("token")), (0, 0));

    // Of many that come at once with the same state one gets through.
    let query = set_out(&nora).await;
    let code = agree(&lab, &query, 7);
    let way = format!("state={}&code={code}", field(&query, "state"));
    let all = futures_util::future::join_all((0..8).map(|_| come_back(&app, &way))).await;
    assert_eq!(
        all.iter()
            .filter(|(_, outcome)| outcome.as_deref() == Some("connected"))
            .count(),
        1,
        "{all:?}"
    );
    assert_eq!(lab.calls("token"), 1);
    app.finish().await;
}

async fn only_allowed_addresses_are_returned_to(on: On) {
    let lab = Lab::start().await;
    let app = lab.setup().start(on).await;
    for bad in [
        "https://evil.example/",
        "https://app.example.com.evil.example/",
        "https://app.example.com@evil.example/",
    ] {
        let input = json!({ "redirectTo": bad });
        let answer = app
            .coach("nora")
            .mutate("startConnection", input, "consentPage { authorizeUrl }")
            .await;
        assert_eq!(answer.user_errors(), ["INVALID"], "{bad}");
    }
    app.finish().await;
}

/// Somebody slips the code of their own account into another person's way, or the other way round.
async fn a_code_of_another_attempt_is_worth_nothing(on: On) {
    let lab = Lab::start().await;
    let app = lab.setup().start(on).await;
    let (noras, marcus) = (
        set_out(&app.coach("nora")).await,
        set_out(&app.coach("marcus")).await,
    );
    let code = agree(&lab, &noras, 7);
    let (_, outcome) = come_back(
        &app,
        &format!("state={}&code={code}", field(&marcus, "state")),
    )
    .await;
    assert_eq!(outcome.as_deref(), Some("refused"));
    assert_eq!(rows(&app).await, []);
    // An account that is another coach's is refused too.
    connect(&app, &lab, &app.coach("nora"), 7).await;
    let query = set_out(&app.coach("marcus")).await;
    let code = agree(&lab, &query, 7);
    let (_, outcome) = come_back(
        &app,
        &format!("state={}&code={code}", field(&query, "state")),
    )
    .await;
    assert_eq!(outcome.as_deref(), Some("conflict"));
    assert_eq!(only(&app).await.coach_id, app.profile("nora").await.id);
    edit(&app, |row| row.failures = 0).await;
    app.finish().await;
}

async fn rights_that_ended_on_the_way_end_it(on: On) {
    let lab = Lab::start().await;
    let app = lab.setup().start(on).await;
    let query = set_out(&app.coach("nora")).await;
    let code = agree(&lab, &query, 7);
    let mut nora = app.user("nora").await.into_active_model();
    nora.suspended_at = sea_orm::Set(Some(app.now()));
    nora.update(app.db().write_one())
        .await
        .expect("the row is there");
    let (_, outcome) = come_back(
        &app,
        &format!("state={}&code={code}", field(&query, "state")),
    )
    .await;
    assert_eq!(outcome.as_deref(), Some("refused"));
    assert_eq!((rows(&app).await.len(), lab.calls("token")), (0, 0));
    app.finish().await;
}
