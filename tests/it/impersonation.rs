//! Tokens with which somebody acts in another person's name, and tokens of other kinds.

use entity::{audit_log, booking_event};
use sea_orm::{EntityTrait, QueryOrder};
use serde_json::{Value, json};
use simulators::clerk::{StandIn, Subject};
use tests::{On, Setup, TestApp, at, both_bare, clerk};

use crate::booking::{cancel, create, id_of};

both_bare![
    history_and_audit_name_both_people,
    tokens_of_jwt_templates_and_machines_are_refused,
    tokens_without_an_origin_are_accepted_only_by_a_setting,
];

const SUPPORT: &str = "user_support";
const ME: &str = "{ viewer { user { id } } }";

fn impersonated(clerk: &StandIn, subject: &Subject) -> String {
    clerk.token_with(subject, |_, claims| {
        claims["act"] = json!({ "sub": SUPPORT })
    })
}

async fn audit(app: &TestApp) -> Vec<(String, Option<entity::Uuid>, Option<String>)> {
    let rows = audit_log::Entity::find()
        .order_by_asc(audit_log::Column::OccurredAt)
        .order_by_asc(audit_log::Column::Id)
        .all(app.db().read())
        .await;
    rows.expect("the database answers")
        .into_iter()
        .map(|row| (row.action, row.actor_id, row.impersonator))
        .collect()
}

async fn history_and_audit_name_both_people(on: On) {
    let clerk = clerk::start().await;
    let app = Setup::default().clerk(&clerk).start(on).await;
    let rosa = clerk::verified("user_rosa", "client");
    let herself = app.bearer(&clerk.token(&rosa));
    let me = herself.gql(ME, json!({})).await.text("/viewer/user/id");
    assert_eq!(audit(&app).await, []);

    let support = app.bearer(&impersonated(&clerk, &rosa));
    let order = app.offer("nora", "coaching-60").await;
    let id = id_of(&create(&support, &order.order(at("2026-11-25T15:00:00Z"))).await);
    cancel(&herself, &id).await.ok();
    let history = "query($id: ID!) { booking(id: $id) { history(first: 50) { nodes { kind actor { id } impersonatedBy } } } }";
    let shown = herself.gql(history, json!({ "id": id })).await;
    let lines = shown
        .at("/booking/history/nodes")
        .as_array()
        .expect("a list");
    assert!(lines.len() >= 3, "{lines:?}");
    for line in lines {
        let by = if line["kind"] == "CANCELED" {
            Value::Null
        } else {
            SUPPORT.into()
        };
        assert_eq!(line["impersonatedBy"], by, "{line}");
        assert_eq!(line["actor"]["id"], me, "{line}");
    }
    let booking = app.booking(&id).await;
    let stored = booking_event::Entity::find_by_booking(booking.id)
        .all(app.db().read())
        .await
        .expect("the database answers");
    assert_eq!(stored.len(), lines.len());

    // Once for each session, whatever it does.
    let session = (
        "session.impersonate".to_owned(),
        booking.client_id,
        Some(SUPPORT.to_owned()),
    );
    app.bearer(&impersonated(&clerk, &rosa))
        .gql(ME, json!({}))
        .await
        .ok();
    assert_eq!(audit(&app).await, std::slice::from_ref(&session));
    let next = clerk.token_with(&rosa, |_, claims| {
        claims["act"] = json!({ "sub": SUPPORT });
        claims["sid"] = "sess_next".into();
    });
    app.bearer(&next).gql(ME, json!({})).await.ok();
    assert_eq!(audit(&app).await, [session.clone(), session]);

    // What a coach changes is audited when it is not they who change it.
    let ida = clerk::verified("user_ida", "coach");
    let change = json!({ "headline": "New" });
    for (token, entries) in [(clerk.token(&ida), 0), (impersonated(&clerk, &ida), 1)] {
        app.bearer(&token)
            .mutate("updateCoachProfile", change.clone(), "coach { id }")
            .await
            .ok();
        let updates = audit(&app)
            .await
            .into_iter()
            .filter(|(action, _, by)| action == "coach.update" && by.as_deref() == Some(SUPPORT));
        assert_eq!(updates.count(), entries);
    }
    app.run_jobs().await;
    app.finish().await;
}

async fn tokens_of_jwt_templates_and_machines_are_refused(on: On) {
    let clerk = clerk::start().await;
    let app = Setup::default().clerk(&clerk).start(on).await;
    let rosa = clerk::verified("user_rosa", "admin");
    for (category, status) in [
        ("cl_B7d4PD111AAA", 200),
        ("cl_I7d4PD111III", 200),
        ("cl_B7d4PD222AAA", 401),
        ("cl_B7d4PD333AAA", 401),
        ("cl_B7d4PD999AAA", 401),
    ] {
        let token = clerk.token_with(&rosa, |header, _| header["cat"] = category.into());
        let answer = app.bearer(&token).gql(ME, json!({})).await;
        assert_eq!(answer.status, status, "{category}");
    }
    app.run_jobs().await;
    app.finish().await;
}

async fn tokens_without_an_origin_are_accepted_only_by_a_setting(on: On) {
    let clerk = clerk::start().await;
    let rosa = clerk::verified("user_rosa", "client");
    let native = clerk.token_with(&rosa, |_, claims| {
        claims.as_object_mut().expect("claims").remove("azp");
    });
    let foreign = clerk.token_with(&rosa, |_, claims| {
        claims["azp"] = "https://evil.example".into();
    });
    let app = Setup::default().clerk(&clerk).start(on).await;
    assert_eq!(app.bearer(&native).gql(ME, json!({})).await.status, 401);
    let open = Setup::default()
        .clerk(&clerk)
        .setting("CLERK_NATIVE_APPS", "true");
    let open = app.beside_as(open).await;
    assert_eq!(open.bearer(&native).gql(ME, json!({})).await.status, 200);
    assert_eq!(open.bearer(&foreign).gql(ME, json!({})).await.status, 401);
    open.finish().await;
    app.run_jobs().await;
    app.finish().await;
}
