//! Webhooks are registered by themselves, once for each account, with a secret that only both sides
//! know.

use chrono::TimeDelta;
use entity::webhook_registration;
use hmac::{Hmac, KeyInit, Mac};
use sea_orm::EntityTrait;
use serde_json::{Value, json};
use sha2::Sha256;
use simulators::cal_com::Scope;
use tests::{On, both_bare};

use super::lab::{CLIENT, Lab};
use super::migration::{connected, get, migrated, unwired};

both_bare![
    one_is_registered_and_mended_and_what_it_signs_is_believed,
    a_new_secret_is_used_and_the_one_before_still_believed,
    staff_alone_choose_what_is_told,
    accounts_made_by_the_platform_share_exactly_one,
];

/// Lets the worker's look at registrations happen.
async fn look(lab: &Lab) {
    courtside::domain::webhook::ensure(&lab.app.app)
        .await
        .expect("the database answers");
    lab.app.run_jobs().await;
}

async fn hooks(lab: &Lab) -> Vec<Value> {
    let all = get(lab, "/v2/webhooks", "2024-08-13").await;
    all["data"].as_array().cloned().unwrap_or_default()
}

/// How this server answers to a delivery that is signed with a secret.
pub(super) async fn delivered(lab: &Lab, secret: &str) -> u16 {
    let body = format!(
        r#"{{"triggerEvent":"PING","createdAt":"{}","payload":{{}}}}"#,
        lab.app.now().to_rfc3339()
    );
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("any length does");
    mac.update(body.as_bytes());
    let signature = hex::encode(mac.finalize().into_bytes());
    let request = reqwest::Client::new()
        .post(lab.app.url("/webhooks/calcom"))
        .header("content-type", "application/json")
        .header("x-cal-signature-256", signature)
        .body(body);
    request.send().await.expect("it serves").status().as_u16()
}

async fn one_is_registered_and_mended_and_what_it_signs_is_believed(on: On) {
    let lab = migrated(on).await;
    look(&lab).await;
    look(&lab).await;
    let found = hooks(&lab).await;
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(
        found[0]["subscriberUrl"]
            .as_str()
            .is_some_and(|url| url.ends_with("/webhooks/calcom"))
    );
    let secret = found[0]["secret"].as_str().expect("a secret").to_owned();
    assert_eq!(secret.len(), 64, "32 random bytes");
    assert_eq!(delivered(&lab, &secret).await, 200);
    assert_eq!(delivered(&lab, "somebody else's").await, 401);
    let rows = webhook_registration::Entity::find()
        .all(lab.app.db().read())
        .await
        .expect("the database answers");
    assert!(
        rows.len() == 1 && !rows[0].secret.contains(&secret),
        "it is sealed"
    );

    // Somebody switches it off there, and makes another one for the same address elsewhere.
    let id = found[0]["id"].as_str().expect("an id");
    let request = reqwest::Client::new().patch(format!("{}/v2/webhooks/{id}", lab.cal.url()));
    let off = json!({ "active": false, "triggers": ["BOOKING_CREATED"] });
    request
        .bearer_auth(&lab.api_key)
        .json(&off)
        .send()
        .await
        .expect("it serves");
    lab.advance(TimeDelta::hours(25));
    lab.app.run_jobs().await;
    let mended = hooks(&lab).await;
    assert_eq!(mended.len(), 1);
    assert_eq!(mended[0]["active"], true);
    assert!(
        mended[0]["triggers"]
            .as_array()
            .is_some_and(|triggers| triggers.len() > 5),
        "{mended:?}"
    );
    lab.app.finish().await;
}

async fn a_new_secret_is_used_and_the_one_before_still_believed(on: On) {
    let lab = connected(on).await;
    look(&lab).await;
    let admin = lab.app.admin();
    let old = hooks(&lab).await[0]["secret"]
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
    let new = hooks(&lab).await[0]["secret"]
        .as_str()
        .expect("a secret")
        .to_owned();
    assert_ne!(old, new);
    assert_eq!(
        (delivered(&lab, &new).await, delivered(&lab, &old).await),
        (200, 200)
    );
    lab.advance(TimeDelta::hours(25));
    lab.app.run_jobs().await;
    let gone = admin
        .mutate("deleteWebhook", input, "webhookRegistration { id }")
        .await;
    assert_eq!(gone.user_errors(), Vec::<&str>::new(), "{gone:?}");
    assert_eq!(hooks(&lab).await.len(), 0);
    assert_eq!(
        (delivered(&lab, &new).await, delivered(&lab, &old).await),
        (401, 401),
        "nobody signs any more"
    );
    lab.app.finish().await;
}

async fn staff_alone_choose_what_is_told(on: On) {
    let lab = connected(on).await;
    look(&lab).await;
    let admin = lab.app.admin();
    let all = admin
        .gql("{ admin { webhookRegistrations { id } } }", json!({}))
        .await;
    let id = all.at("/admin/webhookRegistrations/0/id").clone();
    let input = |triggers: Value| json!({ "webhookRegistrationId": id, "triggers": triggers });
    let chosen = input(json!(["BOOKING_CREATED", "BOOKING_CANCELLED"]));
    let coach = lab
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
    let there = hooks(&lab).await[0]["triggers"].clone();
    assert_eq!(there.as_array().map(Vec::len), Some(2), "{there}");
    lab.app.finish().await;
}

/// As many as are registered for the whole platform, and as one account or another.
fn shared_and_own(lab: &Lab) -> (usize, usize) {
    let all = lab.cal.webhooks();
    let shared = all
        .iter()
        .filter(|hook| matches!(&hook.scope, Scope::Client(_)))
        .count();
    (shared, all.len() - shared)
}

async fn accounts_made_by_the_platform_share_exactly_one(on: On) {
    let lab = unwired(on).await;
    for coach in ["nora", "marcus"] {
        let made = lab
            .app
            .coach(coach)
            .mutate("provisionCoach", json!({}), "account { id }")
            .await;
        assert_eq!(made.user_errors(), Vec::<&str>::new(), "{made:?}");
    }
    look(&lab).await;
    assert_eq!(
        shared_and_own(&lab),
        (1, 0),
        "however many accounts there are"
    );
    let secret = lab.cal.webhooks()[0].secret.clone().expect("a secret");
    assert_eq!(delivered(&lab, &secret).await, 200);

    // A second start, beside the first one: both look at the same moment, at both accounts.
    let second = lab.app.beside().await;
    let links = entity::connection::Entity::find()
        .all(lab.app.db().read())
        .await
        .expect("the database answers");
    assert_eq!(links.len(), 2);
    let looks = [&lab.app, &second]
        .into_iter()
        .flat_map(|app| links.iter().map(move |link| (app, link.id)));
    let looks =
        looks.map(|(app, id)| courtside::domain::webhook::see_to_registration(&app.app, id));
    futures_util::future::join_all(looks).await;
    assert_eq!(shared_and_own(&lab), (1, 0), "nor how many processes");
    second.finish().await;

    // Somebody deletes it there; the next daily look makes it anew, with the secret that both sides
    // know.
    let id = lab.cal.webhooks()[0].id.clone();
    let request = reqwest::Client::new().delete(format!(
        "{}/v2/oauth-clients/{CLIENT}/webhooks/{id}",
        lab.cal.url()
    ));
    let request = request
        .header("x-cal-client-id", CLIENT)
        .header("x-cal-secret-key", "secret-of-the-lab");
    assert_eq!(request.send().await.expect("it serves").status(), 200);
    assert_eq!(shared_and_own(&lab), (0, 0));
    lab.advance(TimeDelta::hours(25));
    lab.app.run_jobs().await;
    assert_eq!(shared_and_own(&lab), (1, 0));
    assert_ne!(lab.cal.webhooks()[0].id, id, "another one");
    let secret = lab.cal.webhooks()[0].secret.clone().expect("a secret");
    assert_eq!(delivered(&lab, &secret).await, 200);
    lab.app.run_jobs().await;
    lab.app.finish().await;
}
