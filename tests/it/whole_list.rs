//! A list that is read and serialized as a whole equals the one that is resolved object by object.

use serde_json::json;
use tests::{Actor, TestApp, at, both};

use crate::booking::create;
use crate::rules::{members, name, type_named};

both![
    both_list_paths_return_the_same,
    every_field_reads_the_same_on_every_path
];

/// By whom, an object, and its nodes in a list; `@` is where its field goes.
const OBJECTS: [(&str, &str, &str); 5] = [
    ("visitor", "Coach", "coaches { nodes { @ } # }"),
    (
        "visitor",
        "EventType",
        "coaches { nodes { eventTypes { nodes { @ } } } # }",
    ),
    ("client", "Booking", "viewer { bookings { nodes { @ } # } }"),
    (
        "client",
        "Session",
        "viewer { bookings { nodes { session { @ } } # } }",
    ),
    (
        "client",
        "Note",
        "viewer { bookings { nodes { session { notes { nodes { @ } } } } # } }",
    ),
];

/// By whom, the field with its list, and the fields of its nodes.
const LISTS: [(&str, &str, &str); 9] = [
    (
        "visitor",
        "coaches(first: 20)",
        "id handle displayName headline timeZone isListed version createdAt
            eventTypes(first: 10) { nodes { id slug title lengthMinutes kind requiresApproval price { amount currency } } }",
    ),
    ("visitor", "coaches(first: 2)", "name: displayName eventTypes(first: 1) { all: nodes { __typename title } } __typename"),
    ("visitor", "coaches", "...Card"),
    ("visitor", "coaches(filter: { search: \"nobody-has-this-name\" })", "id eventTypes { nodes { id } }"),
    (
        "client",
        "viewer { bookings(first: 20)",
        "id reference status kind startsAt endsAt clientName clientEmail approval moves price { amount } coach { id displayName }
            eventType { id title visibility } session { id status notes(first: 3) { nodes { id body visibility createdAt } } }",
    ),
    ("client", "viewer { bookings(filter: { statuses: [CONFIRMED] })", "id session { status notes { nodes { body } } }"),
    ("coach", "viewer { bookings(role: COACH)", "id coach { id eventTypes(first: 1) { nodes { id } } } session { id }"),
    ("coach", "viewer { bookings", "id session { notes { nodes { body visibility } } }"),
    ("admin", "admin { bookings", "id status session { id notes { nodes { body } } }"),
];

async fn both_list_paths_return_the_same(app: &TestApp) {
    talk(app).await;
    for (who, list, nodes) in LISTS {
        let actor = match who {
            "client" => app.client("maria"),
            "coach" => app.coach("nora"),
            "admin" => app.admin(),
            _ => app.visitor(),
        };
        let fragment = if nodes.contains("...Card") {
            "fragment Card on Coach { id ...Rest } fragment Rest on Coach { handle }"
        } else {
            ""
        };
        let end = if list.contains('{') && !list.starts_with("coaches") {
            "}"
        } else {
            ""
        };
        let ask =
            |more: &str| format!("{{ {list} {{ nodes {{ {nodes} }} {more} }} {end} }} {fragment}");
        let (whole, ran) = app.statements.of(nodes_of(&actor, &ask(""))).await;
        let objects = nodes_of(&actor, &ask("pageInfo { hasNextPage }")).await;
        assert_eq!(whole, objects, "{list} {nodes}");
        // One for the account and one for the list; resolving objects takes one more for each kind.
        let most = if app.db().is_postgres() { 2 } else { 6 };
        assert!(ran.len() <= most, "{list} {nodes}\n{ran:#?}");
    }
}

/// A list is read as a whole, or serialized object by object, or resolved field by field.
async fn every_field_reads_the_same_on_every_path(app: &TestApp) {
    talk(app).await;
    for (who, object, list) in OBJECTS {
        let actor = match who {
            "client" => app.client("maria"),
            _ => app.visitor(),
        };
        for field in plain_fields(object) {
            let ask = |field: &str, more: &str| {
                format!("{{ {} }}", list.replace('@', field).replace('#', more))
            };
            let whole = nodes_of(&actor, &ask(&field, "")).await;
            let objects = nodes_of(&actor, &ask(&field, "pageInfo { endCursor }")).await;
            let included = match field.split_once(' ') {
                Some((name, selection)) => format!("{name} @include(if: true) {selection}"),
                None => format!("{field} @include(if: true)"),
            };
            let fields = nodes_of(&actor, &ask(&included, "pageInfo { endCursor }")).await;
            assert_eq!(whole, objects, "{object}.{field}");
            assert_eq!(objects, fields, "{object}.{field}");
            assert!(fields.to_string().contains(name_of(&field)), "{fields}");
        }
    }
}

fn name_of(field: &str) -> &str {
    field.split(' ').next().unwrap_or_default()
}

/// The fields of an object that are values or prices, with a selection.
fn plain_fields(object: &str) -> Vec<String> {
    let fields = members(type_named(object), "fields");
    let selected = fields.filter_map(|field| {
        let mut kind = &field["type"];
        while !kind["ofType"].is_null() {
            kind = &kind["ofType"];
        }
        match (kind["kind"].as_str(), kind["name"].as_str()) {
            (Some("SCALAR" | "ENUM"), _) => Some(name(field).to_owned()),
            (_, Some("Money")) => Some(format!("{} {{ amount currency }}", name(field))),
            _ => None,
        }
    });
    selected.collect()
}

async fn nodes_of(actor: &Actor<'_>, query: &str) -> serde_json::Value {
    let answer = actor.gql(query, json!({})).await;
    let found = [
        "/coaches/nodes",
        "/viewer/bookings/nodes",
        "/admin/bookings/nodes",
    ];
    let found = found.iter().find_map(|path| answer.ok().data.pointer(path));
    found
        .unwrap_or_else(|| panic!("no nodes in {}", answer.data))
        .clone()
}

/// Two bookings of maria with nora: one with five notes, of which two are private, and one without
/// any.
async fn talk(app: &TestApp) {
    let (maria, nora) = (app.client("maria"), app.coach("nora"));
    let offer = app.offer("nora", "coaching-60").await;
    for start in ["2026-11-24T14:00:00Z", "2026-11-25T14:00:00Z"] {
        create(&maria, &offer.order(at(start))).await;
    }
    let sessions = maria
        .gql("{ viewer { sessions { nodes { id } } } }", json!({}))
        .await;
    let session = sessions.text("/viewer/sessions/nodes/0/id");
    for (author, visibility) in [
        (&maria, "SHARED"),
        (&nora, "PRIVATE"),
        (&nora, "SHARED"),
        (&maria, "PRIVATE"),
        (&nora, "SHARED"),
    ] {
        let input = json!({ "sessionId": session, "body": format!("\"{visibility}\" \u{1f600}"), "visibility": visibility });
        let note = "mutation($input: CreateNoteInput!) { createNote(input: $input) { userErrors { code } } }";
        assert!(
            author
                .gql(note, json!({ "input": input }))
                .await
                .user_errors()
                .is_empty()
        );
    }
}
