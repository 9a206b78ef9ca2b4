//! The audit log names the person for whom a coach's credential was read.

use chrono::TimeDelta;
use entity::{Uuid, audit_log};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};
use serde_json::json;
use tests::{On, both_bare};

use super::fixture::{COACH, Fixture};

both_bare![a_credential_read_is_audited_with_its_requester];

/// The persons for whom the credential was read, for a purpose.
async fn readers(fixture: &Fixture, purpose: &str) -> Vec<Option<Uuid>> {
    let read = audit_log::Entity::find()
        .filter(audit_log::Column::Action.eq("connection.read_credential"));
    let rows = read
        .all(fixture.app.db().read())
        .await
        .expect("the database answers");
    let rows = rows.into_iter().filter(|row| {
        row.detail
            .as_ref()
            .is_some_and(|detail| detail["purpose"] == purpose)
    });
    rows.map(|row| row.actor_id).collect()
}

async fn a_credential_read_is_audited_with_its_requester(on: On) {
    let fixture = Fixture::start(on).await;
    let (maria, nora) = (
        fixture.app.user("maria").await.id,
        fixture.app.user(COACH).await.id,
    );
    fixture.booked("2026-11-25T15:00:00Z").await;
    fixture.booked("2026-11-26T15:00:00Z").await;
    assert_eq!(
        readers(&fixture, "booking").await,
        [Some(maria)],
        "once for each who asks, not for each request"
    );
    assert!(
        readers(&fixture, "slots").await.iter().all(Option::is_none),
        "free time is read for everybody"
    );

    fixture.settle(TimeDelta::minutes(3)).await;
    assert!(
        readers(&fixture, "reconcile")
            .await
            .iter()
            .all(Option::is_none),
        "what time brings has no person"
    );
    let sync = "mutation { syncMyBookings { report { read } userErrors { code } } }";
    let synced = fixture.app.coach(COACH).gql(sync, json!({})).await;
    assert_eq!(
        synced.at("/syncMyBookings/userErrors"),
        &json!([]),
        "{synced:?}"
    );
    assert!(
        readers(&fixture, "reconcile").await.contains(&Some(nora)),
        "{:?}",
        readers(&fixture, "reconcile").await
    );
    let olivia = fixture.app.user("olivia").await.id;
    let read = fixture
        .app
        .admin()
        .mutate("reconcile", json!({ "dryRun": true }), "report { read }")
        .await;
    assert_eq!(read.user_errors(), Vec::<&str>::new(), "{read:?}");
    assert!(readers(&fixture, "reconcile").await.contains(&Some(olivia)));
    fixture.settle(TimeDelta::seconds(10)).await;
    fixture.app.finish().await;
}
