//! Encryption in the database, and re-encryption when keys are rotated.

use courtside::domain::rotate::{self, Rotated};
use entity::booking::Answers;
use entity::note;
use sea_orm::{ActiveModelTrait as _, EntityTrait as _, IntoActiveModel as _};
use serde_json::json;
use tests::{On, Setup, TestApp, both_bare, cal_com};

use super::{lend, only, provision};
use crate::booking::{create, id_of};

both_bare![
    notes_are_sealed_whoever_may_read_them,
    plain_text_is_sealed_and_nothing_is_lost,
    answers_and_notes_are_resealed_under_a_new_key,
    the_database_holds_no_note_and_no_answer_in_plain_text,
    keys_are_replaced_beside_a_running_server,
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

async fn notes_are_sealed_whoever_may_read_them(on: On) {
    let app = Setup::default().start(on).await;
    let maria = app.client("maria");
    let offer = app.offer("nora", "coaching-60").await;
    let booking = id_of(&create(&maria, &offer.order(tests::at("2026-11-25T14:00:00Z"))).await);
    let session = courtside::graphql::id::Kind::Session.id(app
        .session_of(&booking)
        .await
        .expect("confirmed")
        .id);
    let input = json!({ "sessionId": session, "body": "a first thought", "visibility": "PRIVATE" });
    let made = maria.mutate("createNote", input, "note { id body }").await;
    assert_eq!(made.at("/createNote/note/body"), "a first thought");
    let id = made.text("/createNote/note/id");
    let key = courtside::graphql::id::Kind::Note
        .key("id", &id.clone().into())
        .expect("the id of a note");
    let sealed = async || {
        let (stored, name) = body(&app, key).await;
        assert!(
            !stored.contains("thought") && name.as_deref() == Some("development"),
            "{stored}"
        );
    };
    sealed().await;
    let query = "query($id: ID!) { node(id: $id) { ... on Note { body } } session(id: $s) { notes { nodes { body } } } }";
    let query = query.replace("$id: ID!", "$id: ID!, $s: ID!");
    let read = maria.gql(&query, json!({ "id": id, "s": session })).await;
    assert_eq!(read.at("/node/body"), "a first thought");
    assert_eq!(read.at("/session/notes/nodes/0/body"), "a first thought");
    for visibility in ["SHARED", "PRIVATE", "SHARED"] {
        let input = json!({ "noteId": id, "visibility": visibility });
        let changed = maria.mutate("updateNote", input, "note { body }").await;
        assert_eq!(changed.at("/updateNote/note/body"), "a first thought");
        sealed().await;
    }
    let nora = app.coach("nora");
    let read = nora.gql(&query, json!({ "id": id, "s": session })).await;
    assert_eq!(read.at("/node/body"), "a first thought");
    assert_eq!(read.at("/session/notes/nodes/0/body"), "a first thought");
    app.finish().await;
}

/// A question of an event type, whose answer is a canary.
async fn ask(app: &TestApp) -> tests::Offer {
    let offer = app.offer("nora", "coaching-60").await;
    let question = entity::event_type::Question {
        key: "goal".to_owned(),
        label: "Your goal".to_owned(),
        kind: entity::event_type::AnswerKind::LongText,
        required: false,
        options: Vec::new(),
    };
    app.edit_offer(&offer, |row| {
        row.questions = entity::event_type::Questions(vec![question]);
    })
    .await;
    offer
}

async fn book_with(app: &TestApp, offer: &tests::Offer, starts_at: &str, goal: &str) -> String {
    let mut order = offer.order(tests::at(starts_at));
    order["answers"] = json!([{ "key": "goal", "values": [goal] }]);
    id_of(&create(&app.client("maria"), &order).await)
}

async fn goal_of(app: &TestApp, booking: &str) -> String {
    let query = "query($id: ID!) { booking(id: $id) { answers { key label values } } }";
    let read = app.coach("nora").gql(query, json!({ "id": booking })).await;
    assert_eq!(read.at("/booking/answers/0/label"), "Your goal");
    read.text("/booking/answers/0/values/0")
}

/// What was written before notes and answers were sealed.
async fn plain_text_is_sealed_and_nothing_is_lost(on: On) {
    let app = Setup::default().start(on).await;
    let offer = ask(&app).await;
    let booking = book_with(&app, &offer, "2026-11-25T14:00:00Z", "More listings").await;
    let row = app.booking(&booking).await;
    let answer = entity::booking::Answer {
        key: "goal".to_owned(),
        label: "Your goal".to_owned(),
        kind: entity::event_type::AnswerKind::LongText,
        values: vec!["An older goal".to_owned()],
    };
    let mut old = row.clone().into_active_model();
    old.answers = sea_orm::Set(Answers::Plain(vec![answer]));
    old.update(app.db().write_one()).await.expect("a sound row");
    let demo = note::Entity::find()
        .all(app.db().read())
        .await
        .expect("the database answers");
    assert!(demo.len() >= 18 && demo.iter().all(|note| note.body_key.is_some()));
    let mut plain = demo[0].clone().into_active_model();
    plain.body = sea_orm::Set("An older note".to_owned());
    plain.body_key = sea_orm::Set(None);
    plain
        .update(app.db().write_one())
        .await
        .expect("a sound row");
    assert_eq!(goal_of(&app, &booking).await, "An older goal");

    for _ in 0..2 {
        rotate::seal_plain(&app.app).await.expect("there is a key");
        assert_eq!(goal_of(&app, &booking).await, "An older goal");
        let (stored, key) = body(&app, demo[0].id).await;
        assert!(stored.starts_with("v1.") && key.is_some(), "{stored}");
        let opened = courtside::domain::note::open_body(&app.app, demo[0].id, &stored);
        assert_eq!(opened.expect("it is sealed"), "An older note");
        let sealed = app.booking(&booking).await;
        assert!(matches!(sealed.answers, Answers::Sealed(_)), "{sealed:?}");
        assert_eq!(sealed.version, row.version, "nothing has happened to it");
    }
    let done = rotate::rotate(&app.app).await.expect("there is a key");
    assert_eq!(done, Rotated::default(), "nothing is left to do");
    app.finish().await;
}

async fn answers_and_notes_are_resealed_under_a_new_key(on: On) {
    let with_keys = |keys: &str| Setup::default().setting("ENCRYPTION_KEYS", keys);
    let app = with_keys(OLD).start(on).await;
    let offer = ask(&app).await;
    let booking = book_with(&app, &offer, "2026-11-25T14:00:00Z", "More listings").await;
    let turned = app.beside_as(with_keys(&format!("{NEW},{OLD}"))).await;
    let done = rotate::rotate(&turned.app).await.expect("there are keys");
    assert_eq!(
        (done.notes, done.answers, done.unreadable),
        (18, 1, 0),
        "{done:?}"
    );
    let alone = app.beside_as(with_keys(NEW)).await;
    assert_eq!(goal_of(&alone, &booking).await, "More listings");
    let again = rotate::rotate(&alone.app).await.expect("there is a key");
    assert_eq!(again, Rotated::default());
    for other in [turned, alone] {
        other.finish().await;
    }
    app.finish().await;
}

/// Every byte of the SQLite files, and every row of PostgreSQL's tables.
async fn stored(app: &TestApp, on: On) -> Vec<u8> {
    use sea_orm::{ConnectionTrait as _, DbBackend, Statement};

    if on == On::Sqlite {
        let path = app.database_url().trim_start_matches("sqlite://");
        let path = path.split('?').next().unwrap_or(path);
        let mut bytes = std::fs::read(path).expect("the file is there");
        for more in ["-wal", "-journal"] {
            bytes.extend(std::fs::read(format!("{path}{more}")).unwrap_or_default());
        }
        return bytes;
    }
    let db = app.db().read();
    let query = async |sql: String| {
        let rows = db
            .query_all_raw(Statement::from_string(DbBackend::Postgres, sql))
            .await;
        let rows = rows.expect("the database answers").into_iter();
        rows.map(|row| row.try_get_by_index::<String>(0).expect("text"))
            .collect::<Vec<_>>()
    };
    let tables = query(
        "select relname::text from pg_class where relkind = 'r' \
         and relnamespace = 'public'::regnamespace"
            .to_owned(),
    );
    let mut bytes = Vec::new();
    for table in tables.await {
        let rows = query(format!("select row_to_json(t)::text from \"{table}\" t")).await;
        bytes.extend(rows.concat().into_bytes());
    }
    bytes
}

fn holds(bytes: &[u8], word: &str) -> bool {
    bytes
        .windows(word.len())
        .any(|window| window == word.as_bytes())
}

async fn the_database_holds_no_note_and_no_answer_in_plain_text(on: On) {
    let app = Setup::default().start(on).await;
    let offer = ask(&app).await;
    let booking = book_with(&app, &offer, "2026-11-25T14:00:00Z", "canary-answer").await;
    let session = app.session_of(&booking).await.expect("confirmed").id;
    let session = courtside::graphql::id::Kind::Session.id(session);
    for (actor, body, visibility) in [
        (app.client("maria"), "canary-private-note", "PRIVATE"),
        (app.coach("nora"), "canary-shared-note", "SHARED"),
    ] {
        let input = json!({ "sessionId": session, "body": body, "visibility": visibility });
        let made = actor.mutate("createNote", input, "note { id }").await;
        let id = made.text("/createNote/note/id");
        let input = json!({ "noteId": id, "body": format!("{body}-again") });
        actor.mutate("updateNote", input, "note { id }").await.ok();
    }
    app.run_jobs().await;
    let input = json!({ "idempotencyKey": tests::key(), "bookingId": booking, "startsAt": "2026-11-25T16:00:00Z" });
    app.client("maria")
        .mutate("rescheduleBooking", input, "booking { id }")
        .await
        .ok();
    app.run_jobs().await;
    assert_eq!(goal_of(&app, &booking).await, "canary-answer");
    let bytes = stored(&app, on).await;
    assert!(
        holds(&bytes, "Maria Santos"),
        "the search finds what is there"
    );
    for secret in ["canary", "bring two recent listings", "Quick learner"] {
        assert!(!holds(&bytes, secret), "{secret}");
    }
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
