//! The application registers its webhook by itself, once for each account, with a secret that only
//! both sides know.

use chrono::TimeDelta;
use entity::webhook_registration;
use sea_orm::EntityTrait;
use serde_json::{Value, json};
use simulators::cal_com::Scope;
use tests::cal_com::{CLIENT_ID, CLIENT_SECRET, signature};
use tests::{On, both_bare};

use super::fixture::Fixture;
use super::migration::{connected, get, migrated, unwired};

both_bare![
    one_webhook_is_registered_and_repaired_and_its_signature_accepted,
    a_rotated_secret_is_used_and_the_previous_one_still_accepted,
    only_staff_choose_triggers,
    managed_accounts_share_one_webhook,
];

/// Runs the jobs that check registrations.
pub(super) async fn look(fixture: &Fixture) {
    courtside::domain::scheduling::webhooks::ensure_checks(&fixture.app.app)
        .await
        .expect("the database answers");
    fixture.app.run_jobs().await;
}

async fn hooks(fixture: &Fixture) -> Vec<Value> {
    let all = get(fixture, "/v2/webhooks", "2024-08-13").await;
    all["data"].as_array().cloned().unwrap_or_default()
}

/// Where the only webhook at Cal.com arrives.
fn address(fixture: &Fixture) -> String {
    let hooks = fixture.cal.webhooks();
    assert_eq!(hooks.len(), 1, "{hooks:?}");
    let path = hooks[0].url.strip_prefix(&fixture.app.app.public_url);
    fixture.app.url(path.expect("an address of ours"))
}

/// The status that a delivery signed with a secret is answered with.
pub(super) async fn delivered(fixture: &Fixture, url: &str, secret: &str) -> u16 {
    let body = format!(
        r#"{{"triggerEvent":"PING","createdAt":"{}","payload":{{}}}}"#,
        fixture.app.now().to_rfc3339()
    );
    let signature = signature(secret, body.as_bytes());
    let request = reqwest::Client::new()
        .post(url)
        .header("content-type", "application/json")
        .header("x-cal-signature-256", signature)
        .body(body);
    request.send().await.expect("it serves").status().as_u16()
}

async fn one_webhook_is_registered_and_repaired_and_its_signature_accepted(on: On) {
    let fixture = migrated(on).await;
    look(&fixture).await;
    look(&fixture).await;
    let found = hooks(&fixture).await;
    assert_eq!(found.len(), 1, "{found:?}");
    let url = address(&fixture);
    let own = url.strip_prefix(&fixture.app.url("/webhooks/calcom/"));
    assert!(
        own.is_some_and(|id| id.parse::<entity::Uuid>().is_ok()),
        "{url}"
    );
    let secret = found[0]["secret"].as_str().expect("a secret").to_owned();
    assert_eq!(secret.len(), 64, "32 random bytes");
    assert_eq!(delivered(&fixture, &url, &secret).await, 200);
    assert_eq!(delivered(&fixture, &url, "somebody else's").await, 401);
    let rows = webhook_registration::Entity::find()
        .all(fixture.app.db().read())
        .await
        .expect("the database answers");
    assert!(
        rows.len() == 1 && !rows[0].secret.contains(&secret),
        "it is sealed"
    );

    // Somebody switches it off there, and removes triggers.
    let id = found[0]["id"].as_str().expect("an id");
    let request = reqwest::Client::new().patch(format!("{}/v2/webhooks/{id}", fixture.cal.url()));
    let off = json!({ "active": false, "triggers": ["BOOKING_CREATED"] });
    request
        .bearer_auth(&fixture.api_key)
        .json(&off)
        .send()
        .await
        .expect("it serves");
    fixture.advance(TimeDelta::hours(25));
    fixture.app.run_jobs().await;
    let mended = hooks(&fixture).await;
    assert_eq!(mended.len(), 1);
    assert_eq!(mended[0]["active"], true);
    assert!(
        mended[0]["triggers"]
            .as_array()
            .is_some_and(|triggers| triggers.len() > 5),
        "{mended:?}"
    );
    fixture.app.finish().await;
}

async fn a_rotated_secret_is_used_and_the_previous_one_still_accepted(on: On) {
    let fixture = connected(on).await;
    look(&fixture).await;
    let admin = fixture.app.admin();
    let old = hooks(&fixture).await[0]["secret"]
        .as_str()
        .expect("a secret")
        .to_owned();
    let all = admin
        .gql(
            "{ admin { webhookRegistrations { id scope isRegistered } } }",
            json!({}),
        )
        .await;
    assert_eq!(
        all.at("/admin/webhookRegistrations/0/scope"),
        "USER",
        "{all:?}"
    );
    let input = json!({ "webhookRegistrationId": all.at("/admin/webhookRegistrations/0/id") });
    let done = admin
        .mutate(
            "rotateWebhookSecret",
            input.clone(),
            "webhookRegistration { id }",
        )
        .await;
    assert_eq!(done.user_errors(), Vec::<&str>::new(), "{done:?}");
    let new = hooks(&fixture).await[0]["secret"]
        .as_str()
        .expect("a secret")
        .to_owned();
    assert_ne!(old, new);
    let url = address(&fixture);
    assert_eq!(
        (
            delivered(&fixture, &url, &new).await,
            delivered(&fixture, &url, &old).await
        ),
        (200, 200)
    );
    fixture.advance(TimeDelta::hours(25));
    fixture.app.run_jobs().await;
    let gone = admin
        .mutate("deleteWebhook", input, "webhookRegistration { id }")
        .await;
    assert_eq!(gone.user_errors(), Vec::<&str>::new(), "{gone:?}");
    assert_eq!(hooks(&fixture).await.len(), 0);
    assert_eq!(
        (
            delivered(&fixture, &url, &new).await,
            delivered(&fixture, &url, &old).await
        ),
        (404, 404),
        "the address is gone"
    );
    fixture.app.finish().await;
}

async fn only_staff_choose_triggers(on: On) {
    let fixture = connected(on).await;
    look(&fixture).await;
    let admin = fixture.app.admin();
    let all = admin
        .gql("{ admin { webhookRegistrations { id } } }", json!({}))
        .await;
    let id = all.at("/admin/webhookRegistrations/0/id").clone();
    let input = |triggers: Value| json!({ "webhookRegistrationId": id, "triggers": triggers });
    let chosen = input(json!(["BOOKING_CREATED", "BOOKING_CANCELLED"]));
    let coach = fixture
        .app
        .coach("nora")
        .mutate(
            "setWebhookTriggers",
            chosen.clone(),
            "webhookRegistration { id }",
        )
        .await;
    assert_eq!(coach.refusal().as_deref(), Some("FORBIDDEN"));
    for wrong in [json!([]), json!(["BOOKING_COMPLETED"])] {
        let refused = admin
            .mutate(
                "setWebhookTriggers",
                input(wrong),
                "webhookRegistration { id }",
            )
            .await;
        assert_eq!(refused.user_errors(), ["INVALID"]);
    }
    let done = admin
        .mutate(
            "setWebhookTriggers",
            chosen,
            "webhookRegistration { triggers }",
        )
        .await;
    assert_eq!(done.user_errors(), Vec::<&str>::new(), "{done:?}");
    let there = hooks(&fixture).await[0]["triggers"].clone();
    assert_eq!(there.as_array().map(Vec::len), Some(2), "{there}");
    fixture.app.finish().await;
}

/// How many webhooks are registered for the whole platform, and for single accounts.
fn shared_and_own(fixture: &Fixture) -> (usize, usize) {
    let all = fixture.cal.webhooks();
    let shared = all
        .iter()
        .filter(|hook| matches!(&hook.scope, Scope::Client(_)))
        .count();
    (shared, all.len() - shared)
}

async fn managed_accounts_share_one_webhook(on: On) {
    let fixture = unwired(on).await;
    for coach in ["nora", "marcus"] {
        let made = fixture
            .app
            .coach(coach)
            .mutate("provisionCoach", json!({}), "account { id }")
            .await;
        assert_eq!(made.user_errors(), Vec::<&str>::new(), "{made:?}");
    }
    look(&fixture).await;
    assert_eq!(
        shared_and_own(&fixture),
        (1, 0),
        "however many accounts there are"
    );
    let secret = fixture.cal.webhooks()[0].secret.clone().expect("a secret");
    let url = address(&fixture);
    assert_eq!(delivered(&fixture, &url, &secret).await, 200);

    // A second process: both check both accounts at the same moment.
    let second = fixture.app.beside().await;
    let links = entity::connection::Entity::find()
        .all(fixture.app.db().read())
        .await
        .expect("the database answers");
    assert_eq!(links.len(), 2);
    let looks = [&fixture.app, &second]
        .into_iter()
        .flat_map(|app| links.iter().map(move |link| (app, link.id)));
    let looks = looks
        .map(|(app, id)| courtside::domain::scheduling::webhooks::ensure_webhook(&app.app, id));
    futures_util::future::join_all(looks).await;
    assert_eq!(shared_and_own(&fixture), (1, 0), "nor how many processes");
    second.finish().await;

    // Somebody deletes it there; the next daily check registers it again, with a secret that both
    // sides know.
    let id = fixture.cal.webhooks()[0].id.clone();
    let request = reqwest::Client::new().delete(format!(
        "{}/v2/oauth-clients/{CLIENT_ID}/webhooks/{id}",
        fixture.cal.url()
    ));
    let request = request
        .header("x-cal-client-id", CLIENT_ID)
        .header("x-cal-secret-key", CLIENT_SECRET);
    assert_eq!(request.send().await.expect("it serves").status(), 200);
    assert_eq!(shared_and_own(&fixture), (0, 0));
    fixture.advance(TimeDelta::hours(25));
    fixture.app.run_jobs().await;
    assert_eq!(shared_and_own(&fixture), (1, 0));
    assert_ne!(fixture.cal.webhooks()[0].id, id, "another one");
    let secret = fixture.cal.webhooks()[0].secret.clone().expect("a secret");
    let url = address(&fixture);
    assert_eq!(delivered(&fixture, &url, &secret).await, 200);
    fixture.app.run_jobs().await;
    fixture.app.finish().await;
}
