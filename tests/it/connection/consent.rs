//! Consent: a coach goes to Cal.com's page and comes back with a code.

use chrono::TimeDelta;
use entity::connection::Kind;
use http::{Method, StatusCode};
use sea_orm::{ActiveModelTrait as _, EntityTrait as _, IntoActiveModel as _};
use serde_json::json;
use simulators::cal_com::StandIn;
use tests::cal_com::OAUTH_CLIENT_ID;
use tests::{Actor, Answer, On, TestApp, both_bare};

use super::{ACCOUNT, TOKEN, calls, lend, only, rows, start};

both_bare![
    a_coach_connects_an_account_of_their_own,
    consent_of_somebody_else_does_not_connect_their_account,
    a_ticket_is_valid_once_and_expires,
    what_the_provider_reports_is_told_apart,
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

/// The browser of an account's owner goes to a consent page and comes back; the ticket it gets.
async fn consent(app: &TestApp, cal: &StandIn, page: &str, account: u64) -> String {
    let code = agree(cal, page, account).await;
    ticket(app, &format!("code={code}&state={}", field(page, "state"))).await
}

/// The browser comes back with a code; the ticket it gets.
async fn ticket(app: &TestApp, query: &str) -> String {
    let (status, outcome) = come_back(app, query).await;
    assert_eq!(status, StatusCode::SEE_OTHER);
    let outcome = outcome.expect("it is sent on");
    let ticket = outcome.strip_prefix("pending&ticket=");
    ticket.unwrap_or_else(|| panic!("{outcome}")).to_owned()
}

async fn finish(actor: &Actor<'_>, ticket: &str) -> Answer {
    actor
        .mutate("finishConnection", json!({ "ticket": ticket }), ACCOUNT)
        .await
}

/// A coach connects an account by consent.
pub(crate) async fn connect(app: &TestApp, cal: &StandIn, actor: &Actor<'_>, account: u64) {
    let page = set_out(actor).await;
    let ticket = consent(app, cal, &page, account).await;
    let done = finish(actor, &ticket).await;
    assert_eq!(done.user_errors(), Vec::<&str>::new());
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
    let ticket = ticket(&app, way.split_once('?').expect("a query").1).await;
    assert_eq!(
        (rows(&app).await.len(), calls(&cal, TOKEN)),
        (0, 0),
        "parked"
    );
    let done = finish(&app.coach("nora"), &ticket).await;
    assert_eq!(done.at("/finishConnection/account/health"), "OK");
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

/// Marcus sends the page that he was given to Nora, who consents with her account there.
async fn consent_of_somebody_else_does_not_connect_their_account(on: On) {
    let (cal, app) = start(on).await;
    let noras = add_owner(&cal);
    let (nora, marcus) = (app.coach("nora"), app.coach("marcus"));
    let page = set_out(&marcus).await;
    // In Nora's browser, where she is signed in as herself.
    let ticket = consent(&app, &cal, &page, noras).await;
    let refused = finish(&nora, &ticket).await;
    assert_eq!(refused.user_errors(), ["NOT_FOUND"]);
    // Were Marcus to learn the ticket later, it would be of no use.
    let refused = finish(&marcus, &ticket).await;
    assert_eq!(refused.user_errors(), ["NOT_FOUND"]);
    assert_eq!((rows(&app).await.len(), calls(&cal, TOKEN)), (0, 0));

    // Nora is not signed in: nobody finishes, and Marcus has nothing to finish with.
    let page = set_out(&marcus).await;
    consent(&app, &cal, &page, noras).await;
    for guess in ["", "guess", &field(&page, "state")] {
        assert_eq!(finish(&marcus, guess).await.user_errors(), ["NOT_FOUND"]);
    }
    let (status, _) = come_back(&app, &format!("code=x&state={}", field(&page, "state"))).await;
    assert_eq!(status, StatusCode::BAD_REQUEST, "the state was used");
    assert_eq!((rows(&app).await.len(), calls(&cal, TOKEN)), (0, 0));

    // Staff may begin for a coach, who finishes.
    let input =
        json!({ "redirectTo": BACK, "coachId": app.offer("nora", "coaching-60").await.coach_id() });
    let page = app
        .admin()
        .mutate("startConnection", input, "consentPage { authorizeUrl }")
        .await
        .text("/startConnection/consentPage/authorizeUrl");
    let ticket = consent(&app, &cal, &page, noras).await;
    let done = finish(&nora, &ticket).await;
    assert_eq!(done.user_errors(), Vec::<&str>::new());
    assert_eq!(only(&app).await.coach_id, app.profile("nora").await.id);
    app.finish().await;
}

async fn a_ticket_is_valid_once_and_expires(on: On) {
    let (cal, app) = start(on).await;
    let owner = add_owner(&cal);
    let nora = app.coach("nora");
    let page = set_out(&nora).await;
    let late = consent(&app, &cal, &page, owner).await;
    app.clock.advance(TimeDelta::minutes(5));
    assert_eq!(finish(&nora, &late).await.user_errors(), ["INVALID_STATE"]);
    assert_eq!(calls(&cal, TOKEN), 0);

    let page = set_out(&nora).await;
    let ticket = consent(&app, &cal, &page, owner).await;
    // A stranger to coaching cannot even ask.
    assert_eq!(
        finish(&app.client("maria"), &ticket).await.code(),
        Some("FORBIDDEN")
    );
    let all = futures_util::future::join_all((0..8).map(|_| finish(&nora, &ticket))).await;
    let done = all.iter().filter(|answer| answer.user_errors().is_empty());
    assert_eq!(done.count(), 1);
    assert_eq!(calls(&cal, TOKEN), 1);
    let attempts = entity::oauth_attempt::Entity::find()
        .all(app.db().read())
        .await
        .expect("the database answers");
    assert!(
        attempts.iter().all(|attempt| attempt.code.is_none()),
        "no code stays"
    );
    app.finish().await;
}

async fn what_the_provider_reports_is_told_apart(on: On) {
    let (cal, app) = start(on).await;
    let nora = app.coach("nora");
    for (query, expected) in [
        ("error=access_denied", "denied"),
        ("error=access_denied&code=x", "denied"),
        ("error=server_error", "failed"),
        ("error=temporarily_unavailable", "failed"),
        ("error=invalid_scope&error_description=no", "failed"),
        ("error=", "failed"),
        ("error=server_error&code=x", "failed"),
        ("code=", "failed"),
        ("", "failed"),
    ] {
        let page = set_out(&nora).await;
        let state = field(&page, "state");
        let (_, outcome) = come_back(&app, &format!("{query}&state={state}")).await;
        assert_eq!(outcome.as_deref(), Some(expected), "{query}");
    }
    let page = set_out(&nora).await;
    let state = field(&page, "state");
    for twice in [
        format!("state={state}&state={state}&code=x"),
        format!("state={state}&code=x&code=y"),
        format!("state={state}&error=a&error=b"),
    ] {
        let answer = browser()
            .get(app.url(&format!("/oauth/calcom?{twice}")))
            .send()
            .await
            .expect("it serves");
        assert_eq!(answer.status(), StatusCode::BAD_REQUEST, "{twice}");
        let body: serde_json::Value = answer.json().await.expect("our shape");
        assert_eq!(body, json!({ "code": "INVALID_QUERY" }));
    }
    assert_eq!((rows(&app).await.len(), calls(&cal, TOKEN)), (0, 0));
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
        "state=guess&code=x",
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
    let through = all.iter().filter(|(_, outcome)| {
        outcome
            .as_deref()
            .is_some_and(|outcome| outcome.starts_with("pending"))
    });
    assert_eq!(through.count(), 1, "{all:?}");
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
    let query = format!("state={}&code={code}", field(&marcus, "state"));
    let refused = finish(&app.coach("marcus"), &ticket(&app, &query).await).await;
    assert_eq!(refused.user_errors(), ["PROVIDER_REFUSED"]);
    assert_eq!(rows(&app).await, []);
    // An account that is another coach's is refused too.
    connect(&app, &cal, &app.coach("nora"), owner).await;
    let page = set_out(&app.coach("marcus")).await;
    let ticket = consent(&app, &cal, &page, owner).await;
    let refused = finish(&app.coach("marcus"), &ticket).await;
    assert_eq!(refused.user_errors(), ["INVALID_STATE"]);
    assert_eq!(only(&app).await.coach_id, app.profile("nora").await.id);
    app.finish().await;
}

async fn a_suspension_during_consent_ends_it(on: On) {
    let (cal, app) = start(on).await;
    let owner = add_owner(&cal);
    let query = set_out(&app.coach("nora")).await;
    let ticket = consent(&app, &cal, &query, owner).await;
    let mut nora = app.user("nora").await.into_active_model();
    nora.suspended_at = sea_orm::Set(Some(app.now()));
    nora.update(app.db().write_one())
        .await
        .expect("the row is there");
    let refused = finish(&app.coach("nora"), &ticket).await;
    assert_eq!(refused.code(), Some("FORBIDDEN"));
    assert_eq!((rows(&app).await.len(), calls(&cal, TOKEN)), (0, 0));
    app.finish().await;
}
