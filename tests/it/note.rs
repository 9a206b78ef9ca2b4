//! What people write on sessions.

use serde_json::{Value, json};
use tests::{Actor, Answer, TestApp, both};

both![
    a_private_note_is_its_authors_alone,
    a_shared_note_is_for_both_sides_and_staff,
    only_its_author_changes_a_note,
    only_participants_write_notes,
    a_body_has_a_length,
    notes_come_newest_first_and_in_pages,
    the_last_notes_of_many_bookings_take_one_statement,
];

const NOTE: &str = "note { id body visibility version viewerCanEdit author { displayName } }";

/// A session of Maria's with Nora that is over.
async fn past_session(app: &TestApp) -> String {
    let query = "{ viewer { sessions(first: 1) { nodes { id status } } } }";
    app.client("maria")
        .gql(query, json!({}))
        .await
        .text("/viewer/sessions/nodes/0/id")
}

async fn write(actor: &Actor<'_>, session: &str, body: &str, visibility: &str) -> Answer {
    let input = json!({ "sessionId": session, "body": body, "visibility": visibility });
    actor.mutate("createNote", input, NOTE).await
}

/// The bodies of the notes that somebody reads, newest first.
async fn read(actor: &Actor<'_>, session: &str) -> Vec<String> {
    let query =
        "query($id: ID!) { session(id: $id) { notes(first: 100) { nodes { body } totalCount } } }";
    let answer = actor.gql(query, json!({ "id": session })).await;
    let notes = answer
        .at("/session/notes/nodes")
        .as_array()
        .expect("a list");
    assert_eq!(answer.at("/session/notes/totalCount"), notes.len());
    notes
        .iter()
        .map(|note| note["body"].as_str().expect("text").to_owned())
        .collect()
}

async fn reads(actor: &Actor<'_>, session: &str, id: &str, body: &str) -> bool {
    let node = actor
        .gql(
            "query($id: ID!) { node(id: $id) { ... on Note { body } } }",
            json!({ "id": id }),
        )
        .await;
    let by_id = node.at("/node") != &Value::Null;
    assert_eq!(
        read(actor, session).await.contains(&body.to_owned()),
        by_id,
        "the list and the note itself say the same"
    );
    by_id
}

async fn a_private_note_is_its_authors_alone(app: &TestApp) {
    let (maria, nora, admin) = (app.client("maria"), app.coach("nora"), app.admin());
    let session = past_session(app).await;
    for (author, other) in [(&nora, &maria), (&maria, &nora)] {
        let made = write(author, &session, "For me", "PRIVATE").await;
        let id = made.text("/createNote/note/id");
        assert!(reads(author, &session, &id, "For me").await);
        assert!(!reads(other, &session, &id, "For me").await);
        assert!(
            !reads(&admin, &session, &id, "For me").await,
            "not even staff"
        );
        for stranger in [other, &admin] {
            let gone = stranger
                .mutate("deleteNote", json!({ "noteId": id }), "deletedNoteId")
                .await;
            assert_eq!(gone.user_errors(), ["NOT_FOUND"]);
            let changed = stranger
                .mutate(
                    "updateNote",
                    json!({ "noteId": id, "visibility": "SHARED" }),
                    NOTE,
                )
                .await;
            assert_eq!(changed.user_errors(), ["NOT_FOUND"]);
        }
        let gone = author
            .mutate("deleteNote", json!({ "noteId": id }), "deletedNoteId")
            .await;
        assert_eq!(gone.at("/deleteNote/deletedNoteId"), id.as_str());
    }
    let unsaid = maria
        .mutate(
            "createNote",
            json!({ "sessionId": session, "body": "Hm" }),
            NOTE,
        )
        .await;
    assert_eq!(
        unsaid.at("/createNote/note/visibility"),
        "PRIVATE",
        "unless one says otherwise"
    );
}

async fn a_shared_note_is_for_both_sides_and_staff(app: &TestApp) {
    let (maria, nora, admin) = (app.client("maria"), app.coach("nora"), app.admin());
    let session = past_session(app).await;
    let made = write(&nora, &session, "For both", "SHARED").await;
    assert_eq!(
        made.at("/createNote/note/author/displayName"),
        "Nora Whitfield"
    );
    let id = made.text("/createNote/note/id");
    for reader in [&maria, &nora, &admin] {
        assert!(reads(reader, &session, &id, "For both").await);
    }
    let node = app
        .client("james")
        .gql(
            "query($id: ID!) { node(id: $id) { id } }",
            json!({ "id": id }),
        )
        .await;
    assert_eq!(node.at("/node"), &Value::Null);
    let taken_back = nora
        .mutate(
            "updateNote",
            json!({ "noteId": id, "visibility": "PRIVATE" }),
            NOTE,
        )
        .await;
    assert_eq!(taken_back.at("/updateNote/note/visibility"), "PRIVATE");
    assert!(!reads(&maria, &session, &id, "For both").await);
}

async fn only_its_author_changes_a_note(app: &TestApp) {
    let (maria, nora) = (app.client("maria"), app.coach("nora"));
    let session = past_session(app).await;
    let id = write(&nora, &session, "One", "SHARED")
        .await
        .text("/createNote/note/id");
    for other in [&maria, &app.admin()] {
        let changed = other
            .mutate("updateNote", json!({ "noteId": id, "body": "Two" }), NOTE)
            .await;
        assert_eq!(changed.code(), Some("FORBIDDEN"));
        let gone = other
            .mutate("deleteNote", json!({ "noteId": id }), "deletedNoteId")
            .await;
        assert_eq!(gone.code(), Some("FORBIDDEN"));
    }
    let changed = nora
        .mutate(
            "updateNote",
            json!({ "noteId": id, "body": "Two", "version": 1 }),
            NOTE,
        )
        .await;
    assert_eq!(changed.at("/updateNote/note/version"), 2);
    let stale = nora
        .mutate(
            "updateNote",
            json!({ "noteId": id, "body": "Three", "version": 1 }),
            NOTE,
        )
        .await;
    assert_eq!(stale.user_errors(), ["VERSION_CONFLICT"]);
    let stale = nora
        .mutate(
            "deleteNote",
            json!({ "noteId": id, "version": 1 }),
            "deletedNoteId",
        )
        .await;
    assert_eq!(stale.user_errors(), ["VERSION_CONFLICT"]);
    assert!(read(&maria, &session).await.contains(&"Two".to_owned()));
}

async fn only_participants_write_notes(app: &TestApp) {
    let session = past_session(app).await;
    for stranger in [app.client("james"), app.coach("marcus")] {
        assert_eq!(
            write(&stranger, &session, "Hello", "SHARED")
                .await
                .user_errors(),
            ["NOT_FOUND"]
        );
    }
    assert_eq!(
        write(&app.admin(), &session, "Hello", "SHARED")
            .await
            .code(),
        Some("FORBIDDEN")
    );
    assert_eq!(
        write(&app.visitor(), &session, "Hello", "SHARED")
            .await
            .code(),
        Some("UNAUTHENTICATED")
    );
    let missing = format!("session_{}", "0".repeat(32));
    assert_eq!(
        write(&app.client("maria"), &missing, "Hello", "SHARED")
            .await
            .user_errors(),
        ["NOT_FOUND"]
    );
}

async fn a_body_has_a_length(app: &TestApp) {
    let maria = app.client("maria");
    let session = past_session(app).await;
    for body in ["", " \n\t", "a\u{0}b", &"ü".repeat(20_001)] {
        assert_eq!(
            write(&maria, &session, body, "PRIVATE").await.fields(),
            ["body"]
        );
    }
    let body = "ü".repeat(20_000);
    let made = write(&maria, &session, &body, "PRIVATE").await;
    assert_eq!(made.at("/createNote/note/body"), body.as_str());
}

async fn notes_come_newest_first_and_in_pages(app: &TestApp) {
    let maria = app.client("maria");
    let session = past_session(app).await;
    for number in 1..=3 {
        app.clock.advance(chrono::TimeDelta::seconds(1));
        write(&maria, &session, &format!("Note {number}"), "PRIVATE")
            .await
            .ok();
    }
    let query = "query($id: ID!, $first: Int, $after: String, $kind: NoteVisibility) { session(id: $id) {
        notes(first: $first, after: $after, visibility: $kind) { nodes { body } pageInfo { hasNextPage endCursor } } } }";
    let page = maria.gql(query, json!({ "id": session, "first": 2 })).await;
    assert_eq!(
        page.at("/session/notes/nodes"),
        &json!([{ "body": "Note 3" }, { "body": "Note 2" }])
    );
    let after = page.text("/session/notes/pageInfo/endCursor");
    let rest = maria
        .gql(query, json!({ "id": session, "first": 50, "after": after }))
        .await;
    assert_eq!(rest.at("/session/notes/nodes/0/body"), "Note 1");
    assert_eq!(rest.at("/session/notes/pageInfo/hasNextPage"), false);
    let own = maria
        .gql(
            query,
            json!({ "id": session, "first": 50, "kind": "PRIVATE" }),
        )
        .await;
    assert_eq!(
        own.at("/session/notes/nodes").as_array().map(Vec::len),
        Some(3)
    );

    // The same page, read together with those of other sessions.
    let query = "query($after: String) { viewer { sessions(first: 1) { nodes { notes(first: 2, after: $after) {
        nodes { body } pageInfo { hasNextPage endCursor } totalCount } } } } }";
    let together = maria.gql(query, json!({})).await;
    assert_eq!(
        together.at("/viewer/sessions/nodes/0/notes/nodes"),
        page.at("/session/notes/nodes")
    );
    assert_eq!(
        together.at("/viewer/sessions/nodes/0/notes/pageInfo/endCursor"),
        after.as_str()
    );
    assert_eq!(together.at("/viewer/sessions/nodes/0/notes/totalCount"), 5);
}

async fn the_last_notes_of_many_bookings_take_one_statement(app: &TestApp) {
    let maria = app.client("maria");
    let query =
        "query($first: Int!) { viewer { bookings(first: $first) { nodes { id coach { displayName }
        session { status notes(first: 3) { nodes { body author { displayName } } } } } } } }";
    for first in [1, 3] {
        let (answer, statements) = app
            .statements
            .of(maria.gql(query, json!({ "first": first })))
            .await;
        assert_eq!(
            answer.at("/viewer/bookings/nodes").as_array().map(Vec::len),
            Some(first)
        );
        let bodies = answer
            .at("/viewer/bookings/nodes/0/session/notes/nodes")
            .as_array()
            .expect("a list")
            .len();
        assert_eq!(bodies, 2, "what is shared; the coach's own note is not");
        assert_eq!(
            statements
                .iter()
                .filter(|sql| sql.contains("row_number"))
                .count(),
            1,
            "{statements:#?}"
        );
        let people = statements
            .iter()
            .filter(|sql| sql.contains("FROM \"user\"") && sql.contains("IN ("))
            .count();
        assert_eq!(people, 1, "{statements:#?}");
    }
}
