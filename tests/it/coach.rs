//! The directory, and profiles.

use serde_json::{Value, json};
use tests::{Actor, Answer, TestApp, both};

both![
    the_directory_shows_listed_coaches_by_name,
    a_search_matches_words_in_any_position,
    a_price_filter_compares_within_one_currency,
    pages_go_forwards_and_backwards,
    an_unlisted_profile_is_visible_to_its_coach_and_staff,
    a_coach_changes_their_own_profile,
    all_errors_of_a_profile_are_reported_at_once,
    somebody_elses_profile_cannot_be_changed,
    a_handle_belongs_to_one_coach,
    changes_by_staff_are_audited,
    a_list_of_coaches_takes_few_statements,
    staff_fields_of_many_coaches_take_few_statements,
    a_coach_of_several_bookings_shows_the_same_in_each,
    each_mutation_of_one_request_returns_the_state_after_it,
    a_field_selected_with_different_arguments_is_answered_for_each,
];

const PROFILE: &str =
    "coach { handle displayName headline biography specialties isListed version }";

async fn update(actor: &Actor<'_>, input: Value) -> Answer {
    actor.mutate("updateCoachProfile", input, PROFILE).await
}

/// The first names of coaches that a filter finds, in the order of the answer.
async fn found(app: &TestApp, filter: Value) -> Vec<String> {
    let query = "query($filter: CoachFilter) { coaches(filter: $filter, first: 100) { nodes { displayName } totalCount } }";
    let answer = app.visitor().gql(query, json!({ "filter": filter })).await;
    let nodes = answer
        .at("/coaches/nodes")
        .as_array()
        .expect("a list")
        .clone();
    assert_eq!(answer.at("/coaches/totalCount"), nodes.len());
    let first = |node: &Value| {
        node["displayName"]
            .as_str()
            .expect("a name")
            .split(' ')
            .next()
            .unwrap_or("")
            .to_owned()
    };
    nodes.iter().map(first).collect()
}

async fn the_directory_shows_listed_coaches_by_name(app: &TestApp) {
    let everyone = [
        "Eleanor", "Grace", "Jonas", "Liam", "Marcus", "Nora", "Priya",
    ];
    assert_eq!(found(app, Value::Null).await, everyone);
    let answer = app.visitor().gql("{ specialties }", json!({})).await;
    let specialties = answer.at("/specialties").as_array().expect("a list");
    assert!(
        specialties.contains(&json!("negotiation"))
            && specialties.is_sorted_by_key(|key| key.as_str())
    );
}

async fn a_search_matches_words_in_any_position(app: &TestApp) {
    assert_eq!(
        found(app, json!({ "search": "LUXURY calm" })).await,
        ["Eleanor"]
    );
    assert_eq!(found(app, json!({ "search": "kim" })).await, ["Grace"]);
    assert_eq!(found(app, json!({ "search": "auctions" })).await, ["Liam"]);
    assert_eq!(found(app, json!({ "search": "o'connor" })).await, ["Liam"]);
    assert_eq!(
        found(app, json!({ "specialties": ["negotiation", "mindset"] })).await,
        ["Eleanor", "Grace", "Liam", "Nora"]
    );
    assert_eq!(
        found(
            app,
            json!({ "specialties": ["negotiation"], "search": "luxury" })
        )
        .await,
        ["Eleanor"]
    );
    // Wildcards of SQL, and what would end a string there.
    for nothing in ["%", "_______", "\\", "';--", "100%"] {
        assert_eq!(
            found(app, json!({ "search": nothing })).await,
            Vec::<String>::new(),
            "{nothing}"
        );
    }
    let query = "query($filter: CoachFilter) { coaches(filter: $filter) { nodes { id } } }";
    let filter = json!({ "search": "a\u{0}b", "specialties": ["Two Words"], "maxPrice": { "amount": "0.001", "currency": "USD" } });
    let refused = app.visitor().gql(query, json!({ "filter": filter })).await;
    assert_eq!(refused.code(), Some("BAD_USER_INPUT"));
    let fields = json!([
        "filter.search",
        "filter.specialties.0",
        "filter.maxPrice.amount"
    ]);
    assert_eq!(refused.errors[0]["extensions"]["fields"], fields);
}

async fn a_price_filter_compares_within_one_currency(app: &TestApp) {
    for coach in [
        "nora", "marcus", "eleanor", "jonas", "priya", "liam", "grace",
    ] {
        app.edit_offer(&app.offer(coach, "intro-20").await, |row| {
            row.price_minor = 1_000_000
        })
        .await;
    }
    let free = ["Grace", "Nora", "Priya"];
    assert_eq!(
        found(
            app,
            json!({ "maxPrice": { "amount": "0", "currency": "EUR" } })
        )
        .await,
        free
    );
    let affordable = found(
        app,
        json!({ "maxPrice": { "amount": "89.00", "currency": "EUR" } }),
    )
    .await;
    assert_eq!(
        affordable,
        ["Grace", "Jonas", "Nora", "Priya"],
        "89 euros are enough for Jonas, and say nothing of pounds"
    );
    assert_eq!(
        found(
            app,
            json!({ "maxPrice": { "amount": "88.99", "currency": "EUR" } })
        )
        .await,
        free
    );
}

async fn pages_go_forwards_and_backwards(app: &TestApp) {
    let query = "query($first: Int, $after: String, $last: Int, $before: String) {
        coaches(first: $first, after: $after, last: $last, before: $before) {
            edges { cursor node { displayName } } pageInfo { hasNextPage hasPreviousPage startCursor endCursor } } }";
    let visitor = app.visitor();
    let first = visitor.gql(query, json!({ "first": 3 })).await;
    assert_eq!(first.at("/coaches/pageInfo/hasNextPage"), true);
    let next = visitor
        .gql(
            query,
            json!({ "first": 10, "after": first.at("/coaches/pageInfo/endCursor") }),
        )
        .await;
    assert_eq!(
        next.at("/coaches/edges/0/node/displayName"),
        "Liam O'Connor"
    );
    assert_eq!(next.at("/coaches/pageInfo/hasNextPage"), false);
    let back = visitor
        .gql(
            query,
            json!({ "last": 2, "before": next.at("/coaches/pageInfo/startCursor") }),
        )
        .await;
    assert_eq!(back.at("/coaches/edges/0/node/displayName"), "Grace Kim");
    assert_eq!(back.at("/coaches/pageInfo/hasPreviousPage"), true);
    let between = visitor
        .gql(
            query,
            json!({ "first": 10, "before": next.at("/coaches/pageInfo/startCursor") }),
        )
        .await;
    assert_eq!(
        between.at("/coaches/pageInfo/hasNextPage"),
        true,
        "there is the one at the cursor"
    );
    let rest = visitor
        .gql(
            query,
            json!({ "last": 10, "after": first.at("/coaches/pageInfo/endCursor") }),
        )
        .await;
    assert_eq!(
        rest.at("/coaches/pageInfo/hasPreviousPage"),
        true,
        "there is the one at the cursor"
    );
    // Not cursors of this list, the second with a NUL in it.
    for cursor in [
        "xyz",
        "Y1siXHUwMDAwIiwiMDE5MzAwMDAtMDAwMC03MDAwLTgwMDAtMDAwMDAwMDAwMDAwIl0",
    ] {
        let refused = visitor
            .gql(query, json!({ "first": 1, "after": cursor }))
            .await;
        assert_eq!(refused.code(), Some("BAD_USER_INPUT"), "{cursor}");
    }
}

async fn an_unlisted_profile_is_visible_to_its_coach_and_staff(app: &TestApp) {
    let nora = app.coach("nora");
    update(&nora, json!({ "isListed": false })).await.ok();
    assert!(!found(app, Value::Null).await.contains(&"Nora".to_owned()));
    let query = "query($handle: String!) { coach(by: { handle: $handle }) { displayName } }";
    let handle = json!({ "handle": "nora-whitfield" });
    for stranger in [app.visitor(), app.client("maria"), app.coach("marcus")] {
        assert_eq!(
            stranger.gql(query, handle.clone()).await.code(),
            Some("NOT_FOUND")
        );
    }
    for friend in [nora, app.admin()] {
        assert_eq!(
            friend
                .gql(query, handle.clone())
                .await
                .at("/coach/displayName"),
            "Nora Whitfield"
        );
    }
    let query = "{ viewer { bookings(first: 1) { nodes { coach { displayName } } } } }";
    let booked = app.client("maria").gql(query, json!({})).await;
    assert_eq!(
        booked.at("/viewer/bookings/nodes/0/coach/displayName"),
        "Nora Whitfield",
        "who booked still sees her"
    );
}

async fn a_coach_changes_their_own_profile(app: &TestApp) {
    let nora = app.coach("nora");
    let input = json!({
        "displayName": " Nora W. ", "headline": null, "biography": "# Hello", "specialties": ["teams", "listings"],
        "handle": "nora", "avatarUrl": "https://example.com/nora.png", "timeZone": "Europe/Paris", "version": 1,
    });
    let answer = update(&nora, input).await;
    let expected = json!({
        "handle": "nora", "displayName": "Nora W.", "headline": null, "biography": "# Hello",
        "specialties": ["listings", "teams"], "isListed": true, "version": 2,
    });
    assert_eq!(answer.at("/updateCoachProfile/coach"), &expected);
    let stale = update(&nora, json!({ "displayName": "Nobody", "version": 1 })).await;
    assert_eq!(stale.user_errors(), ["VERSION_CONFLICT"]);
    let query = "{ coach(by: { handle: \"nora\" }) { displayName headline specialties } }";
    let again = app.visitor().gql(query, json!({})).await;
    assert_eq!(again.at("/coach/displayName"), "Nora W.");
}

async fn all_errors_of_a_profile_are_reported_at_once(app: &TestApp) {
    let before = app.profile("nora").await;
    let input = json!({
        "displayName": "", "handle": "Nora!", "headline": "two\nlines", "biography": "a".repeat(10_001),
        "avatarUrl": "http://example.com/nora.png", "specialties": ["teams", "teams", "<script>"],
    });
    let answer = app
        .coach("nora")
        .mutate("updateCoachProfile", input, PROFILE)
        .await;
    let expected = [
        "displayName",
        "handle",
        "headline",
        "biography",
        "avatarUrl",
        "specialties.2",
        "specialties.1",
    ];
    assert_eq!(answer.fields(), expected);
    assert_eq!(app.profile("nora").await, before);
    let wild = app
        .coach("nora")
        .mutate(
            "updateCoachProfile",
            json!({ "timeZone": "Mars/Olympus" }),
            PROFILE,
        )
        .await;
    assert_eq!(
        (wild.code(), &wild.data),
        (Some("BAD_USER_INPUT"), &Value::Null)
    );
}

async fn somebody_elses_profile_cannot_be_changed(app: &TestApp) {
    let nora = app.offer("nora", "intro-20").await.coach_id();
    let input = json!({ "coachId": nora, "displayName": "Mallory" });
    assert_eq!(
        update(&app.coach("marcus"), input.clone())
            .await
            .user_errors(),
        ["NOT_FOUND"]
    );
    assert_eq!(
        update(&app.client("maria"), input.clone()).await.code(),
        Some("FORBIDDEN")
    );
    assert_eq!(
        update(&app.visitor(), input).await.code(),
        Some("UNAUTHENTICATED")
    );
    assert_eq!(
        update(&app.admin(), json!({ "displayName": "Whose?" }))
            .await
            .user_errors(),
        ["INVALID"]
    );
    let query = "query($id: ID!) { coach(by: { id: $id }) { schedules { id } eventTypes(includeHidden: true) { nodes { id } } } }";
    let refused = app.coach("marcus").gql(query, json!({ "id": nora })).await;
    assert_eq!(refused.refusal().as_deref(), Some("FORBIDDEN"));
    assert_eq!(app.profile("nora").await.display_name, "Nora Whitfield");
}

async fn a_handle_belongs_to_one_coach(app: &TestApp) {
    let answer = update(&app.coach("nora"), json!({ "handle": "marcus-bell" })).await;
    assert_eq!(answer.user_errors(), ["TAKEN"]);
    assert_eq!(
        answer.at("/updateCoachProfile/userErrors/0/field"),
        &json!(["handle"])
    );
}

async fn changes_by_staff_are_audited(app: &TestApp) {
    use sea_orm::EntityTrait;

    let id = app.offer("nora", "intro-20").await.coach_id();
    update(&app.coach("nora"), json!({ "isAcceptingBookings": true }))
        .await
        .ok();
    let answer = update(&app.admin(), json!({ "coachId": id, "isListed": false })).await;
    assert_eq!(answer.at("/updateCoachProfile/coach/isListed"), false);
    let traces = entity::audit_log::Entity::find()
        .all(app.db().read())
        .await
        .expect("the database answers");
    let traces: Vec<_> = traces
        .iter()
        .map(|trace| (trace.action.as_str(), trace.subject.as_str()))
        .collect();
    assert_eq!(traces, [("coach.update", id.as_str())]);
}

/// How many statements read one of these tables. Following the history and signing in are no part
/// of it.
pub(crate) fn about(statements: &[String], tables: &[&str]) -> usize {
    let reads = |sql: &&String| {
        tables
            .iter()
            .any(|table| sql.contains(&format!("FROM \"{table}")))
            && !sql.contains("\"user\"")
    };
    statements.iter().filter(reads).count()
}

async fn a_list_of_coaches_takes_few_statements(app: &TestApp) {
    let query = "query($first: Int!) { coaches(first: $first) { nodes { displayName specialties startingPrice { amount currency }
        eventTypes(first: 5) { nodes { title price { amount } coach { displayName } } pageInfo { hasNextPage } } } } }";
    let visitor = app.visitor();
    let mut counts = Vec::new();
    for first in [1, 7] {
        let asking = visitor.gql(query, json!({ "first": first }));
        let (answer, statements) = app.statements.of(asking).await;
        assert_eq!(
            answer.at("/coaches/nodes").as_array().map(Vec::len),
            Some(first)
        );
        assert_eq!(
            answer.at("/coaches/nodes/0/eventTypes/nodes/0/coach/displayName"),
            "Eleanor Hughes"
        );
        counts.push(about(&statements, &["coach", "event_type"]));
    }
    assert_eq!(
        counts,
        [4, 4],
        "coaches, specialties, prices, event types: however many coaches"
    );
}

async fn staff_fields_of_many_coaches_take_few_statements(app: &TestApp) {
    let query = "query($first: Int!) { coaches(first: $first) { nodes {
        schedules { name isDefault }
        eventTypes(first: 5) { nodes { slug hosts { displayName } schedule { name } } } } } }";
    let admin = app.admin();
    for offer in ["nora", "marcus", "eleanor"] {
        let offer = app.offer(offer, "intro-20").await;
        app.edit_offer(&offer, |row| {
            row.schedule_id = offer.coach.default_schedule_id
        })
        .await;
    }
    let mut counts = Vec::new();
    for first in [2, 7] {
        let (answer, statements) = app
            .statements
            .of(admin.gql(query, json!({ "first": first })))
            .await;
        let nodes = answer.at("/coaches/nodes").as_array().expect("a list");
        assert_eq!(nodes.len(), first);
        for node in nodes {
            assert_eq!(node["schedules"][0]["isDefault"], true);
            assert_eq!(
                node["eventTypes"]["nodes"][0]["hosts"]
                    .as_array()
                    .map(Vec::len),
                Some(1)
            );
        }
        counts.push(about(&statements, &["coach", "schedule", "event_type"]));
    }
    assert_eq!(
        counts,
        [6, 6],
        "coaches, their schedules and event types; hosts and who they are; the types' schedules"
    );
    let client = app.client("maria").gql(query, json!({ "first": 1 })).await;
    assert_eq!(
        client.code(),
        Some("FORBIDDEN"),
        "hours are nobody else's to see"
    );
}

async fn a_coach_of_several_bookings_shows_the_same_in_each(app: &TestApp) {
    let query = "{ viewer { bookings(first: 2) { nodes { coach { handle specialties eventTypes(first: 1) { nodes { title } } } } } } }";
    let answer = app.client("maria").gql(query, json!({})).await;
    let (first, second) = (
        answer.at("/viewer/bookings/nodes/0"),
        answer.at("/viewer/bookings/nodes/1"),
    );
    assert_eq!(
        first["coach"]["eventTypes"]["nodes"],
        json!([{ "title": "Coaching session" }])
    );
    assert_eq!(first, second);
}

async fn each_mutation_of_one_request_returns_the_state_after_it(app: &TestApp) {
    let nora = app.coach("nora");
    let both = "mutation($type: UpdateEventTypeInput!, $profile: UpdateCoachProfileInput!) {
        before: updateEventType(input: $type) { eventType { coach { displayName } } }
        renamed: updateCoachProfile(input: $profile) { coach { displayName } }
        after: updateEventType(input: $type) { eventType { coach { displayName } } } }";
    let offer = app.offer("nora", "coaching-60").await;
    let variables = json!({ "type": { "eventTypeId": offer.id() }, "profile": { "displayName": "Nora the Second" } });
    let answer = nora.gql(both, variables).await;
    assert_ne!(
        answer.at("/before/eventType/coach/displayName"),
        "Nora the Second"
    );
    for told in [
        "/renamed/coach/displayName",
        "/after/eventType/coach/displayName",
    ] {
        assert_eq!(answer.at(told), "Nora the Second", "{told}");
    }
}

async fn a_field_selected_with_different_arguments_is_answered_for_each(app: &TestApp) {
    let query = "{ coaches(first: 20) { nodes { eventTypes(last: 1) { nodes { title } } }
        edges { node { eventTypes(first: 20) { nodes { title } } } } } }";
    let answer = app.visitor().gql(query, Value::Null).await;
    let list = |at: &str| answer.at(at).as_array().expect("a list").clone();
    let (nodes, edges) = (list("/coaches/nodes"), list("/coaches/edges"));
    assert_eq!(nodes.len(), 7);
    for (node, edge) in nodes.iter().zip(&edges) {
        let all = edge["node"]["eventTypes"]["nodes"]
            .as_array()
            .expect("a list");
        assert_eq!(
            node["eventTypes"]["nodes"].as_array().map(Vec::as_slice),
            Some(&all[all.len() - 1..])
        );
    }
}
