//! What coaches offer.

use serde_json::{Value, json};
use tests::{Actor, Answer, TestApp, at, both};

use crate::booking::{create, id_of};

both![
    a_title_a_slug_and_a_length_make_an_event_type,
    all_fields_can_be_set_changed_and_cleared,
    all_errors_are_reported_at_once,
    a_slug_is_unique_for_each_coach,
    an_archived_type_is_visible_to_its_coach_only,
    bookings_made_before_keep_their_terms,
    only_staff_offer_verification_and_name_hosts,
    a_host_can_be_booked_instead_of_the_owner,
    somebody_elses_types_cannot_be_changed,
    a_coachs_page_shows_what_is_public,
];

const TYPE: &str =
    "eventType { id slug title description visibility lengthMinutes lengthsMinutes price { amount currency }
    slotIntervalMinutes bookingWindow { kind days from until } locationKind locationValue
    questions { key label kind isRequired options } cancellationPolicy { maxMoves tiers { hoursBefore refundPercent } }
    requiresApproval seats version }";

async fn make(actor: &Actor<'_>, input: Value) -> Answer {
    actor.mutate("createEventType", input, TYPE).await
}

async fn change(actor: &Actor<'_>, input: Value) -> Answer {
    actor.mutate("updateEventType", input, TYPE).await
}

fn least() -> Value {
    json!({ "title": "Listing review", "slug": "listing-review", "lengthMinutes": 45 })
}

async fn a_title_a_slug_and_a_length_make_an_event_type(app: &TestApp) {
    let answer = make(&app.coach("nora"), least()).await;
    let made = answer.at("/createEventType/eventType");
    assert_eq!(made["lengthsMinutes"], json!([45]));
    assert_eq!(made["price"], Value::Null);
    assert_eq!(
        made["bookingWindow"],
        json!({ "kind": "DAYS", "days": 60, "from": null, "until": null })
    );
    assert_eq!(
        (&made["locationKind"], &made["visibility"], &made["version"]),
        (&json!("VIDEO"), &json!("PUBLIC"), &json!(1))
    );
    let path =
        json!({ "by": { "path": { "coachHandle": "nora-whitfield", "slug": "listing-review" } } });
    let query = "query($by: EventTypeBy!) { eventType(by: $by) { id coach { handle } } }";
    let found = app.visitor().gql(query, path).await;
    assert_eq!(found.at("/eventType/id"), &made["id"]);
    assert_eq!(found.at("/eventType/coach/handle"), "nora-whitfield");
}

async fn all_fields_can_be_set_changed_and_cleared(app: &TestApp) {
    let nora = app.coach("nora");
    let mut input = least();
    let terms = json!({
        "description": "# What", "lengthsMinutes": [90, 45, 45], "price": { "amount": "49.9", "currency": "EUR" },
        "slotIntervalMinutes": 15, "window": { "kind": "RANGE", "from": "2026-12-01", "until": "2026-12-24" },
        "location": { "kind": "IN_PERSON", "value": "Main St 1" }, "requiresApproval": true,
        "questions": [{ "key": "area", "label": "Which area?", "kind": "SINGLE_CHOICE", "options": ["North", "South"] }],
        "policy": { "tiers": [{ "hoursBefore": 48, "refundPercent": 100 }, { "hoursBefore": 0, "refundPercent": 10 }], "maxMoves": 2 },
    });
    input
        .as_object_mut()
        .expect("an object")
        .extend(terms.as_object().expect("an object").clone());
    let answer = make(&nora, input).await;
    let made = answer.at("/createEventType/eventType").clone();
    assert_eq!(made["lengthsMinutes"], json!([45, 90]));
    assert_eq!(
        made["price"],
        json!({ "amount": "49.90", "currency": "EUR" })
    );
    assert_eq!(made["locationValue"], "Main St 1");
    assert_eq!(
        made["cancellationPolicy"]["tiers"][1],
        json!({ "hoursBefore": 0, "refundPercent": 10 })
    );

    let emptied = json!({
        "eventTypeId": made["id"], "version": 1, "description": null, "price": null, "slotIntervalMinutes": null,
        "questions": [], "window": { "kind": "UNLIMITED" },
    });
    let answer = change(&nora, emptied).await;
    let after = answer.at("/updateEventType/eventType");
    for field in ["description", "price", "slotIntervalMinutes"] {
        assert_eq!(after[field], Value::Null, "{field}");
    }
    assert_eq!(after["questions"], json!([]));
    for field in [
        "title",
        "lengthsMinutes",
        "locationValue",
        "cancellationPolicy",
        "requiresApproval",
    ] {
        assert_eq!(after[field], made[field], "{field} was left out, and stays");
    }
    let stale = change(
        &nora,
        json!({ "eventTypeId": made["id"], "version": 1, "title": "Again" }),
    )
    .await;
    assert_eq!(stale.user_errors(), ["VERSION_CONFLICT"]);
}

async fn all_errors_are_reported_at_once(app: &TestApp) {
    let nora = app.coach("nora");
    let foreign = app
        .coach("marcus")
        .gql("{ viewer { coach { schedules { id } } } }", json!({}))
        .await;
    let input = json!({
        "title": " ", "slug": "No Slug", "lengthMinutes": 7, "lengthsMinutes": [30],
        "price": { "amount": "1.001", "currency": "USD" }, "bufferBeforeMinutes": -1,
        "window": { "kind": "DAYS" }, "location": { "kind": "LINK", "value": "javascript:alert(1)" },
        "policy": { "tiers": [{ "hoursBefore": 0, "refundPercent": 101 }] },
        "questions": [{ "key": "a", "label": "A?", "kind": "SINGLE_CHOICE" }],
        "scheduleId": foreign.at("/viewer/coach/schedules/0/id"),
    });
    let answer = make(&nora, input).await;
    let expected = [
        "price.amount",
        "title",
        "slug",
        "lengthMinutes",
        "lengthsMinutes",
        "bufferBeforeMinutes",
        "window.days",
        "location.value",
        "questions.0.options",
        "policy.tiers.0.refundPercent",
        "scheduleId",
    ];
    assert_eq!(answer.fields(), expected);
    let shop = "query { coach(by: { handle: \"nora-whitfield\" }) { eventTypes { totalCount } } }";
    assert_eq!(
        nora.gql(shop, json!({}))
            .await
            .at("/coach/eventTypes/totalCount"),
        3
    );
    let huge = json!({ "title": "T", "slug": "t", "lengthMinutes": 30, "price": { "amount": "99999999999999999", "currency": "USD" } });
    assert_eq!(make(&nora, huge).await.fields(), ["price.amount"]);
    let unknown = json!({ "title": "T", "slug": "t", "lengthMinutes": 30, "price": { "amount": "1", "currency": "XXX" } });
    assert_eq!(make(&nora, unknown).await.fields(), ["price.currency"]);
}

async fn a_slug_is_unique_for_each_coach(app: &TestApp) {
    let (nora, marcus) = (app.coach("nora"), app.coach("marcus"));
    assert_eq!(make(&nora, least()).await.user_errors(), Vec::<&str>::new());
    let taken = make(&nora, least()).await;
    assert_eq!(
        (taken.user_errors(), taken.fields()),
        (vec!["TAKEN"], vec!["slug".to_owned()])
    );
    assert_eq!(
        make(&marcus, least()).await.user_errors(),
        Vec::<&str>::new()
    );
    let own = app.offer("nora", "intro-20").await.id();
    let taken = change(
        &nora,
        json!({ "eventTypeId": own, "slug": "listing-review" }),
    )
    .await;
    assert_eq!(taken.user_errors(), ["TAKEN"]);
}

async fn an_archived_type_is_visible_to_its_coach_only(app: &TestApp) {
    let (nora, maria) = (app.coach("nora"), app.client("maria"));
    let offer = app.offer("nora", "intro-20").await;
    let input = json!({ "eventTypeId": offer.id() });
    for _ in 0..2 {
        let answer = nora.mutate("archiveEventType", input.clone(), TYPE).await;
        assert_eq!(
            answer.at("/archiveEventType/eventType/visibility"),
            "ARCHIVED"
        );
    }
    let query = "query($id: ID!) { eventType(by: { id: $id }) { title } node(id: $id) { id } }";
    let gone = maria.gql(query, json!({ "id": offer.id() })).await;
    assert_eq!(gone.code(), Some("NOT_FOUND"));
    assert_eq!(gone.data["node"], Value::Null);
    assert_eq!(
        nora.gql(query, json!({ "id": offer.id() }))
            .await
            .at("/eventType/title"),
        "Introduction"
    );
    assert_eq!(
        create(&maria, &offer.order(at("2026-11-24T15:00:00Z")))
            .await
            .user_errors(),
        ["NOT_FOUND"]
    );
    let back = change(
        &nora,
        json!({ "eventTypeId": offer.id(), "visibility": "UNLISTED" }),
    )
    .await;
    assert_eq!(back.at("/updateEventType/eventType/visibility"), "UNLISTED");
    id_of(&create(&maria, &offer.order(at("2026-11-24T15:00:00Z"))).await);
}

async fn bookings_made_before_keep_their_terms(app: &TestApp) {
    let (nora, maria) = (app.coach("nora"), app.client("maria"));
    let offer = app.offer("nora", "coaching-60").await;
    let id = id_of(&create(&maria, &offer.order(at("2026-11-24T15:00:00Z"))).await);
    let input = json!({
        "eventTypeId": offer.id(), "price": { "amount": "500", "currency": "USD" },
        "policy": { "tiers": [] }, "location": { "kind": "PHONE", "value": "+1 212 555 0100" },
    });
    change(&nora, input).await.ok();
    let query =
        "query($id: ID!) { booking(id: $id) { price { amount } location { kind } cancellationQuote { refundPercent }
        eventType { price { amount } } } }";
    let answer = maria.gql(query, json!({ "id": id })).await;
    assert_eq!(answer.at("/booking/price"), &Value::Null);
    assert_eq!(answer.at("/booking/location/kind"), "LINK");
    assert_eq!(answer.at("/booking/cancellationQuote/refundPercent"), 50);
    assert_eq!(answer.at("/booking/eventType/price/amount"), "500.00");
}

async fn only_staff_offer_verification_and_name_hosts(app: &TestApp) {
    let (nora, admin) = (app.coach("nora"), app.admin());
    let mut input = least();
    input["kind"] = json!("VERIFICATION");
    assert_eq!(make(&nora, input.clone()).await.code(), Some("FORBIDDEN"));
    let offer = app.offer("nora", "intro-20").await;
    let refused = change(
        &nora,
        json!({ "eventTypeId": offer.id(), "kind": "VERIFICATION" }),
    )
    .await;
    assert_eq!(refused.code(), Some("FORBIDDEN"));
    input["coachId"] = json!(offer.coach_id());
    let made = make(&admin, input).await;
    assert_eq!(made.user_errors(), Vec::<&str>::new());
    let id = made.text("/createEventType/eventType/id");
    let renamed = change(&nora, json!({ "eventTypeId": id, "title": "Hello" })).await;
    assert_eq!(
        renamed.user_errors(),
        Vec::<&str>::new(),
        "her own, whatever its kind"
    );

    let marcus = app.offer("marcus", "intro-20").await.coach_id();
    let hosts = json!({ "eventTypeId": id, "coachIds": [marcus] });
    assert_eq!(
        nora.mutate("setEventTypeHosts", hosts, "userErrors { code }")
            .await
            .code(),
        Some("FORBIDDEN")
    );
    let twice = json!({ "eventTypeId": id, "coachIds": [marcus, marcus] });
    assert_eq!(
        admin
            .mutate("setEventTypeHosts", twice, TYPE)
            .await
            .fields(),
        ["coachIds.1"]
    );
    let nobody = json!({ "eventTypeId": id, "coachIds": [format!("coach_{}", "0".repeat(32))] });
    assert_eq!(
        admin
            .mutate("setEventTypeHosts", nobody, TYPE)
            .await
            .fields(),
        ["coachIds"]
    );
}

async fn a_host_can_be_booked_instead_of_the_owner(app: &TestApp) {
    let (admin, maria) = (app.admin(), app.client("maria"));
    let (offer, grace) = (
        app.offer("nora", "intro-20").await,
        app.offer("grace", "intro-20").await.coach_id(),
    );
    let mut order = offer.order(at("2026-11-25T00:00:00Z"));
    order["coachId"] = json!(grace);
    assert_eq!(create(&maria, &order).await.fields(), ["coachId"]);
    let hosts = json!({ "eventTypeId": offer.id(), "coachIds": [grace], "version": 1 });
    let answer = admin
        .mutate(
            "setEventTypeHosts",
            hosts.clone(),
            "eventType { hosts { displayName } version }",
        )
        .await;
    let shown = json!([{ "displayName": "Nora Whitfield" }, { "displayName": "Grace Kim" }]);
    assert_eq!(answer.at("/setEventTypeHosts/eventType/hosts"), &shown);
    assert_eq!(
        admin
            .mutate("setEventTypeHosts", hosts, TYPE)
            .await
            .user_errors(),
        ["VERSION_CONFLICT"]
    );
    let booked = create(&maria, &order).await;
    assert_eq!(
        app.booking(&id_of(&booked)).await.coach_id,
        app.profile("grace").await.id
    );
}

async fn somebody_elses_types_cannot_be_changed(app: &TestApp) {
    let offer = app.offer("nora", "intro-20").await;
    let input = json!({ "eventTypeId": offer.id(), "title": "Mine now" });
    assert_eq!(
        change(&app.coach("marcus"), input.clone())
            .await
            .user_errors(),
        ["NOT_FOUND"]
    );
    assert_eq!(
        change(&app.client("maria"), input.clone()).await.code(),
        Some("FORBIDDEN")
    );
    assert_eq!(
        change(&app.visitor(), input).await.code(),
        Some("UNAUTHENTICATED")
    );
    let missing = json!({ "eventTypeId": format!("eventType_{}", "0".repeat(32)), "title": "T" });
    assert_eq!(
        change(&app.admin(), missing).await.user_errors(),
        ["NOT_FOUND"]
    );
    let wrong = json!({ "eventTypeId": offer.coach_id(), "title": "T" });
    assert_eq!(change(&app.admin(), wrong).await.fields(), ["eventTypeId"]);
    let query = "query($id: ID!) { eventType(by: { id: $id }) { locationValue viewerCanEdit } }";
    let seen = app
        .coach("marcus")
        .gql(query, json!({ "id": offer.id() }))
        .await;
    assert_eq!(
        seen.at("/eventType"),
        &json!({ "locationValue": null, "viewerCanEdit": false })
    );
}

async fn a_coachs_page_shows_what_is_public(app: &TestApp) {
    let nora = app.coach("nora");
    let offer = app.offer("nora", "intro-20").await;
    change(
        &nora,
        json!({ "eventTypeId": offer.id(), "visibility": "UNLISTED" }),
    )
    .await
    .ok();
    let query = "query($hidden: Boolean!) { coach(by: { handle: \"nora-whitfield\" }) {
        eventTypes(first: 1, includeHidden: $hidden) { totalCount nodes { title } pageInfo { hasNextPage } } } }";
    let public = app.visitor().gql(query, json!({ "hidden": false })).await;
    assert_eq!(public.at("/coach/eventTypes/totalCount"), 2);
    assert_eq!(
        public.at("/coach/eventTypes/nodes"),
        &json!([{ "title": "Coaching session" }])
    );
    assert_eq!(public.at("/coach/eventTypes/pageInfo/hasNextPage"), true);
    let own = nora.gql(query, json!({ "hidden": true })).await;
    assert_eq!(own.at("/coach/eventTypes/totalCount"), 3);
    let query = "query($id: ID!) { eventType(by: { id: $id }) { title } }";
    let direct = app.visitor().gql(query, json!({ "id": offer.id() })).await;
    assert_eq!(
        direct.at("/eventType/title"),
        "Introduction",
        "whoever knows the address"
    );
}
