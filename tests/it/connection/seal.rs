//! Encryption in the database, and re-encryption when keys are rotated.

use courtside::domain::rotate::{self, Rotated};
use entity::note;
use sea_orm::{
    ActiveModelTrait as _, ColumnTrait as _, EntityTrait as _, IntoActiveModel as _,
    QueryFilter as _,
};
use serde_json::json;
use tests::{On, Setup, TestApp, both_bare, cal_com};

use super::{lend, only, provision};
use crate::booking::{create, id_of};

both_bare![
    private_notes_are_sealed,
    keys_are_replaced_beside_a_running_server,
    without_keys_nothing_is_connected
];

const OLD: &str = "old:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
const NEW: &str = "new:HxweGxoZGBcWFRQTEhEQDw4NDAsKCQgHBgUEAwIBAAA=";

async fn body(app: &TestApp, id: entity::Uuid) -> (String, Option<String>) {
    let row = note::Entity::find_by_id(id)
        .one(app.db().read())
        .await
        .expect("the database answers");
    let row = row.expect("it is there");
    (row.body, row.body_key)
}

async fn private_notes_are_sealed(on: On) {
    let app = Setup::default().start(on).await;
    let maria = app.client("maria");
    let offer = app.offer("nora", "coaching-60").await;
    let booking = id_of(&create(&maria, &offer.order(tests::at("2026-11-25T14:00:00Z"))).await);
    let session = courtside::graphql::id::Kind::Session.id(app
        .session_of(&booking)
        .await
        .expect("confirmed")
        .id);
    let input =
        json!({ "sessionId": session, "body": "a private thought", "visibility": "PRIVATE" });
    let made = maria.mutate("createNote", input, "note { id body }").await;
    assert_eq!(made.at("/createNote/note/body"), "a private thought");
    let id = made.text("/createNote/note/id");
    let key = courtside::graphql::id::Kind::Note
        .key("id", &id.clone().into())
        .expect("the id of a note");
    let (stored, name) = body(&app, key).await;
    assert!(
        !stored.contains("thought") && name.as_deref() == Some("development"),
        "{stored}"
    );
    let query = "query($id: ID!) { node(id: $id) { ... on Note { body } } session(id: $s) { notes { nodes { body } } } }";
    let query = query.replace("$id: ID!", "$id: ID!, $s: ID!");
    let read = maria.gql(&query, json!({ "id": id, "s": session })).await;
    assert_eq!(read.at("/node/body"), "a private thought");
    assert_eq!(read.at("/session/notes/nodes/0/body"), "a private thought");

    // Shared, both sides read it, and it is stored as plain text; private again, it is encrypted.
    for (visibility, sealed) in [("SHARED", false), ("PRIVATE", true)] {
        let input = json!({ "noteId": id, "visibility": visibility });
        let changed = maria.mutate("updateNote", input, "note { body }").await;
        assert_eq!(changed.at("/updateNote/note/body"), "a private thought");
        assert_eq!(body(&app, key).await.1.is_some(), sealed, "{visibility}");
    }

    // The demo data was written without keys: plain text, readable, and encrypted by the rotation.
    let plain = || {
        note::Entity::find()
            .filter(note::Column::Visibility.eq(note::Visibility::Private))
            .filter(note::Column::BodyKey.is_null())
    };
    let before = plain()
        .all(app.db().read())
        .await
        .expect("the database answers");
    assert!(!before.is_empty());
    let done = rotate::rotate(&app.app).await.expect("there is a key");
    assert_eq!(
        done,
        Rotated {
            notes: before.len() as u64,
            ..Rotated::default()
        }
    );
    assert_eq!(
        plain()
            .all(app.db().read())
            .await
            .expect("the database answers"),
        []
    );
    assert_eq!(
        rotate::rotate(&app.app).await.expect("there is a key"),
        Rotated::default(),
        "nothing is left to do"
    );
    app.finish().await;
}

async fn keys_are_replaced_beside_a_running_server(on: On) {
    let cal = cal_com::start().await;
    let with_keys = |keys: &str| {
        Setup::default()
            .cal_com(&cal)
            .setting("ENCRYPTION_KEYS", keys)
    };
    let app = with_keys(&format!("{OLD},{NEW}")).start(on).await;
    provision(&app.coach("nora")).await;
    let before = only(&app).await;
    assert!(
        before
            .access_token
            .as_deref()
            .is_some_and(|token| token.starts_with("v1.old."))
    );
    let turned = app.beside_as(with_keys(&format!("{NEW},{OLD}"))).await;
    let done = rotate::rotate(&turned.app).await.expect("there are keys");
    assert_eq!((done.tokens, done.unreadable), (2, 0), "{done:?}");
    let after = only(&app).await;
    assert!(
        after
            .refresh_token
            .as_deref()
            .is_some_and(|token| token.starts_with("v1.new."))
    );
    assert_eq!(
        after.token_version, before.token_version,
        "it is the same pair"
    );
    lend(&app, &after)
        .await
        .expect("the running server reads on");
    let alone = app.beside_as(with_keys(NEW)).await;
    lend(&alone, &after)
        .await
        .expect("the old key is no longer needed");
    let done = rotate::rotate(&turned.app).await.expect("there are keys");
    assert_eq!(done.tokens, 0, "nothing is left to do");

    // What cannot be read stays as it is, and is counted. A token copied to another row is such a
    // thing.
    let mut row = after.clone();
    row.access_token = before
        .access_token
        .map(|token| token.replace("v1.old.", "v1.gone."));
    row.into_active_model()
        .reset_all()
        .update(app.db().write_one())
        .await
        .expect("the row is sound");
    let done = rotate::rotate(&turned.app).await.expect("there are keys");
    assert_eq!((done.tokens, done.unreadable), (0, 1));
    for other in [turned, alone] {
        other.finish().await;
    }
    app.finish().await;
}

async fn without_keys_nothing_is_connected(on: On) {
    let setup = Setup::default()
        .setting("CLERK_ISSUER", "https://clerk.example.com")
        .setting("CLERK_AUTHORIZED_PARTIES", "https://app.example.com");
    let app = setup.start(on).await;
    assert!(app.app.cal_com.is_none() && !app.app.vault.is_open());
    assert!(rotate::rotate(&app.app).await.is_err());
    app.finish().await;
}
