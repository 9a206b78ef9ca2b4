//! Addresses: whose they are, and when they count.

use std::time::{Duration, Instant};

use courtside::domain::identity::{Identity, LOCAL_ISSUER};
use entity::booking::{self, Column};
use entity::user::{self, Role};
use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder};
use serde_json::json;
use simulators::clerk::{Options, StandIn, Subject};
use simulators::{Fault, Kind};
use tests::{Actor, On, Scratch, Setup, TestApp, at, both, both_bare, clerk, process};

use crate::booking::{create, id_of};

both![
    an_unverified_address_books_nothing,
    a_token_without_the_claims_books_nothing_and_is_told_which,
    an_address_that_was_verified_before_still_counts,
    only_ascii_letters_are_compared_without_case,
];
both_bare![
    an_address_that_the_token_lacks_is_read_from_clerk_once,
    clerk_out_of_reach_stops_only_who_needs_it,
];

/// Somebody new whose token says this of their address.
fn somebody<'a>(app: &'a TestApp, email: Option<&str>, verified: Option<bool>) -> Actor<'a> {
    let identity = Identity {
        email: email.map(str::to_owned),
        email_verified: verified,
        name: Some("Some Body".to_owned()),
        ..app.identity("somebody", String::new(), Role::Client)
    };
    app.bearer(&app.sign(&identity))
}

async fn refused_for(actor: &Actor<'_>, order: &serde_json::Value) -> String {
    let answer = create(actor, order).await;
    assert_eq!(answer.user_errors(), ["EMAIL_NOT_VERIFIED"]);
    answer.text("/createBooking/userErrors/0/message")
}

async fn an_unverified_address_books_nothing(app: &TestApp) {
    let order = app
        .offer("nora", "coaching-60")
        .await
        .order(at("2026-11-25T15:00:00Z"));
    let before = app.bookings().await;
    let email = Some("ceo@courtside.example");
    let message = refused_for(&somebody(app, email, Some(false)), &order).await;
    assert!(message.contains("verify"), "{message}");
    assert_eq!(app.bookings().await, before);
    // The same person, verified since, with the same key.
    let id = id_of(&create(&somebody(app, email, Some(true)), &order).await);
    assert_eq!(app.booking(&id).await.client_email.as_deref(), email);
    app.run_jobs().await;
}

async fn a_token_without_the_claims_books_nothing_and_is_told_which(app: &TestApp) {
    let order = app
        .offer("nora", "coaching-60")
        .await
        .order(at("2026-11-25T15:00:00Z"));
    let message = refused_for(&somebody(app, None, None), &order).await;
    assert!(
        message.contains("`email`") && message.contains("CLERK_SECRET_KEY"),
        "{message}"
    );
    let silent = somebody(app, Some("some@courtside.example"), None);
    let message = refused_for(&silent, &order).await;
    assert!(message.contains("no claim `email_verified`"), "{message}");
}

async fn an_address_that_was_verified_before_still_counts(app: &TestApp) {
    let order = app
        .offer("nora", "coaching-60")
        .await
        .order(at("2026-11-25T15:00:00Z"));
    let email = Some("some@courtside.example");
    somebody(app, email, Some(true))
        .gql("{ viewer { user { id } } }", json!({}))
        .await
        .ok();
    let id = id_of(&create(&somebody(app, None, None), &order).await);
    assert_eq!(app.booking(&id).await.client_email.as_deref(), email);
    app.run_jobs().await;
    // Another address is another matter.
    let other = somebody(app, Some("other@courtside.example"), None);
    let order = app
        .offer("nora", "coaching-60")
        .await
        .order(at("2026-11-26T15:00:00Z"));
    refused_for(&other, &order).await;
}

/// U+212A is the Kelvin sign, which Unicode maps to `k`.
async fn only_ascii_letters_are_compared_without_case(app: &TestApp) {
    let waiting = booking::Entity::find()
        .order_by_asc(Column::Id)
        .one(app.db().read())
        .await
        .expect("the database answers")
        .expect("there are bookings");
    booking::Entity::update_many()
        .col_expr(Column::ClientId, Expr::value(None::<entity::Uuid>))
        .col_expr(Column::ClientEmail, Expr::value("kim@courtside.example"))
        .filter(Column::Id.eq(waiting.id))
        .exec(app.db().write_one())
        .await
        .expect("the row is sound");
    let owner = async || {
        let row = booking::Entity::find_by_id(waiting.id)
            .one(app.db().read())
            .await;
        row.expect("the database answers")
            .expect("it is there")
            .client_id
    };
    let me = "{ viewer { user { id } } }";
    app.person("\u{212A}im@courtside.example", Role::Client)
        .gql(me, json!({}))
        .await
        .ok();
    app.run_jobs().await;
    assert_eq!(owner().await, None);
    app.person("Kim@Courtside.Example", Role::Client)
        .gql(me, json!({}))
        .await
        .ok();
    app.run_jobs().await;
    let kim = user::Entity::find_by_verified_email("kim@courtside.example")
        .all(app.db().read())
        .await
        .expect("the database answers");
    assert_eq!(kim.len(), 1);
    assert_eq!(owner().await, Some(kim[0].id));
    assert_eq!(kim[0].issuer, LOCAL_ISSUER);
}

async fn with_directory(on: On) -> (TestApp, StandIn) {
    let clerk = clerk::start().await;
    let setup = Setup::default().clerk(&clerk).clerk_directory(&clerk);
    (setup.start(on).await, clerk)
}

async fn an_address_that_the_token_lacks_is_read_from_clerk_once(on: On) {
    let (app, stand_in) = with_directory(on).await;
    let offer = app.offer("nora", "coaching-60").await;
    let primary = ("Rosa@Example.com", true);
    stand_in.list(
        "user_rosa",
        ("Rosa", "Diaz"),
        &[primary, ("old@example.com", true)],
    );
    stand_in.list("user_max", ("Max", ""), &[("max@example.com", false)]);
    let rosa = app.bearer(&stand_in.token(&clerk::subject("user_rosa")));
    let id = id_of(&create(&rosa, &offer.order(at("2026-11-25T15:00:00Z"))).await);
    let booking = app.booking(&id).await;
    assert_eq!(booking.client_email.as_deref(), Some("rosa@example.com"));
    assert_eq!(booking.client_name, "Rosa Diaz");
    id_of(&create(&rosa, &offer.order(at("2026-11-25T17:00:00Z"))).await);
    assert_eq!(stand_in.reads(), 1, "it is kept with the account");

    // The token names an address without saying whether it is verified.
    let named = Subject {
        email: Some("old@example.com".to_owned()),
        ..clerk::subject("user_rosa")
    };
    let named = app.bearer(&stand_in.token(&named));
    let id = id_of(&create(&named, &offer.order(at("2026-11-26T15:00:00Z"))).await);
    let booking = app.booking(&id).await;
    assert_eq!(booking.client_email.as_deref(), Some("old@example.com"));
    let foreign = Subject {
        email: Some("ceo@example.com".to_owned()),
        ..clerk::subject("user_rosa")
    };
    let foreign = app.bearer(&stand_in.token(&foreign));
    let order = offer.order(at("2026-11-26T17:00:00Z"));
    refused_for(&foreign, &order).await;

    let max = app.bearer(&stand_in.token(&clerk::subject("user_max")));
    refused_for(&max, &order).await;
    let unknown = app.bearer(&stand_in.token(&clerk::subject("user_unknown")));
    refused_for(&unknown, &order).await;
    let before = stand_in.reads();
    let unverified = Subject {
        email: Some("rosa@example.com".to_owned()),
        email_verified: Some(false),
        ..clerk::subject("user_rosa")
    };
    let unverified = app.bearer(&stand_in.token(&unverified));
    refused_for(&unverified, &order).await;
    assert_eq!(stand_in.reads(), before, "what the token says is believed");
    app.run_jobs().await;
    app.finish().await;
}

async fn clerk_out_of_reach_stops_only_who_needs_it(on: On) {
    let (app, stand_in) = with_directory(on).await;
    let offer = app.offer("nora", "coaching-60").await;
    stand_in.list("user_rosa", ("Rosa", "Diaz"), &[("rosa@example.com", true)]);
    stand_in.list("user_max", ("Max", ""), &[("max@example.com", true)]);
    let rosa = app.bearer(&stand_in.token(&clerk::subject("user_rosa")));
    id_of(&create(&rosa, &offer.order(at("2026-11-25T15:00:00Z"))).await);
    stand_in
        .faults()
        .set(Fault::new("/v1/users/{id}", Kind::Hang));
    app.clock.advance(chrono::TimeDelta::minutes(11));
    let max = app.bearer(&stand_in.token(&clerk::subject("user_max")));
    let viewer = max.gql("{ viewer { user { displayName } } }", json!({}));
    assert_eq!(
        viewer.await.at("/viewer/user/displayName"),
        "New member",
        "signing in needs no address"
    );
    let begun = Instant::now();
    let order = offer.order(at("2026-11-25T17:00:00Z"));
    let refused = create(&max, &order).await;
    assert_eq!(
        refused.code(),
        Some("PROVIDER_UNAVAILABLE"),
        "{}",
        refused.data
    );
    assert!(begun.elapsed() < Duration::from_secs(8));
    // Known before, so the silence does not matter.
    id_of(&create(&rosa, &offer.order(at("2026-11-26T15:00:00Z"))).await);
    stand_in.faults().clear();
    app.run_jobs().await;
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_doctor_names_the_claims_and_checks_the_key() {
    let (scratch, stand_in) = (Scratch::new(), clerk::start().await);
    let url = format!("sqlite://{}", scratch.path().join("doctor.db").display());
    let issuer = stand_in.issuer();
    let run = async |key: &str| {
        let given = process::settings(&[
            ("DATABASE_URL", &url),
            ("ENVIRONMENT", "development"),
            ("CLERK_ISSUER", &issuer),
            ("CLERK_AUTHORIZED_PARTIES", stand_in.origin()),
            ("CLERK_API_URL", &issuer),
            ("CLERK_SECRET_KEY", key),
        ]);
        let output = process::courtside(&["doctor"], &given).await;
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        let line = said.lines().find(|line| line.contains("claims: "));
        let line = line.unwrap_or_else(|| panic!("{said}")).to_owned();
        for name in ["`email`", "`email_verified`", "`name`", "`zoneinfo`"] {
            assert!(key == "sk_wrong" || line.contains(name), "{line}");
        }
        assert!(key.is_empty() || !said.contains(key), "{said}");
        line
    };
    let without = run("").await;
    assert!(
        without.starts_with("ok") && without.contains("CLERK_SECRET_KEY"),
        "{without}"
    );
    let with = run(&Options::default().secret_key).await;
    assert!(
        with.starts_with("ok") && with.contains("read from Clerk"),
        "{with}"
    );
    let wrong = run("sk_wrong").await;
    assert!(
        wrong.starts_with("FAILED") && wrong.contains("unauthorized"),
        "{wrong}"
    );
}
