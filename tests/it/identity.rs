//! Who somebody is.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use courtside::domain::identity::TokenVerifier;
use courtside::graphql::id::Kind;
use entity::user::{self, Role};
use futures_util::future::join_all;
use providers::clerk::{Verifier, VerifierConfig};
use sea_orm::{ActiveModelTrait, EntityTrait, IntoActiveModel};
use serde::Deserialize;
use serde_json::{Value, json};
use tests::{Answer, On, Setup, TestApp, both, both_bare};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

both_bare![
    clerk_tokens_are_accepted_or_answered_with_401,
    twenty_concurrent_first_requests_make_one_account,
    the_role_comes_from_the_token,
    without_clerks_keys_tokens_are_answered_with_503,
];
both![
    bad_tokens_are_never_anonymous,
    a_suspended_person_is_refused_everything,
    staff_suspend_and_reinstate,
    an_admin_cannot_suspend_themselves,
    a_suspended_coach_leaves_the_directory,
];

/// `providers/fixtures/clerk-jwt.json`.
#[derive(Deserialize)]
struct Fixture {
    about: About,
    jwks: Value,
    vectors: Vec<Vector>,
}

#[derive(Deserialize)]
struct About {
    verifier: Settings,
}

#[derive(Deserialize)]
struct Settings {
    issuer: String,
    authorized_parties: Vec<String>,
}

#[derive(Deserialize)]
struct Vector {
    name: String,
    token: String,
    now: i64,
    expected: String,
    #[serde(default)]
    expected_claims: Value,
}

impl Fixture {
    fn load() -> Self {
        serde_json::from_str(include_str!("../../providers/fixtures/clerk-jwt.json"))
            .expect("the fixture has this shape")
    }

    fn vector(&self, name: &str) -> &Vector {
        self.vectors
            .iter()
            .find(|vector| vector.name == name)
            .expect("the fixture has a vector of this name")
    }
}

/// An application that trusts a Clerk of the test; returns how often its keys were fetched.
async fn with_clerk(on: On, status: u16) -> (TestApp, Fixture, Arc<AtomicUsize>) {
    let fixture = Fixture::load();
    let (url, asked) = serve_keys(status, fixture.jwks.to_string()).await;
    let Settings {
        issuer,
        authorized_parties,
    } = &fixture.about.verifier;
    let mut config = VerifierConfig::new(issuer, authorized_parties.clone());
    config.jwks_url = url;
    let tokens = TokenVerifier::Clerk {
        verifier: Arc::new(Verifier::try_new(config).expect("a sound configuration")),
        issuer: issuer.clone(),
        role_claim: "metadata.role".to_owned(),
    };
    let app = Setup::default().tokens(tokens).start(on).await;
    set_clock(&app, fixture.vector("v2 basic").now);
    (app, fixture, asked)
}

fn set_clock(app: &TestApp, seconds: i64) {
    app.clock
        .advance(chrono::TimeDelta::seconds(seconds - app.now().timestamp()));
}

/// Clerk's endpoint for its keys, on the loopback.
async fn serve_keys(status: u16, body: String) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0")
        .await
        .expect("a free loopback port");
    let url = format!(
        "http://{}/.well-known/jwks.json",
        listener.local_addr().expect("it is bound")
    );
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            count.fetch_add(1, Ordering::SeqCst);
            let mut request = [0; 4096];
            let _ = socket.read(&mut request).await;
            let head = format!(
                "HTTP/1.1 {status} x\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
                body.len()
            );
            let _ = socket.write_all((head + &body).as_bytes()).await;
        }
    });
    (url, asked)
}

const ME: &str = "{ viewer { user { id role displayName email } coach { id } } }";

async fn accounts(app: &TestApp) -> Vec<user::Model> {
    let all = user::Entity::find()
        .all(app.db().read())
        .await
        .expect("the database answers");
    all.into_iter()
        .filter(|user| user.subject.starts_with("user_"))
        .collect()
}

async fn clerk_tokens_are_accepted_or_answered_with_401(on: On) {
    let (app, fixture, asked) = with_clerk(on, 200).await;
    let (mut good, mut bad) = (0, 0);
    for vector in &fixture.vectors {
        // What no header can carry is never sent.
        if vector.token.is_empty()
            || !vector
                .token
                .bytes()
                .all(|byte| byte.is_ascii_graphic() || byte == b' ')
        {
            continue;
        }
        set_clock(&app, vector.now);
        let answer = app.bearer(&vector.token).gql(ME, json!({})).await;
        if vector.expected == "valid" {
            good += 1;
            assert_eq!(answer.status, 200, "{}: {:?}", vector.name, answer.errors);
            assert_ne!(answer.at("/viewer"), &Value::Null, "{}", vector.name);
            let subject = vector.expected_claims["sub"].as_str();
            assert!(
                accounts(&app)
                    .await
                    .iter()
                    .any(|user| Some(user.subject.as_str()) == subject),
                "{}",
                vector.name
            );
        } else {
            bad += 1;
            let before = accounts(&app).await;
            assert_eq!(answer.status, 401, "{}: {}", vector.name, answer.data);
            assert_eq!(answer.code(), Some("UNAUTHENTICATED"), "{}", vector.name);
            assert!(answer.data.is_null(), "{}", vector.name);
            let asks = answer
                .headers
                .get("www-authenticate")
                .and_then(|value| value.to_str().ok());
            assert!(
                asks.is_some_and(|asks| asks.starts_with("Bearer")),
                "{}: {asks:?}",
                vector.name
            );
            assert_eq!(accounts(&app).await, before, "{}", vector.name);
        }
    }
    assert!(
        good >= 13 && bad >= 60,
        "{good} good and {bad} bad tokens were sent"
    );
    assert!(asked.load(Ordering::SeqCst) < 10, "the keys are kept");
    app.run_jobs().await;
    app.finish().await;
}

async fn twenty_concurrent_first_requests_make_one_account(on: On) {
    let (app, fixture, _) = with_clerk(on, 200).await;
    let actor = app.bearer(&fixture.vector("v2 basic").token);
    let answers = join_all((0..20).map(|_| actor.gql(ME, json!({})))).await;
    let ids: Vec<_> = answers
        .iter()
        .map(|answer| answer.text("/viewer/user/id"))
        .collect();
    assert!(ids.iter().all(|id| *id == ids[0]), "{ids:?}");
    let made = accounts(&app).await;
    assert_eq!(made.len(), 1);
    assert_eq!(
        (made[0].role, made[0].email.as_deref()),
        (Role::Client, None)
    );
    app.run_jobs().await;
    app.finish().await;
}

async fn the_role_comes_from_the_token(on: On) {
    let (app, fixture, _) = with_clerk(on, 200).await;
    let as_client = app
        .bearer(&fixture.vector("v2 basic").token)
        .gql(ME, json!({}))
        .await;
    assert_eq!(as_client.at("/viewer/user/role"), "CLIENT");
    assert_eq!(as_client.at("/viewer/coach"), &Value::Null);
    // The same person, whose token now says more.
    let token = &fixture.vector("custom claims").token;
    let as_coach = app.bearer(token).gql(ME, json!({})).await;
    assert_eq!(
        as_coach.at("/viewer/user/id"),
        as_client.at("/viewer/user/id")
    );
    assert_eq!(as_coach.at("/viewer/user/role"), "COACH");
    assert_eq!(as_coach.at("/viewer/user/email"), "coach@example.com");
    assert_ne!(
        as_coach.at("/viewer/coach"),
        &Value::Null,
        "a coach has a profile"
    );
    let not_public = app
        .visitor()
        .gql("{ coaches(first: 50) { totalCount } }", json!({}))
        .await;
    assert_eq!(
        not_public.at("/coaches/totalCount"),
        7,
        "it is not listed before the coach wants it"
    );
    app.run_jobs().await;
    app.finish().await;
}

async fn without_clerks_keys_tokens_are_answered_with_503(on: On) {
    let (app, fixture, _) = with_clerk(on, 500).await;
    let answer = app
        .bearer(&fixture.vector("v2 basic").token)
        .gql(ME, json!({}))
        .await;
    assert_eq!(answer.status, 503, "{:?}", answer.errors);
    assert!(accounts(&app).await.is_empty());
    assert!(
        app.visitor()
            .gql("{ specialties }", json!({}))
            .await
            .at("/specialties")
            .is_array(),
        "visitors go on"
    );
    app.finish().await;
}

async fn bad_tokens_are_never_anonymous(app: &TestApp) {
    let good = app
        .client("maria")
        .token()
        .expect("she has signed in")
        .to_owned();
    let (head, tail) = good.split_at(good.len() - 2);
    let flipped = format!("{head}{}", if tail == "AA" { "BB" } else { "AA" });
    for token in [
        "x",
        "a.b.c",
        &flipped,
        &good.to_uppercase(),
        "null",
        "undefined",
    ] {
        let answer = app.bearer(token).gql("{ specialties }", json!({})).await;
        assert_eq!(
            (answer.status.as_u16(), answer.code()),
            (401, Some("UNAUTHENTICATED")),
            "{token}"
        );
        assert!(answer.headers.contains_key("www-authenticate"), "{token}");
    }
    for header in ["Basic bWFyaWE6eA==", "Bearer", "Bearer a b", "bearer"] {
        let request = app
            .visitor()
            .request(http::Method::POST, "/graphql")
            .header("authorization", header);
        let response = request
            .json(&json!({ "query": "{ specialties }" }))
            .send()
            .await
            .expect("it serves");
        assert_eq!(response.status(), 401, "{header}");
    }
    app.clock.advance(chrono::TimeDelta::hours(240));
    let answer = app.bearer(&good).gql("{ specialties }", json!({})).await;
    assert_eq!(answer.status, 401, "expired");
}

async fn a_suspended_person_is_refused_everything(app: &TestApp) {
    let maria = app.client("maria");
    let mut row = app.user("maria").await.into_active_model();
    row.suspended_at = sea_orm::Set(Some(app.now()));
    row.update(app.db().write_one())
        .await
        .expect("the row is there");
    assert_eq!(maria.gql(ME, json!({})).await.code(), Some("FORBIDDEN"));
    let order = app
        .offer("nora", "coaching-60")
        .await
        .order(tests::at("2026-11-25T14:00:00Z"));
    assert_eq!(
        crate::booking::create(&maria, &order).await.code(),
        Some("FORBIDDEN")
    );
    assert!(
        maria
            .gql("{ specialties }", json!({}))
            .await
            .at("/specialties")
            .is_array(),
        "what anyone may see stays"
    );
}

async fn staff_suspend_and_reinstate(app: &TestApp) {
    let (maria, admin) = (app.client("maria"), app.admin());
    let id = maria.gql(ME, json!({})).await.text("/viewer/user/id");
    for (mutation, code) in [("suspendUser", Some("FORBIDDEN")), ("reinstateUser", None)] {
        let refused = app
            .coach("nora")
            .mutate(mutation, json!({ "userId": id }), "user { id }")
            .await;
        assert_eq!(refused.code(), Some("FORBIDDEN"), "only staff may");
        let done = admin
            .mutate(mutation, json!({ "userId": id }), "user { id isSuspended }")
            .await;
        assert_eq!(
            done.at(&format!("/{mutation}/user/isSuspended")),
            &json!(code.is_some())
        );
        assert_eq!(maria.gql(ME, json!({})).await.code(), code);
    }
}

async fn an_admin_cannot_suspend_themselves(app: &TestApp) {
    let admin = app.admin();
    let id = admin.gql(ME, json!({})).await.text("/viewer/user/id");
    let input = json!({ "userId": id });
    let refused = admin
        .mutate("suspendUser", input.clone(), "user { id }")
        .await;
    assert_eq!(refused.user_errors(), ["INVALID_STATE"]);
    assert_eq!(admin.gql(ME, json!({})).await.code(), None);
    let harmless = admin.mutate("reinstateUser", input, "user { id }").await;
    assert_eq!(harmless.user_errors(), Vec::<&str>::new());
}

async fn a_suspended_coach_leaves_the_directory(app: &TestApp) {
    let (nora, admin) = (app.coach("nora"), app.admin());
    let coach = json!({ "id": Kind::Coach.id(app.offer("nora", "coaching-60").await.coach.id) });
    let listed = |answer: Answer| {
        answer
            .at("/coaches/nodes")
            .as_array()
            .expect("a list")
            .contains(&coach)
    };
    let id = nora.gql(ME, json!({})).await.text("/viewer/user/id");
    let coaches = "{ coaches(first: 100) { nodes { id } } }";
    assert!(listed(app.visitor().gql(coaches, json!({})).await));
    admin
        .mutate("suspendUser", json!({ "userId": id }), "user { id }")
        .await;
    assert!(!listed(app.visitor().gql(coaches, json!({})).await));
    admin
        .mutate("reinstateUser", json!({ "userId": id }), "user { id }")
        .await;
    assert!(
        !listed(app.visitor().gql(coaches, json!({})).await),
        "coming back is a decision of its own"
    );
}
