//! New tokens: once, however many ask; and never called broken without proof.

use std::collections::BTreeSet;

use chrono::TimeDelta;
use courtside::domain::connection::{self, CredentialError, Purpose};
use entity::connection::{Health, HealthReason};
use providers::cal_com::Credential;
use sea_orm::EntityTrait as _;
use secrecy::ExposeSecret as _;
use serde_json::json;
use tests::{On, both_bare};

use super::lab::{Fault, Lab};
use super::{advance, consent, edit, lend, only, provision, rows};

both_bare![
    two_hundred_callers_of_two_processes_get_one_token,
    a_lost_answer_ends_in_a_forced_pair,
    whoever_comes_after_a_crash_forces_a_pair,
    a_revoked_token_is_replaced_once,
    an_outage_breaks_nothing,
    a_consent_is_broken_after_two_refusals,
    an_account_that_is_gone_is_proof,
    what_ends_soon_is_renewed_or_told_of,
    every_reading_is_written_down,
];

fn token(credential: &Credential) -> String {
    let Credential::Bearer { token, .. } = credential else {
        panic!("{credential:?}")
    };
    token.expose_secret().to_owned()
}

async fn two_hundred_callers_of_two_processes_get_one_token(on: On) {
    let lab = Lab::start().await;
    let app = lab.setup().start(on).await;
    provision(&app.coach("nora")).await;
    let other = app.beside().await;
    let row = only(&app).await;
    advance(&app, &lab, TimeDelta::minutes(59));
    lab.fail("refresh", &[Fault::Slow(150)]);
    let callers = (0..400).map(|place| {
        let app = if place % 2 == 0 {
            app.app.clone()
        } else {
            other.app.clone()
        };
        tokio::spawn(
            async move { connection::credential(&app, row.coach_id, Purpose::Slots).await },
        )
    });
    let mut tokens = BTreeSet::new();
    for caller in callers.collect::<Vec<_>>() {
        let lent = caller
            .await
            .expect("nobody panics")
            .expect("everybody gets one");
        tokens.insert(token(&lent.credential));
    }
    assert_eq!(tokens.len(), 1, "everybody has the same");
    assert_eq!((lab.calls("refresh"), lab.calls("force")), (1, 0));
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

async fn a_lost_answer_ends_in_a_forced_pair(on: On) {
    let lab = Lab::start().await;
    let app = lab.setup().start(on).await;
    provision(&app.coach("nora")).await;
    let row = only(&app).await;
    advance(&app, &lab, TimeDelta::hours(2));
    lab.fail("refresh", &[Fault::Lost]);
    assert!(
        matches!(lend(&app, &row).await, Err(CredentialError::Unavailable(_))),
        "no observation whether it happened"
    );
    assert_eq!(only(&app).await.health, Health::Ok);
    assert!(
        matches!(lend(&app, &row).await, Err(CredentialError::Unavailable(_))),
        "not again at once"
    );
    assert_eq!(lab.calls("refresh"), 1);
    advance(&app, &lab, TimeDelta::seconds(6));
    let lent = lend(&app, &row).await.expect("it is recovered");
    assert_eq!((lab.calls("refresh"), lab.calls("force")), (2, 1));
    let client = app.app.cal_com.as_ref().expect("it is set up");
    client
        .get_me(&lent.credential)
        .await
        .expect("the new token works");
    app.finish().await;
}

/// A process used the refresh token up and died with its lease, before it put the new pair down.
async fn whoever_comes_after_a_crash_forces_a_pair(on: On) {
    let lab = Lab::start().await;
    let app = lab.setup().start(on).await;
    provision(&app.coach("nora")).await;
    advance(&app, &lab, TimeDelta::hours(2));
    let until = app.now() + TimeDelta::seconds(30);
    let row = edit(&app, |row| {
        (row.lease, row.leased_until) = (Some(entity::new_id()), Some(until))
    })
    .await;
    lab.state().refresh.clear();
    let waiting = tokio::spawn({
        let app = app.app.clone();
        async move { connection::credential_of(&app, row.id, Purpose::Booking).await }
    });
    tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    assert!(
        !waiting.is_finished(),
        "while the lease holds, nobody else asks"
    );
    assert_eq!(lab.calls("refresh"), 0);
    advance(&app, &lab, TimeDelta::seconds(31));
    waiting
        .await
        .expect("nobody panics")
        .expect("whoever waited takes over");
    assert_eq!((lab.calls("refresh"), lab.calls("force")), (1, 1));
    assert_eq!(only(&app).await.health, Health::Ok);
    app.finish().await;
}

async fn a_revoked_token_is_replaced_once(on: On) {
    let lab = Lab::start().await;
    let app = lab.setup().start(on).await;
    provision(&app.coach("nora")).await;
    let row = only(&app).await;
    let old = lend(&app, &row).await.expect("it works");
    lab.state().access.clear();
    let client = app.app.cal_com.as_ref().expect("it is set up");
    let error = client
        .get_me(&old.credential)
        .await
        .expect_err("it is revoked");
    connection::report(&app.app, &old, &error)
        .await
        .expect("the database answers");
    let new = lend(&app, &row).await.expect("there is a new one");
    assert_ne!(token(&old.credential), token(&new.credential));
    // Whoever was late with the same news changes nothing.
    connection::report(&app.app, &old, &error)
        .await
        .expect("the database answers");
    lend(&app, &row).await.expect("it works");
    assert_eq!(lab.calls("refresh"), 1);
    // Nor does a failure that is not about the token.
    let unrelated = providers::cal_com::Error::new(
        providers::Provider::CalCom,
        providers::Kind::Unauthorized,
        "",
    );
    connection::report(&app.app, &new, &unrelated)
        .await
        .expect("the database answers");
    lend(&app, &row).await.expect("it works");
    assert_eq!(lab.calls("refresh"), 1);
    app.finish().await;
}

async fn an_outage_breaks_nothing(on: On) {
    let lab = Lab::start().await;
    let app = lab.setup().start(on).await;
    provision(&app.coach("nora")).await;
    let row = only(&app).await;
    // Early, the old token is still good for a call.
    advance(&app, &lab, TimeDelta::minutes(59));
    lab.fail("refresh", &[Fault::Down; 100]);
    lend(&app, &row).await.expect("the old one");
    for _ in 0..3 {
        advance(&app, &lab, TimeDelta::minutes(11));
        assert!(matches!(
            lend(&app, &row).await,
            Err(CredentialError::Unavailable(_))
        ));
        let row = only(&app).await;
        assert_eq!((row.health, row.failures, row.lease), (Health::Ok, 0, None));
    }
    lab.state().faults.clear();
    advance(&app, &lab, TimeDelta::minutes(11));
    lend(&app, &row).await.expect("Cal.com is back");
    app.finish().await;
}

async fn a_consent_is_broken_after_two_refusals(on: On) {
    let lab = Lab::start().await;
    let app = lab.setup().start(on).await;
    let nora = app.coach("nora");
    consent::connect(&app, &lab, &nora, 7).await;
    let row = only(&app).await;
    advance(&app, &lab, TimeDelta::hours(1));
    lab.fail("token", &[Fault::Refused]);
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
    advance(&app, &lab, TimeDelta::seconds(6));
    lend(&app, &row).await.expect("it was a mishap");
    assert_eq!(only(&app).await.failures, 0);

    advance(&app, &lab, TimeDelta::hours(1));
    lab.fail("token", &[Fault::Refused, Fault::Refused]);
    assert!(matches!(
        lend(&app, &row).await,
        Err(CredentialError::Unavailable(_))
    ));
    advance(&app, &lab, TimeDelta::seconds(6));
    assert!(matches!(
        lend(&app, &row).await,
        Err(CredentialError::Broken(HealthReason::ConsentRefused))
    ));
    let calls = lab.calls("token");
    assert!(matches!(
        lend(&app, &row).await,
        Err(CredentialError::Broken(_))
    ));
    assert_eq!(
        lab.calls("token"),
        calls,
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
    // Connecting again mends it.
    consent::connect(&app, &lab, &nora, 7).await;
    lend(&app, &row).await.expect("it works again");
    app.finish().await;
}

async fn an_account_that_is_gone_is_proof(on: On) {
    let lab = Lab::start().await;
    let app = lab.setup().start(on).await;
    provision(&app.coach("nora")).await;
    let row = only(&app).await;
    {
        let mut state = lab.state();
        state.users.clear();
        state.access.clear();
        state.refresh.clear();
    }
    advance(&app, &lab, TimeDelta::hours(1));
    assert!(matches!(
        lend(&app, &row).await,
        Err(CredentialError::Broken(HealthReason::AccountGone))
    ));
    assert_eq!(
        connection::action(&only(&app).await),
        Some(connection::Action::Provision)
    );
    // The action mends it: a new account, in the place of the one that is gone.
    lab.state()
        .users
        .insert(90, "somebody@else.example".to_owned());
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

async fn what_ends_soon_is_renewed_or_told_of(on: On) {
    let lab = Lab::start().await;
    let app = lab.setup().start(on).await;
    consent::connect(&app, &lab, &app.coach("nora"), 7).await;
    assert_eq!(
        connection::sweep(&app.app)
            .await
            .expect("the database answers"),
        0,
        "it was looked at just now"
    );
    advance(&app, &lab, TimeDelta::days(24));
    lab.fail("token", &[Fault::Down; 20]);
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
    lab.state().faults.clear();
    let renewed = async {
        while only(&app).await.health != Health::Ok {
            tokio::time::sleep(std::time::Duration::from_millis(200)).await;
            advance(&app, &lab, TimeDelta::hours(7));
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

async fn every_reading_is_written_down(on: On) {
    let lab = Lab::start().await;
    let app = lab.setup().start(on).await;
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
    advance(&app, &lab, TimeDelta::hours(1));
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
