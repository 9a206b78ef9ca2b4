//! Tokens are renewed once, however many callers wait, and a connection is not reported broken
//! without proof.

use std::collections::BTreeSet;
use std::time::Duration;

use chrono::TimeDelta;
use courtside::domain::connection::{self, CredentialError, Lease, Purpose};
use entity::coach::Scheduler;
use entity::connection::{Health, HealthReason};
use providers::cal_com::Credential;
use sea_orm::EntityTrait as _;
use secrecy::ExposeSecret as _;
use serde_json::json;
use simulators::Kind;
use tests::{On, both_bare};

use super::{
    FORCE_REFRESH, REFRESH, TOKEN, advance, as_platform, calls, consent, edit, fail, fault, lend,
    number, only, provision, report, rows, start,
};

both_bare![
    two_hundred_callers_of_two_processes_get_one_token,
    a_lost_refresh_answer_leads_to_a_force_refresh,
    a_refresh_lost_in_a_crash_is_recovered_by_a_force_refresh,
    a_revoked_token_is_replaced_once,
    an_outage_does_not_break_a_connection,
    a_consent_is_broken_after_two_refusals,
    a_deleted_account_breaks_the_connection,
    an_expiring_consent_is_renewed_or_reported,
    every_credential_read_is_audited,
];

fn token(lease: &Lease) -> String {
    lease.token.expose_secret().to_owned()
}

fn bearer(lease: &Lease) -> Credential {
    Credential::access_token(lease.token.clone())
}

async fn two_hundred_callers_of_two_processes_get_one_token(on: On) {
    let (cal, app) = start(on).await;
    provision(&app.coach("nora")).await;
    let other = app.beside().await;
    let row = only(&app).await;
    advance(&app, &cal, TimeDelta::minutes(59));
    fail(&cal, REFRESH, Kind::Slow(Duration::from_millis(150)), 1);
    let callers = (0..400).map(|place| {
        let app = if place % 2 == 0 {
            app.app.clone()
        } else {
            other.app.clone()
        };
        tokio::spawn(async move {
            connection::credential(&app, Scheduler::CalCom, row.coach_id, Purpose::Slots).await
        })
    });
    let mut tokens = BTreeSet::new();
    for caller in callers.collect::<Vec<_>>() {
        let lent = caller
            .await
            .expect("nobody panics")
            .expect("everybody gets one");
        tokens.insert(token(&lent));
    }
    assert_eq!(tokens.len(), 1, "everybody has the same");
    assert_eq!(
        [REFRESH, FORCE_REFRESH].map(|endpoint| calls(&cal, endpoint)),
        [1, 0]
    );
    let row = only(&app).await;
    assert_eq!(
        (row.health, row.token_version, row.failures, row.lease),
        (Health::Ok, 2, 0, None)
    );
    let lines = entity::audit_log::Entity::find()
        .all(app.db().read())
        .await
        .expect("the database answers");
    let read = lines
        .iter()
        .filter(|line| line.action == "connection.read_credential")
        .count();
    assert_eq!(
        read, 3,
        "the refresh token once, the new one once in each process"
    );
    other.finish().await;
    app.finish().await;
}

async fn a_lost_refresh_answer_leads_to_a_force_refresh(on: On) {
    let (cal, app) = start(on).await;
    provision(&app.coach("nora")).await;
    let row = only(&app).await;
    advance(&app, &cal, TimeDelta::hours(2));
    fail(&cal, REFRESH, Kind::ResetAfterCommit, 1);
    assert!(
        matches!(lend(&app, &row).await, Err(CredentialError::Unavailable(_))),
        "no observation whether it happened"
    );
    assert_eq!(only(&app).await.health, Health::Ok);
    assert!(
        matches!(lend(&app, &row).await, Err(CredentialError::Unavailable(_))),
        "not again at once"
    );
    assert_eq!(calls(&cal, REFRESH), 1);
    advance(&app, &cal, TimeDelta::seconds(6));
    let lent = lend(&app, &row).await.expect("it is recovered");
    assert_eq!(
        [REFRESH, FORCE_REFRESH].map(|endpoint| calls(&cal, endpoint)),
        [2, 1]
    );
    let client = app.app.cal_com.as_ref().expect("it is set up");
    client
        .get_me(&bearer(&lent))
        .await
        .expect("the new token works");
    app.finish().await;
}

/// A process used up the refresh token and died with its lease, before it stored the new pair.
async fn a_refresh_lost_in_a_crash_is_recovered_by_a_force_refresh(on: On) {
    let (cal, app) = start(on).await;
    provision(&app.coach("nora")).await;
    advance(&app, &cal, TimeDelta::hours(2));
    let until = app.now() + TimeDelta::seconds(30);
    let row = edit(&app, |row| {
        (row.lease, row.leased_until) = (Some(entity::new_id()), Some(until))
    })
    .await;
    cal.revoke_tokens(number(&row));
    let waiting = tokio::spawn({
        let app = app.app.clone();
        async move { connection::credential_of(&app, row.id, Purpose::Booking).await }
    });
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(
        !waiting.is_finished(),
        "while the lease holds, nobody else asks"
    );
    assert_eq!(calls(&cal, REFRESH), 0);
    advance(&app, &cal, TimeDelta::seconds(31));
    waiting
        .await
        .expect("nobody panics")
        .expect("whoever waited takes over");
    assert_eq!(
        [REFRESH, FORCE_REFRESH].map(|endpoint| calls(&cal, endpoint)),
        [1, 1]
    );
    assert_eq!(only(&app).await.health, Health::Ok);
    app.finish().await;
}

async fn a_revoked_token_is_replaced_once(on: On) {
    let (cal, app) = start(on).await;
    provision(&app.coach("nora")).await;
    let row = only(&app).await;
    let old = lend(&app, &row).await.expect("it works");
    cal.revoke_access_tokens(number(&row));
    let client = app.app.cal_com.as_ref().expect("it is set up");
    let error = client
        .get_me(&bearer(&old))
        .await
        .expect_err("it is revoked");
    report(&app, &old, &error).await;
    let new = lend(&app, &row).await.expect("there is a new one");
    assert_ne!(token(&old), token(&new));
    // A late report about the old token changes nothing.
    report(&app, &old, &error).await;
    lend(&app, &row).await.expect("it works");
    assert_eq!(calls(&cal, REFRESH), 1);
    // Nor does a failure that is not about the token.
    let unrelated = providers::cal_com::Error::new(
        providers::Provider::CalCom,
        providers::Kind::Unauthorized,
        "",
    );
    report(&app, &new, &unrelated).await;
    lend(&app, &row).await.expect("it works");
    assert_eq!(calls(&cal, REFRESH), 1);
    app.finish().await;
}

async fn an_outage_does_not_break_a_connection(on: On) {
    let (cal, app) = start(on).await;
    provision(&app.coach("nora")).await;
    let row = only(&app).await;
    // Early, the old token is still valid for a call.
    advance(&app, &cal, TimeDelta::minutes(59));
    cal.faults().set(fault(REFRESH, Kind::ServerError));
    lend(&app, &row).await.expect("the old one");
    for _ in 0..3 {
        advance(&app, &cal, TimeDelta::minutes(11));
        assert!(matches!(
            lend(&app, &row).await,
            Err(CredentialError::Unavailable(_))
        ));
        let row = only(&app).await;
        assert_eq!((row.health, row.failures, row.lease), (Health::Ok, 0, None));
    }
    cal.faults().clear();
    advance(&app, &cal, TimeDelta::minutes(11));
    lend(&app, &row).await.expect("Cal.com is back");
    app.finish().await;
}

async fn a_consent_is_broken_after_two_refusals(on: On) {
    let (cal, app) = start(on).await;
    let nora = app.coach("nora");
    let owner = consent::add_owner(&cal);
    consent::connect(&app, &cal, &nora, owner).await;
    let row = only(&app).await;
    advance(&app, &cal, TimeDelta::hours(1));
    fail(&cal, TOKEN, Kind::InvalidGrant, 1);
    assert!(matches!(
        lend(&app, &row).await,
        Err(CredentialError::Unavailable(_))
    ));
    let seen = only(&app).await;
    assert_eq!(
        (seen.health, seen.failures),
        (Health::Ok, 1),
        "one refusal is no proof"
    );
    advance(&app, &cal, TimeDelta::seconds(6));
    lend(&app, &row).await.expect("it was a mishap");
    assert_eq!(only(&app).await.failures, 0);

    advance(&app, &cal, TimeDelta::hours(1));
    fail(&cal, TOKEN, Kind::InvalidGrant, 2);
    assert!(matches!(
        lend(&app, &row).await,
        Err(CredentialError::Unavailable(_))
    ));
    advance(&app, &cal, TimeDelta::seconds(6));
    assert!(matches!(
        lend(&app, &row).await,
        Err(CredentialError::Broken(HealthReason::ConsentRefused))
    ));
    let before = calls(&cal, TOKEN);
    assert!(matches!(
        lend(&app, &row).await,
        Err(CredentialError::Broken(_))
    ));
    assert_eq!(
        calls(&cal, TOKEN),
        before,
        "what is broken is not tried with every call"
    );
    let query =
        "{ viewer { coach { connectedAccounts { health healthReason action brokenSince } } } }";
    let listed = nora.gql(query, json!({})).await;
    let account = listed.at("/viewer/coach/connectedAccounts/0");
    assert_eq!(
        (account["health"].as_str(), account["action"].as_str()),
        (Some("BROKEN"), Some("RECONNECT"))
    );
    assert!(
        account["brokenSince"].is_string() && account["healthReason"] == "CONSENT_REFUSED",
        "{account}"
    );
    // Connecting again repairs it.
    consent::connect(&app, &cal, &nora, owner).await;
    lend(&app, &row).await.expect("it works again");
    app.finish().await;
}

async fn a_deleted_account_breaks_the_connection(on: On) {
    let (cal, app) = start(on).await;
    provision(&app.coach("nora")).await;
    let row = only(&app).await;
    let gone = format!("/{}", row.external_id);
    as_platform(&cal, http::Method::DELETE, &gone, json!({})).await;
    advance(&app, &cal, TimeDelta::hours(1));
    assert!(matches!(
        lend(&app, &row).await,
        Err(CredentialError::Broken(HealthReason::AccountGone))
    ));
    assert_eq!(
        connection::action(&only(&app).await),
        Some(connection::Action::Provision)
    );
    // The action repairs it: a new account replaces the deleted one.
    let answer = provision(&app.coach("nora")).await;
    assert_eq!(
        answer.at("/provisionCoach/account/health"),
        "OK",
        "{answer:?}"
    );
    let all = rows(&app).await;
    let live: Vec<_> = all.iter().filter(|row| row.is_live()).collect();
    assert_eq!((all.len(), live.len()), (2, 1));
    lend(&app, live[0]).await.expect("it works");
    app.finish().await;
}

async fn an_expiring_consent_is_renewed_or_reported(on: On) {
    let (cal, app) = start(on).await;
    let owner = consent::add_owner(&cal);
    consent::connect(&app, &cal, &app.coach("nora"), owner).await;
    assert_eq!(
        connection::sweep(&app.app)
            .await
            .expect("the database answers"),
        0,
        "it was looked at just now"
    );
    advance(&app, &cal, TimeDelta::days(24));
    cal.faults().set(fault(TOKEN, Kind::ServerError));
    assert_eq!(
        connection::sweep(&app.app)
            .await
            .expect("the database answers"),
        1
    );
    app.run_jobs().await;
    let row = only(&app).await;
    assert_eq!(
        (row.health, row.health_reason),
        (Health::Expiring, Some(HealthReason::ConsentEnding))
    );
    assert_eq!(
        connection::action(&row),
        Some(connection::Action::Reconnect)
    );
    cal.faults().clear();
    let renewed = async {
        while only(&app).await.health != Health::Ok {
            tokio::time::sleep(Duration::from_millis(200)).await;
            advance(&app, &cal, TimeDelta::hours(7));
            connection::sweep(&app.app)
                .await
                .expect("the database answers");
            app.run_jobs().await;
        }
    };
    tests::soon("it is renewed by itself", renewed).await;
    let row = only(&app).await;
    assert!(
        row.refresh_expires_at > Some(app.now() + TimeDelta::days(29)),
        "{row:?}"
    );
    app.finish().await;
}

async fn every_credential_read_is_audited(on: On) {
    let (cal, app) = start(on).await;
    provision(&app.coach("nora")).await;
    let row = only(&app).await;
    for _ in 0..5 {
        for purpose in [Purpose::Booking, Purpose::Slots] {
            connection::credential_of(&app.app, row.id, purpose)
                .await
                .expect("it works");
        }
    }
    let read = async || {
        let all = entity::audit_log::Entity::find()
            .all(app.db().read())
            .await
            .expect("the database answers");
        let subject = format!("connection_{}", row.id.simple());
        let own = all.into_iter().filter(|line| line.subject == subject);
        let mut own: Vec<_> = own
            .map(|line| format!("{} {:?}", line.action, line.detail))
            .collect();
        own.sort();
        own
    };
    assert_eq!(
        read().await.len(),
        3,
        "one for each purpose, not for each call: {:?}",
        read().await
    );
    advance(&app, &cal, TimeDelta::hours(1));
    connection::credential_of(&app.app, row.id, Purpose::Slots)
        .await
        .expect("it works");
    let lines = read().await;
    assert_eq!(
        lines.len(),
        5,
        "the refresh token, and the new one: {lines:?}"
    );
    assert!(
        lines.iter().any(|line| line.contains("renewal")),
        "{lines:?}"
    );
    app.finish().await;
}
