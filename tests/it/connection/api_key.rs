//! Accounts that coaches connect with an API key.

use chrono::TimeDelta;
use courtside::domain::connection::CredentialError;
use entity::connection::{Health, Kind, Model};
use providers::cal_com::Credential;
use sea_orm::{ActiveModelTrait as _, EntityTrait as _, IntoActiveModel as _};
use serde_json::json;
use simulators::cal_com::StandIn;
use tests::{On, TestApp, both_bare};

use super::{
    ACCOUNT, ME, calls, connect_with_key, lend, observed, only, provision, refusal, report, rows,
    start,
};

both_bare![
    an_api_key_is_verified_before_it_is_stored,
    an_account_belongs_to_one_coach,
    an_observed_account_is_taken_over_on_connecting,
];

async fn rotate_key(cal: &StandIn, key: &str) {
    let request = reqwest::Client::new()
        .post(format!("{}/v2/api-keys/refresh", cal.url()))
        .bearer_auth(key);
    let answer = request.send().await.expect("it serves");
    assert!(answer.status().is_success(), "{answer:?}");
}

async fn an_api_key_is_verified_before_it_is_stored(on: On) {
    let (cal, app) = start(on).await;
    let nora = app.coach("nora");
    for bad in ["", "cal_", "secret", "cal_with space", "cal_ümlaut"] {
        let answer = connect_with_key(&nora, bad).await;
        assert_eq!(refusal(&answer), "INVALID", "{bad}");
    }
    assert_eq!(calls(&cal, ME), 0, "what is no key is not sent anywhere");
    assert_eq!(
        refusal(&connect_with_key(&nora, "cal_unknown").await),
        "INVALID"
    );
    assert_eq!(rows(&app).await, []);
    let (user, key) = cal.add_account("Nora", "nora@home.example", "UTC");
    let answer = connect_with_key(&nora, &format!(" {key} ")).await;
    assert_eq!(
        answer.at("/connectWithApiKey/account/kind"),
        "API_KEY",
        "{answer:?}"
    );
    let row = only(&app).await;
    assert_eq!(
        (
            row.external_id.as_str(),
            row.access_expires_at,
            row.refresh_token.is_none()
        ),
        (user.to_string().as_str(), None, true)
    );
    lend(&app, &row).await.expect("the key works");
    assert_eq!(
        refusal(&provision(&nora).await),
        "INVALID_STATE",
        "one account at a time"
    );

    rotate_key(&cal, &key).await;
    breaks_after_two_refusals(&app, &row).await;
    let listed = nora
        .gql(
            "{ viewer { coach { connectedAccounts { health action } } } }",
            json!({}),
        )
        .await;
    let expected = json!({ "health": "BROKEN", "action": "REPLACE_KEY" });
    assert_eq!(*listed.at("/viewer/coach/connectedAccounts/0"), expected);
    app.finish().await;
}

/// One refusal may be a mishap; two, apart from each other, are proof.
async fn breaks_after_two_refusals(app: &TestApp, row: &Model) {
    for (refusals, health) in [(1, Health::Ok), (2, Health::Broken)] {
        let lent = lend(app, row).await.expect("it is not broken yet");
        let client = app.app.cal_com.as_ref().expect("it is set up");
        let error = client
            .get_me(&Credential::api_key(lent.token.clone()))
            .await
            .expect_err("the key is gone");
        report(app, &lent, &error).await;
        report(app, &lent, &error).await;
        assert_eq!(
            (only(app).await.failures, only(app).await.health),
            (refusals, health)
        );
        app.clock.advance(TimeDelta::minutes(1));
    }
    assert!(matches!(
        lend(app, row).await,
        Err(CredentialError::Broken(_))
    ));
}

async fn an_account_belongs_to_one_coach(on: On) {
    let (cal, app) = start(on).await;
    let (user, one) = cal.add_account("Nora", "nora@home.example", "UTC");
    let two = cal.add_key(user);
    assert_eq!(
        refusal(&connect_with_key(&app.coach("nora"), &one).await),
        ""
    );
    let before = only(&app).await;
    assert_eq!(
        refusal(&connect_with_key(&app.coach("marcus"), &one).await),
        "INVALID_STATE"
    );
    assert_eq!(only(&app).await, before, "nothing has changed");
    // The same account again, with a new key, is the same connection.
    assert_eq!(
        refusal(&connect_with_key(&app.coach("nora"), &two).await),
        ""
    );
    let after = only(&app).await;
    assert_eq!(
        (after.id, after.token_version),
        (before.id, before.token_version + 1)
    );
    let input = json!({ "connectionId": format!("connection_{}", after.id.simple()) });
    let answer = app
        .coach("marcus")
        .mutate("disconnectAccount", input, ACCOUNT)
        .await;
    assert_eq!(refusal(&answer), "NOT_FOUND");
    assert!(only(&app).await.is_live());
    app.finish().await;
}

async fn an_observed_account_is_taken_over_on_connecting(on: On) {
    let (cal, app) = start(on).await;
    let (user, key) = cal.add_account("Somebody", "somebody@home.example", "UTC");
    // As webhooks leave it behind: a profile without a user, with two event types whose slugs nora
    // has too.
    let mut ghost = app.profile("priya").await;
    (ghost.id, ghost.user_id, ghost.handle) = (entity::new_id(), None, "coach-ghost".to_owned());
    let ghost = ghost
        .into_active_model()
        .reset_all()
        .insert(app.db().write_one())
        .await
        .expect("a sound row");
    let same = ghost_offer(&app, ghost.id, "coaching-60", "9").await;
    let other = ghost_offer(&app, ghost.id, "intro-20", "10").await;
    // One of nora's is linked to another event type there already.
    let linked = |row: &mut entity::event_type::Model| {
        (row.provider, row.provider_event_type_id) =
            (Some("calcom".to_owned()), Some("77".to_owned()));
    };
    app.edit_offer(&app.offer("nora", "intro-20").await, linked)
        .await;
    let observed = observed(&app, ghost.id, &user.to_string());
    let observed = observed
        .into_active_model()
        .reset_all()
        .insert(app.db().write_one())
        .await
        .expect("a sound row");

    assert_eq!(
        refusal(&connect_with_key(&app.coach("nora"), &key).await),
        ""
    );
    let (row, nora) = (only(&app).await, app.profile("nora").await);
    assert_eq!(
        (row.id, row.coach_id, row.kind),
        (observed.id, nora.id, Kind::ApiKey)
    );
    let find = async |id| {
        let found = entity::event_type::Entity::find_by_id(id)
            .one(app.db().read())
            .await;
        found
            .expect("the database answers")
            .expect("it is still there")
    };
    let own = app.offer("nora", "coaching-60").await.event_type;
    assert_eq!(
        own.provider_event_type_id.as_deref(),
        Some("9"),
        "the same slug, the same offer"
    );
    let left = find(same).await;
    assert_eq!(
        (left.coach_id, left.provider_event_type_id),
        (ghost.id, None)
    );
    assert_eq!(left.visibility, entity::event_type::Visibility::Archived);
    let moved = find(other).await;
    assert_eq!(
        (moved.coach_id, moved.provider_event_type_id.as_deref()),
        (nora.id, Some("10"))
    );
    assert!(moved.slug.starts_with("intro-20-"), "{}", moved.slug);
    app.finish().await;
}

/// An event type that was imported from a webhook, like one of priya's. Returns its id.
async fn ghost_offer(
    app: &TestApp,
    coach_id: entity::Uuid,
    slug: &str,
    external_id: &str,
) -> entity::Uuid {
    let mut offer = app.offer("priya", slug).await.event_type;
    (offer.id, offer.coach_id) = (entity::new_id(), coach_id);
    (offer.provider, offer.provider_event_type_id) =
        (Some("calcom".to_owned()), Some(external_id.to_owned()));
    offer.schedule_id = None;
    offer
        .into_active_model()
        .reset_all()
        .insert(app.db().write_one())
        .await
        .expect("a sound row")
        .id
}
