//! Whoever asks for something that needs a coach's credential is named where its reading is written
//! down.

use chrono::TimeDelta;
use entity::{Uuid, audit_log};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};
use serde_json::json;
use tests::{On, both_bare};

use super::lab::{COACH, Lab};

both_bare![a_reading_names_who_asked];

/// For whom the credential was read, for a purpose.
async fn readers(lab: &Lab, purpose: &str) -> Vec<Option<Uuid>> {
    let read = audit_log::Entity::find()
        .filter(audit_log::Column::Action.eq("connection.read_credential"));
    let rows = read
        .all(lab.app.db().read())
        .await
        .expect("the database answers");
    let rows = rows.into_iter().filter(|row| {
        row.detail
            .as_ref()
            .is_some_and(|detail| detail["purpose"] == purpose)
    });
    rows.map(|row| row.actor_id).collect()
}

async fn a_reading_names_who_asked(on: On) {
    let lab = Lab::start(on).await;
    let (maria, nora) = (lab.app.user("maria").await.id, lab.app.user(COACH).await.id);
    lab.booked("2026-11-25T15:00:00Z").await;
    lab.booked("2026-11-26T15:00:00Z").await;
    assert_eq!(
        readers(&lab, "booking").await,
        [Some(maria)],
        "once for each who asks, not for each request"
    );
    assert!(
        readers(&lab, "slots").await.iter().all(Option::is_none),
        "free time is read for everybody"
    );

    lab.settle(TimeDelta::minutes(3)).await;
    assert!(
        readers(&lab, "reconcile").await.iter().all(Option::is_none),
        "what time brings has no person"
    );
    let sync = "mutation { syncMyBookings { report { read } userErrors { code } } }";
    let synced = lab.app.coach(COACH).gql(sync, json!({})).await;
    assert_eq!(
        synced.at("/syncMyBookings/userErrors"),
        &json!([]),
        "{synced:?}"
    );
    assert!(
        readers(&lab, "reconcile").await.contains(&Some(nora)),
        "{:?}",
        readers(&lab, "reconcile").await
    );
    let olivia = lab.app.user("olivia").await.id;
    let read = lab
        .app
        .admin()
        .mutate("reconcile", json!({ "dryRun": true }), "report { read }")
        .await;
    assert_eq!(read.user_errors(), Vec::<&str>::new(), "{read:?}");
    assert!(readers(&lab, "reconcile").await.contains(&Some(olivia)));
    lab.settle(TimeDelta::seconds(10)).await;
    lab.app.finish().await;
}
