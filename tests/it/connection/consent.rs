//! Consent: a coach goes to Cal.com's page and comes back with a code.

use chrono::TimeDelta;
use entity::connection::Kind;
use http::{Method, StatusCode};
use sea_orm::{ActiveModelTrait as _, IntoActiveModel as _};
use serde_json::json;
use simulators::cal_com::StandIn;
use tests::cal_com::OAUTH_CLIENT_ID;
use tests::{Actor, On, TestApp, both_bare};

use super::{TOKEN, calls, edit, lend, only, rows, start};

both_bare![
    a_coach_connects_an_account_of_their_own,
    a_state_is_valid_once_and_expires,
    only_allowed_redirects_are_accepted,
    a_code_of_another_attempt_is_refused,
    a_suspension_during_consent_ends_it,
];

const BACK: &str = "https://app.example.com/settings?tab=calendar";

/// The page that the coach is sent to.
async fn set_out(actor: &Actor<'_>) -> String {
    let answer = actor
        .mutate(
            "startConnection",
            json!({ "redirectTo": BACK }),
            "consentPage { authorizeUrl expiresAt }",
        )
        .await;
    let url = answer.text("/startConnection/consentPage/authorizeUrl");
    assert!(url.contains("/auth/oauth2/authorize?"), "{url}");
    url
}

/// A parameter of an address.
fn field(url: &str, name: &str) -> String {
    let query = url.split_once('?').map_or(url, |(_, query)| query);
    let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    pairs
        .find(|(known, _)| *known == name)
        .unwrap_or_else(|| panic!("no {name} in {url}"))
        .1
        .to_owned()
}

fn browser() -> reqwest::Client {
    reqwest::Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .expect("nothing of the machine is needed")
}

/// An account that nobody has connected yet.
pub(crate) fn add_owner(cal: &StandIn) -> u64 {
    let number = cal.users().len();
    let email = format!("owner-{number}@home.example");
    cal.add_account("Owner", &email, "UTC").0
}

/// The owner of an account agrees on Cal.com's page; returns the code that the browser is sent back
/// with.
async fn agree(cal: &StandIn, page: &str, account: u64) -> String {
    cal.sign_in(account);
    let answer = browser().get(page).send().await.expect("it serves");
    let back = &answer.headers()["location"];
    field(back.to_str().expect("an address"), "code")
}

/// The browser comes back; the outcome, if it is sent on, and the status.
async fn come_back(app: &TestApp, query: &str) -> (StatusCode, Option<String>) {
    let answer = browser()
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

/// A coach connects an account by consent.
pub(crate) async fn connect(app: &TestApp, cal: &StandIn, actor: &Actor<'_>, account: u64) {
    let query = set_out(actor).await;
    let code = agree(cal, &query, account).await;
    let (_, outcome) = come_back(
        app,
        &format!("code={code}&state={}", field(&query, "state")),
    )
    .await;
    assert_eq!(outcome.as_deref(), Some("connected"));
}

async fn a_coach_connects_an_account_of_their_own(on: On) {
    let (cal, app) = start(on).await;
    let owner = add_owner(&cal);
    let query = set_out(&app.coach("nora")).await;
    assert_eq!(
        (
            field(&query, "client_id"),
            field(&query, "code_challenge_method")
        ),
        (OAUTH_CLIENT_ID.into(), "S256".into())
    );
    let code = agree(&cal, &query, owner).await;
    let way = format!("/oauth/calcom?code={code}&state={}", field(&query, "state"));
    // A link preview, which sends HEAD, does not use it up.
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
        (
            Kind::OAuth,
            owner.to_string().as_str(),
            app.profile("nora").await.id
        )
    );
    lend(&app, &row).await.expect("its token works");
    app.finish().await;
}

async fn a_state_is_valid_once_and_expires(on: On) {
    let (cal, app) = start(on).await;
    let owner = add_owner(&cal);
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
    let code = agree(&cal, &query, owner).await;
    let (status, outcome) = come_back(&app, &format!("state={state}&code={code}")).await;
    assert_eq!(
        (status, outcome),
        (StatusCode::BAD_REQUEST, None),
        "it was used"
    );

    let query = set_out(&nora).await;
    let code = agree(&cal, &query, owner).await;
    app.clock.advance(TimeDelta::minutes(11));
    let (_, outcome) = come_back(
        &app,
        &format!("state={}&code={code}", field(&query, "state")),
    )
    .await;
    assert_eq!(outcome.as_deref(), Some("expired"));
    assert_eq!((rows(&app).await.len(), calls(&cal, TOKEN)), (0, 0));

    // Of many that come at once with the same state one gets through.
    let query = set_out(&nora).await;
    let code = agree(&cal, &query, owner).await;
    let way = format!("state={}&code={code}", field(&query, "state"));
    let all = futures_util::future::join_all((0..8).map(|_| come_back(&app, &way))).await;
    assert_eq!(
        all.iter()
            .filter(|(_, outcome)| outcome.as_deref() == Some("connected"))
            .count(),
        1,
        "{all:?}"
    );
    assert_eq!(calls(&cal, TOKEN), 1);
    app.finish().await;
}

async fn only_allowed_redirects_are_accepted(on: On) {
    let (_cal, app) = start(on).await;
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

/// Somebody uses the code of their own account in another person's flow, or the other way round.
async fn a_code_of_another_attempt_is_refused(on: On) {
    let (cal, app) = start(on).await;
    let owner = add_owner(&cal);
    let (noras, marcus) = (
        set_out(&app.coach("nora")).await,
        set_out(&app.coach("marcus")).await,
    );
    let code = agree(&cal, &noras, owner).await;
    let (_, outcome) = come_back(
        &app,
        &format!("state={}&code={code}", field(&marcus, "state")),
    )
    .await;
    assert_eq!(outcome.as_deref(), Some("refused"));
    assert_eq!(rows(&app).await, []);
    // An account that is another coach's is refused too.
    connect(&app, &cal, &app.coach("nora"), owner).await;
    let query = set_out(&app.coach("marcus")).await;
    let code = agree(&cal, &query, owner).await;
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

async fn a_suspension_during_consent_ends_it(on: On) {
    let (cal, app) = start(on).await;
    let owner = add_owner(&cal);
    let query = set_out(&app.coach("nora")).await;
    let code = agree(&cal, &query, owner).await;
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
    assert_eq!((rows(&app).await.len(), calls(&cal, TOKEN)), (0, 0));
    app.finish().await;
}
