//! Accounts at Cal.com: connected in three ways, kept alive, and never called broken without proof.

mod consent;
mod lab;
mod log;
mod renewal;
mod seal;

use courtside::domain::connection::{self, Lent, Purpose, Unusable};
use entity::connection::{Entity, Health, Kind, Model};
use lab::{Fault, Lab};
use sea_orm::{ActiveModelTrait as _, EntityTrait as _, IntoActiveModel as _};
use serde_json::{Value, json};
use tests::{Actor, Answer, On, TestApp, both_bare};

both_bare![
    a_coach_is_provisioned_once,
    a_lost_answer_is_recovered,
    an_account_that_exists_is_recovered,
    a_key_is_tried_before_it_is_kept,
    an_account_belongs_to_one_coach,
    what_was_observed_is_adopted,
    disconnecting_erases_the_tokens,
    an_account_made_here_can_be_deleted,
];

pub(crate) const ACCOUNT: &str = "account { id kind health healthReason action email username }";

pub(crate) async fn provision(actor: &Actor<'_>) -> Answer {
    actor.mutate("provisionCoach", json!({}), ACCOUNT).await
}

pub(crate) async fn connect_with_key(actor: &Actor<'_>, key: &str) -> Answer {
    actor
        .mutate("connectWithApiKey", json!({ "apiKey": key }), ACCOUNT)
        .await
}

/// The only connection there is.
pub(crate) async fn only(app: &TestApp) -> Model {
    let mut rows = rows(app).await;
    assert_eq!(rows.len(), 1, "{rows:?}");
    rows.remove(0)
}

pub(crate) async fn rows(app: &TestApp) -> Vec<Model> {
    Entity::find()
        .all(app.db().read())
        .await
        .expect("the database answers")
}

pub(crate) async fn edit(app: &TestApp, edit: impl FnOnce(&mut Model)) -> Model {
    let mut row = only(app).await;
    edit(&mut row);
    row.into_active_model()
        .reset_all()
        .update(app.db().write_one())
        .await
        .expect("the row is sound")
}

pub(crate) async fn lend(app: &TestApp, row: &Model) -> Result<Lent, Unusable> {
    connection::credential_of(&app.app, row.id, Purpose::Booking).await
}

/// Lets the time pass here and there.
pub(crate) fn advance(app: &TestApp, lab: &Lab, by: chrono::TimeDelta) {
    app.clock.advance(by);
    lab.state().later += by.num_milliseconds();
}

fn refusal(answer: &Answer) -> String {
    answer.user_errors().join(" ")
}

async fn a_coach_is_provisioned_once(on: On) {
    let lab = Lab::start().await;
    let app = lab.setup().start(on).await;
    let nora = app.coach("nora");
    let (first, second) = tokio::join!(provision(&nora), provision(&nora));
    assert_eq!(
        first.at("/provisionCoach/account"),
        second.at("/provisionCoach/account")
    );
    assert_eq!(first.at("/provisionCoach/account/kind"), "MANAGED_USER");
    assert_eq!(
        first.at("/provisionCoach/account/email"),
        "nora@courtside.example"
    );
    assert_eq!((lab.calls("create"), lab.calls("force")), (1, 0));
    let row = only(&app).await;
    assert_eq!(
        (row.kind, row.health, row.token_version),
        (Kind::ManagedUser, Health::Ok, 1)
    );
    let stored = format!("{:?}{:?}", row.access_token, row.refresh_token);
    assert!(
        !stored.contains("canary") && stored.matches("v1.development.").count() == 2,
        "{stored}"
    );

    let query = "{ viewer { coach { connectedAccounts { id health } } } }";
    let listed = nora.gql(query, json!({})).await;
    assert_eq!(
        listed.at("/viewer/coach/connectedAccounts/0/id"),
        first.at("/provisionCoach/account/id")
    );
    let others = "query($id: ID!) { coach(by: { id: $id }) { connectedAccounts { id } } }";
    let id = app.offer("nora", "coaching-60").await.coach_id();
    for (actor, sees) in [
        (app.coach("marcus"), false),
        (app.client("maria"), false),
        (app.admin(), true),
    ] {
        // A visitor's rule is checked in the matrix; here it is whose the list is.
        let answer = actor.gql(others, json!({ "id": id })).await;
        assert_eq!(
            answer.data.pointer("/coach/connectedAccounts/0").is_some(),
            sees,
            "{:?}",
            answer.errors
        );
    }
    app.finish().await;
}

async fn a_lost_answer_is_recovered(on: On) {
    let lab = Lab::start().await;
    let app = lab.setup().start(on).await;
    lab.fail("create", &[Fault::Lost]);
    let answer = provision(&app.coach("nora")).await;
    assert_eq!(
        answer.at("/provisionCoach/account/health"),
        "OK",
        "{answer:?}"
    );
    assert_eq!(
        (lab.calls("create"), lab.calls("list"), lab.calls("force")),
        (1, 1, 1)
    );
    lend(&app, &only(&app).await)
        .await
        .expect("its tokens work");

    // Nothing was made: the caller is told, and asks again.
    lab.fail("create", &[Fault::Down]);
    let answer = provision(&app.coach("marcus")).await;
    assert_eq!(
        answer.refusal().as_deref(),
        Some("PROVIDER_UNAVAILABLE"),
        "{answer:?}"
    );
    assert_eq!(rows(&app).await.len(), 1);
    let answer = provision(&app.coach("marcus")).await;
    assert_eq!(
        answer.at("/provisionCoach/account/health"),
        "OK",
        "{answer:?}"
    );
    app.finish().await;
}

async fn an_account_that_exists_is_recovered(on: On) {
    let lab = Lab::start().await;
    let app = lab.setup().start(on).await;
    lab.state()
        .users
        .insert(40, "nora@courtside.example".to_owned());
    let answer = provision(&app.coach("nora")).await;
    assert_eq!(
        answer.at("/provisionCoach/account/username"),
        "coach-40",
        "{answer:?}"
    );
    assert_eq!(only(&app).await.external_id, "40");
    assert_eq!(
        (
            lab.calls("create"),
            lab.calls("force"),
            lab.state().users.len()
        ),
        (1, 1, 1)
    );
    app.finish().await;
}

async fn a_key_is_tried_before_it_is_kept(on: On) {
    let lab = Lab::start().await;
    let app = lab.setup().start(on).await;
    let nora = app.coach("nora");
    for bad in ["", "cal_", "secret", "cal_with space", "cal_ümlaut"] {
        let answer = connect_with_key(&nora, bad).await;
        assert_eq!(refusal(&answer), "INVALID", "{bad}");
    }
    assert_eq!(lab.calls("me"), 0, "what is no key is not sent anywhere");
    assert_eq!(
        refusal(&connect_with_key(&nora, "cal_unknown").await),
        "INVALID"
    );
    assert_eq!(rows(&app).await, []);
    {
        let mut state = lab.state();
        state.users.insert(7, "nora@home.example".to_owned());
        state.keys.insert("cal_canary_key".to_owned(), 7);
    }
    let answer = connect_with_key(&nora, " cal_canary_key ").await;
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
        ("7", None, true)
    );
    lend(&app, &row).await.expect("the key works");
    assert_eq!(
        refusal(&provision(&nora).await),
        "INVALID_STATE",
        "one account at a time"
    );

    // One refusal may be a mishap; two, apart from each other, are proof.
    for (refusals, health) in [(1, Health::Ok), (2, Health::Broken)] {
        let lent = lend(&app, &row).await.expect("it is not broken yet");
        let client = app.app.cal_com.as_ref().expect("it is set up");
        lab.state().keys.clear();
        let error = client
            .get_me(&lent.credential)
            .await
            .expect_err("the key is gone");
        connection::report(&app.app, &lent, &error)
            .await
            .expect("the database answers");
        connection::report(&app.app, &lent, &error)
            .await
            .expect("the database answers");
        assert_eq!(
            (only(&app).await.failures, only(&app).await.health),
            (refusals, health)
        );
        app.clock.advance(chrono::TimeDelta::minutes(1));
    }
    assert!(matches!(lend(&app, &row).await, Err(Unusable::Broken(_))));
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

async fn an_account_belongs_to_one_coach(on: On) {
    let lab = Lab::start().await;
    let app = lab.setup().start(on).await;
    {
        let mut state = lab.state();
        state.users.insert(7, "nora@home.example".to_owned());
        state.keys.insert("cal_one".to_owned(), 7);
        state.keys.insert("cal_two".to_owned(), 7);
    }
    assert_eq!(
        refusal(&connect_with_key(&app.coach("nora"), "cal_one").await),
        ""
    );
    let before = only(&app).await;
    assert_eq!(
        refusal(&connect_with_key(&app.coach("marcus"), "cal_one").await),
        "INVALID_STATE"
    );
    assert_eq!(only(&app).await, before, "nothing has changed");
    // The same account again, with a new key, is the same connection.
    assert_eq!(
        refusal(&connect_with_key(&app.coach("nora"), "cal_two").await),
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

async fn what_was_observed_is_adopted(on: On) {
    let lab = Lab::start().await;
    let app = lab.setup().start(on).await;
    {
        let mut state = lab.state();
        state.users.insert(7, "somebody@home.example".to_owned());
        state.keys.insert("cal_one".to_owned(), 7);
    }
    // As webhooks leave it behind: a profile of nobody, with two offers under names that nora has
    // too.
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
    // One of nora's is something else there already.
    let linked = |row: &mut entity::event_type::Model| {
        (row.provider, row.provider_event_type_id) =
            (Some("calcom".to_owned()), Some("77".to_owned()));
    };
    app.edit_offer(&app.offer("nora", "intro-20").await, linked)
        .await;
    let observed = observed(&app, ghost.id, "7");
    let observed = observed
        .into_active_model()
        .reset_all()
        .insert(app.db().write_one())
        .await
        .expect("a sound row");

    assert_eq!(
        refusal(&connect_with_key(&app.coach("nora"), "cal_one").await),
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

/// An offer that was taken in with a message, like one of priya's. Gives its key.
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

/// An account that is known from messages only.
pub(crate) fn observed(app: &TestApp, coach_id: entity::Uuid, external_id: &str) -> Model {
    Model {
        id: entity::new_id(),
        coach_id,
        provider: "calcom".to_owned(),
        external_id: external_id.to_owned(),
        external_email: None,
        external_username: None,
        health: Health::Observed,
        kind: Kind::Observed,
        access_token: None,
        refresh_token: None,
        access_expires_at: None,
        refresh_expires_at: None,
        token_version: 0,
        lease: None,
        leased_until: None,
        health_reason: None,
        broken_since: None,
        failures: 0,
        retry_at: None,
        last_ok_at: None,
        sync_cursor: None,
        sync_failures: 0,
        passed_over_from: None,
        passed_over_until: None,
        checked_at: None,
        disconnected_at: None,
        created_at: app.now(),
        updated_at: app.now(),
    }
}

fn disconnect_input(account: &Value, delete: bool) -> Value {
    json!({ "connectionId": account, "deleteAccount": delete })
}

async fn disconnecting_erases_the_tokens(on: On) {
    let lab = Lab::start().await;
    let app = lab.setup().start(on).await;
    let nora = app.coach("nora");
    let id = provision(&nora)
        .await
        .at("/provisionCoach/account/id")
        .clone();
    let row = only(&app).await;
    lend(&app, &row).await.expect("it works");
    let answer = nora
        .mutate("disconnectAccount", disconnect_input(&id, false), ACCOUNT)
        .await;
    assert_eq!(refusal(&answer), "", "{answer:?}");
    let row = only(&app).await;
    assert!(
        row.disconnected_at.is_some() && row.access_token.is_none() && row.refresh_token.is_none()
    );
    assert!(
        matches!(lend(&app, &row).await, Err(Unusable::NotConnected)),
        "what was in memory is gone too"
    );
    assert_eq!(lab.calls("delete"), 0);
    let answer = nora
        .mutate("disconnectAccount", disconnect_input(&id, false), ACCOUNT)
        .await;
    assert_eq!(refusal(&answer), "INVALID_STATE");
    // The same account can be had again.
    assert_eq!(*provision(&nora).await.at("/provisionCoach/account/id"), id);
    app.finish().await;
}

async fn an_account_made_here_can_be_deleted(on: On) {
    let lab = Lab::start().await;
    let app = lab.setup().start(on).await;
    let nora = app.coach("nora");
    let id = provision(&nora)
        .await
        .at("/provisionCoach/account/id")
        .clone();
    lab.fail("delete", &[Fault::Down; 3]);
    let answer = nora
        .mutate("disconnectAccount", disconnect_input(&id, true), ACCOUNT)
        .await;
    assert_eq!(
        answer.refusal().as_deref(),
        Some("PROVIDER_UNAVAILABLE"),
        "{answer:?}"
    );
    assert!(only(&app).await.is_live(), "nothing has changed");
    lab.state().faults.clear();
    let answer = nora
        .mutate("disconnectAccount", disconnect_input(&id, true), ACCOUNT)
        .await;
    assert_eq!(refusal(&answer), "", "{answer:?}");
    assert!(lab.state().users.is_empty());
    app.finish().await;
}
