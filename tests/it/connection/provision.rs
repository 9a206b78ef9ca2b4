//! Accounts that the platform makes at Cal.com: made once, disconnected and deleted.

use courtside::domain::connection::CredentialError;
use entity::connection::{Health, Kind};
use serde_json::{Value, json};
use simulators::Kind as FaultKind;
use tests::{On, both_bare};

use super::{
    ACCOUNT, CREATE_USER, DELETE_USER, FORCE_REFRESH, LIST_USERS, as_platform, calls, fail, lend,
    managed_users, number, only, provision, refusal, rows, start,
};

both_bare![
    a_coach_is_provisioned_once,
    a_lost_answer_is_recovered,
    an_account_that_exists_is_recovered,
    disconnecting_erases_the_tokens,
    an_account_made_here_can_be_deleted,
];

async fn a_coach_is_provisioned_once(on: On) {
    let (cal, app) = start(on).await;
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
    assert_eq!(
        (calls(&cal, CREATE_USER), calls(&cal, FORCE_REFRESH)),
        (1, 0)
    );
    let row = only(&app).await;
    assert_eq!(
        (row.kind, row.health, row.token_version),
        (Kind::ManagedUser, Health::Ok, 1)
    );
    let stored = format!("{:?}{:?}", row.access_token, row.refresh_token);
    let issued = cal.issued_tokens();
    assert!(
        issued.len() == 2 && issued.iter().all(|token| !stored.contains(token)),
        "{stored}"
    );
    assert_eq!(stored.matches("v1.development.").count(), 2, "{stored}");

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
    let (cal, app) = start(on).await;
    fail(&cal, CREATE_USER, FaultKind::ResetAfterCommit, 1);
    let answer = provision(&app.coach("nora")).await;
    assert_eq!(
        answer.at("/provisionCoach/account/health"),
        "OK",
        "{answer:?}"
    );
    assert_eq!(
        [CREATE_USER, LIST_USERS, FORCE_REFRESH].map(|endpoint| calls(&cal, endpoint)),
        [1, 1, 1]
    );
    lend(&app, &only(&app).await)
        .await
        .expect("its tokens work");

    // Nothing was made: the caller gets an error, and tries again.
    fail(&cal, CREATE_USER, FaultKind::ServerError, 1);
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
    let (cal, app) = start(on).await;
    let nora = json!({ "email": "nora@courtside.example", "name": "Nora" });
    as_platform(&cal, http::Method::POST, "", nora).await;
    let [user] = managed_users(&cal).try_into().expect("one account");
    let answer = provision(&app.coach("nora")).await;
    assert_eq!(
        answer.at("/provisionCoach/account/username"),
        &user.username,
        "{answer:?}"
    );
    assert_eq!(number(&only(&app).await), user.id);
    assert_eq!(
        [CREATE_USER, FORCE_REFRESH].map(|endpoint| calls(&cal, endpoint)),
        [2, 1],
        "one of the two creations is this test's"
    );
    assert_eq!(managed_users(&cal).len(), 1);
    app.finish().await;
}

fn disconnect_input(account: &Value, delete: bool) -> Value {
    json!({ "connectionId": account, "deleteAccount": delete })
}

async fn disconnecting_erases_the_tokens(on: On) {
    let (cal, app) = start(on).await;
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
        matches!(lend(&app, &row).await, Err(CredentialError::NotConnected)),
        "what was in memory is gone too"
    );
    assert_eq!(calls(&cal, DELETE_USER), 0);
    let answer = nora
        .mutate("disconnectAccount", disconnect_input(&id, false), ACCOUNT)
        .await;
    assert_eq!(refusal(&answer), "INVALID_STATE");
    // The same account can be connected again.
    assert_eq!(*provision(&nora).await.at("/provisionCoach/account/id"), id);
    app.finish().await;
}

async fn an_account_made_here_can_be_deleted(on: On) {
    let (cal, app) = start(on).await;
    let nora = app.coach("nora");
    let id = provision(&nora)
        .await
        .at("/provisionCoach/account/id")
        .clone();
    fail(&cal, DELETE_USER, FaultKind::ServerError, 3);
    let answer = nora
        .mutate("disconnectAccount", disconnect_input(&id, true), ACCOUNT)
        .await;
    assert_eq!(
        answer.refusal().as_deref(),
        Some("PROVIDER_UNAVAILABLE"),
        "{answer:?}"
    );
    assert!(only(&app).await.is_live(), "nothing has changed");
    cal.faults().clear();
    let answer = nora
        .mutate("disconnectAccount", disconnect_input(&id, true), ACCOUNT)
        .await;
    assert_eq!(refusal(&answer), "", "{answer:?}");
    assert!(managed_users(&cal).is_empty());
    app.finish().await;
}
